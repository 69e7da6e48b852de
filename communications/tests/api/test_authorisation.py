"""Who may do what, at every address of the URL map. A new address fails here until it is listed."""

from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from django.urls import reverse
from rest_framework.response import Response
from rest_framework.test import APIClient

from communications.tests.api.roles import GROUPS, STRANGER, Objects, person, program
from communications.tests.routes import Route, routes
from config.tests.callers import errors_of

EVERY_GROUP = frozenset(GROUPS)
EDITORS = frozenset({"Manager", "Marketing"})
LISTENERS = frozenset({"Agent", "Manager", "API client"})
BULK = frozenset({"Manager", "Marketing", "API client"})

API = {
    ("api-message-data", "get"): EVERY_GROUP,
    ("api-message-data", "post"): EVERY_GROUP,
    ("api-message-data-bulk", "post"): BULK,
    ("api-message-data-bulk-detail", "get"): BULK,
    ("api-message-data-cancel", "post"): EVERY_GROUP,
    ("api-message-data-retry", "post"): EVERY_GROUP,
    ("api-message-data-track", "get"): EVERY_GROUP,
    ("api-message-data-detail", "get"): EVERY_GROUP,
    ("api-message-schema", "get"): EVERY_GROUP,
    ("api-message-schema", "post"): EDITORS,
    ("api-message-schema-detail", "get"): EVERY_GROUP,
    ("api-message-schema-detail", "put"): EDITORS,
    ("api-message-schema-detail", "delete"): EDITORS,
}
API |= {
    ("api-customer", "get"): EVERY_GROUP,
    ("api-customer", "post"): LISTENERS,
    ("api-customer-detail", "get"): EVERY_GROUP,
    ("api-customer-detail", "patch"): LISTENERS,
    ("api-appointment", "get"): LISTENERS,
    ("api-appointment", "post"): LISTENERS,
    ("api-appointment-detail", "get"): LISTENERS,
    ("api-appointment-detail", "patch"): LISTENERS,
    ("api-consent", "get"): EVERY_GROUP,
    ("api-consent", "post"): LISTENERS,
    ("api-consent-detail", "get"): EVERY_GROUP,
    ("api-consent-detail", "patch"): LISTENERS,
    ("api-conversation", "get"): LISTENERS,
    ("api-conversation", "post"): LISTENERS,
    ("api-conversation-detail", "get"): LISTENERS,
    ("api-conversation-detail", "patch"): LISTENERS,
    ("api-interaction", "get"): LISTENERS,
    ("api-interaction", "post"): LISTENERS,
    ("api-interaction-content", "get"): LISTENERS,
    ("api-interaction-transcript", "get"): LISTENERS,
    ("api-interaction-detail", "get"): LISTENERS,
    ("api-interaction-detail", "patch"): LISTENERS,
}
#: Fragments of the conversation page: for staff of these groups, by GET or POST.
PAGES = {
    ("interactions:thread", "get"): LISTENERS,
    ("interactions:about", "get"): LISTENERS,
    ("communications:reply", "post"): EVERY_GROUP,
    ("communications:undo", "post"): EVERY_GROUP,
    ("communications:deliveries", "get"): EVERY_GROUP,
    ("communications:count", "post"): EVERY_GROUP,
}
#: For every member of staff.
STAFF = {"communications:health"}
#: Whoever has an account: the API's description.
SIGNED_IN = {"schema", "docs"}
#: Signed by the provider, or by a token in the address; or nothing that anybody could not know.
OPEN = {
    "home", "health", "ready", "tracking:picture", "tracking:click", "tracking:unsubscribe",
    "twilio-sms", "twilio-status", "sendgrid-events", "",
    "account_login", "account_logout", "account_inactive", "mfa_authenticate",
}  # fmt: skip
#: Of one's own account, for whoever has one.
OWN_ACCOUNT = {
    "account_reauthenticate", "account_change_password", "mfa_index", "mfa_reauthenticate",
    "mfa_activate_totp", "mfa_deactivate_totp",
    "mfa_view_recovery_codes", "mfa_generate_recovery_codes", "mfa_download_recovery_codes",
    "mfa_list_webauthn", "mfa_add_webauthn", "mfa_edit_webauthn", "mfa_remove_webauthn", "mfa_reauthenticate_webauthn",
}  # fmt: skip
#: Of the back office, for every member of staff, whatever he may.
FOR_ALL_STAFF = {
    "admin:index", "admin:login", "admin:logout", "admin:password_change", "admin:password_change_done",
    "admin:jsi18n", "admin:search", "admin:toggle_sidebar", "admin:jobs_job_changelist",
}  # fmt: skip
ALL = routes()
BACK_OFFICE = [route for route in ALL if route.name.startswith("admin")]


