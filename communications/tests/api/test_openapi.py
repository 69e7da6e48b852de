from io import StringIO

import pytest
import yaml
from django.core.management import call_command
from rest_framework.test import APIClient

from communications.tests.api.conftest import MESSAGES
from config.accounts.models import User
from config.tests.callers import errors_of

SENDS = [(MESSAGES, "201"), (f"{MESSAGES}/bulk", "202"), (f"{MESSAGES}/{{id}}/retry", "201")]
SENT = {address for address, _ in SENDS}
CANCELS = f"{MESSAGES}/{{id}}/cancel"
SCHEMAS = "/api/v1/message-schema"
TEMPLATES = {SCHEMAS: {"get", "post"}, f"{SCHEMAS}/{{id}}": {"get", "put", "delete"}}
RESOURCES = ("customer", "appointment", "consent", "conversation", "interaction")
PARTS = {f"/api/v1/interaction/{{id}}/{part}" for part in ("content", "transcript")}
ALIKE = {f"/api/v1/{name}": {"get", "post"} for name in RESOURCES}
ALIKE |= {f"/api/v1/{name}/{{id}}": {"get", "patch"} for name in RESOURCES}
READ = {f"{MESSAGES}/{{id}}", f"{MESSAGES}/{{id}}/track", f"{MESSAGES}/bulk/{{id}}"}


def test_the_api_describes_itself_without_a_warning() -> None:
    output = StringIO()

    call_command("spectacular", validate=True, fail_on_warn=True, stdout=output)

    paths = yaml.safe_load(output.getvalue())["paths"]
    assert set(paths) == SENT | READ | {CANCELS} | set(TEMPLATES) | set(ALIKE) | PARTS
    for address, methods in ALIKE.items():
        assert set(paths[address]) == methods
        for each in methods:
            assert set(paths[address][each]["responses"]) >= {"401", "403", "429", "503"}
    for address, methods in TEMPLATES.items():
        assert set(paths[address]) == methods
    for address, answer in SENDS:
        answers = set(paths[address]["post"]["responses"])
        assert answers >= {answer, "400", "401", "403", "404", "409", "411", "413", "415", "422", "429", "503"}
    assert set(paths[CANCELS]["post"]["responses"]) >= {"200", "401", "403", "404", "409", "503"}
    assert set(paths[MESSAGES]["get"]["responses"]) >= {"200", "400", "401", "403", "503"}
    for address in READ:
        assert set(paths[address]["get"]["responses"]) >= {"200", "401", "403", "404", "503"}


@pytest.mark.parametrize("address", ["/api/schema", "/api/schema/"])
def test_the_description_is_served_to_whoever_has_a_token(client: APIClient, address: str) -> None:
    response = client.get(address, {"format": "json"})

    assert response.status_code == 200
    assert MESSAGES in response.json()["paths"]


def test_the_description_is_not_for_everybody(db: None) -> None:
    response = APIClient().get("/api/schema")

    assert response.status_code == 401


@pytest.mark.parametrize("address", ["/api/docs", "/api/docs/"])
def test_the_documentation_is_a_page_without_inline_script(website: User, address: str) -> None:
    browser = APIClient()
    browser.force_login(website)

    page = browser.get(address)
    script = browser.get(address, {"script": ""})

    assert (page.status_code, script.status_code) == (200, 200)
    assert "<script>" not in page.content.decode()
    assert "/api/schema" in script.content.decode()


def test_the_documentation_shows_strangers_the_way_in(db: None) -> None:
    response = APIClient().get("/api/docs")

    assert response.status_code == 302
    assert response.headers["Location"].endswith("?next=/api/docs")


def test_an_error_of_the_description_has_the_one_shape(db: None) -> None:
    response = APIClient().get("/api/schema", {"format": "json"})

    assert errors_of(response) == {("not_authenticated", None)}