def test_every_address_is_listed_once() -> None:
    api = {(route.name, method) for route in ALL if route.name.startswith("api-") for method in route.methods}
    others = {route.name for route in ALL if not route.name.startswith(("api-", "admin"))}

    assert api == set(API)
    assert others == {name for name, _ in PAGES} | STAFF | SIGNED_IN | OWN_ACCOUNT | OPEN


@pytest.mark.parametrize(("name", "method"), API)
def test_the_api_answers_those_who_may(groups: None, objects: Objects, name: str, method: str) -> None:
    for role in (STRANGER, *GROUPS):
        own = _asked(program(role), name, method, objects(name))
        foreign = _asked(program(role), name, method, {"pk": uuid4()})

        if role not in API[name, method]:
            assert (own.status_code, errors_of(own)) == (403, {("permission_denied", None)}), role
            assert foreign.status_code == 403, role
        else:
            assert own.status_code not in (401, 403, 404, 405), (role, own.status_code)
            assert own.status_code < 500, role
            assert foreign.status_code == (404 if _has_object(name) else own.status_code), role


@pytest.mark.parametrize(("name", "method"), API)
def test_the_api_knows_nobody_without_a_token_and_no_token_without_its_scope(
    groups: None, objects: Objects, name: str, method: str
) -> None:
    nobody = _asked(APIClient(), name, method, objects(name))
    elsewhere = _asked(program("Manager", scopes=("weather:write",)), name, method, objects(name))
    reader = _asked(program("Manager", scopes=(f"{_scope(name)}:read",)), name, method, objects(name))

    assert (nobody.status_code, errors_of(nobody)) == (401, {("not_authenticated", None)})
    assert elsewhere.status_code == 403
    assert (reader.status_code == 403) == (method != "get")


@pytest.mark.parametrize(("name", "method"), PAGES)
def test_a_page_opens_for_staff_who_may(groups: None, objects: Objects, name: str, method: str) -> None:
    for role in (STRANGER, *GROUPS):
        own = _visited(person(role), name, method, objects(name))
        outsider = _visited(person(role, is_staff=False), name, method, objects(name))

        assert (own.status_code in (403, 404)) == (role not in PAGES[name, method] or name.endswith("undo")), role
        assert own.status_code < 500, role
        assert outsider.status_code in (403, 404) or role in PAGES[name, method], role
    assert _visited(Client(), name, method, objects(name)).status_code in (302, 403)


@pytest.mark.parametrize("name", sorted(SIGNED_IN))
def test_the_description_is_for_whoever_has_an_account(db: None, name: str) -> None:
    assert person(STRANGER).get(reverse(name)).status_code == 200
    assert Client().get(reverse(name)).status_code in (302, 401)


@pytest.mark.parametrize("name", sorted(OWN_ACCOUNT))
def test_the_pages_of_an_account_are_for_whoever_has_one(db: None, name: str) -> None:
    named = {"pk": 1} if name.endswith(("edit_webauthn", "remove_webauthn")) else {}
    address = reverse(name, kwargs=named)

    asked = Client().get(address)
    own = person(STRANGER, is_staff=False).get(address)

    assert asked.status_code == 302 and asked["Location"].startswith(reverse("account_login"))
    assert own.status_code in (200, 302, 404), own.status_code
    assert not own.headers.get("Location", "").startswith(reverse("account_login"))


def test_the_back_office_opens_for_nobody_who_may_nothing(db: None) -> None:
    visitors = {"nobody": Client(), "outsider": person(STRANGER, is_staff=False), "staff": person(STRANGER)}

    opened = {
        (who, route.name)
        for who, client in visitors.items()
        for route in BACK_OFFICE
        if route.name != "admin:logout" and client.get(_address(route)).status_code not in (302, 403, 404, 405)
    }

    assert {route for who, route in opened if who != "staff"} <= {"admin:login"}
    assert {route for who, route in opened if who == "staff"} <= FOR_ALL_STAFF


def _asked(client: APIClient, name: str, method: str, named: dict[str, Any]) -> Response:
    address = reverse(name, kwargs=named if _has_object(name) else None)
    body = None if method == "get" else {}
    answer: Response = getattr(client, method)(address, body)
    return answer


def _visited(client: Client, name: str, method: str, named: dict[str, Any]) -> Any:
    route = next(route for route in ALL if route.name == name)
    address = reverse(name, kwargs={each: named[each] for each in route.arguments})
    return getattr(client, method)(address)


def _has_object(name: str) -> bool:
    return any(route.arguments for route in ALL if route.name == name)


def _scope(name: str) -> str:
    view = next(route.view for route in ALL if route.name == name)
    scope: str = view.view_class.scope
    return scope


def _address(route: Route) -> str:
    """With an id that nobody has."""
    words = {"language": "fr", "app_label": "customers"}
    if route.name == "admin":
        return "/admin/nothing"  # what leads nowhere else
    return reverse(route.name, kwargs={name: words.get(name, str(uuid4())) for name in route.arguments})
