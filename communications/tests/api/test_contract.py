"""The API against its own description: nothing that it answers is undocumented, and nothing makes it fail.

Cases are drawn from the description (right and wrong ones) by schemathesis, the same in each run. More of them:
`pytest communications/tests/api/test_contract.py --examples 50`.
"""

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from django.core.wsgi import get_wsgi_application
from drf_spectacular.generators import SchemaGenerator
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis.checks import (
    content_type_conformance,
    not_a_server_error,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from schemathesis.generation import GenerationMode

from communications.models import MessageSchema
from communications.tests.api.roles import STRANGER, Objects, token_of
from config.tests.requests import kept_open

ROLES = ("Manager", "API client", STRANGER)
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]

API = schemathesis.openapi.from_dict(SchemaGenerator().get_schema(request=None, public=True))  # type: ignore[no-untyped-call]
API.app = get_wsgi_application()
OPERATIONS = [result.ok() for result in API.get_all_operations()]


@pytest.fixture(autouse=True)
def open_connection() -> Iterator[None]:
    with kept_open():
        yield


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.label)
def test_whatever_is_asked_the_answer_is_documented(
    groups: None, objects: Objects, examples: int, operation: Any, role: str
) -> None:
    """Every other case names an object that is there."""
    headers = {"Authorization": f"Bearer {token_of(role)}"}
    objects("message-schema")
    known = {name: str(pk) for name, pk in objects(operation.path).items()}

    @settings(
        max_examples=examples,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(case=_cases(operation), is_there=st.booleans())
    def ask(case: Any, is_there: bool) -> None:
        if is_there:
            _aim(case, known["pk"])
        case.call_and_validate(headers=headers, checks=CHECKS)

    ask()


def _aim(case: Any, pk: str) -> None:
    """At an object that is there, and with what nobody could guess: a template's code, a template without a mistake."""
    if "id" in case.path_parameters:
        case.path_parameters["id"] = pk
    if isinstance(case.body, dict):
        written = {"message_delivery_method": "SMS", "template_schema": {"message": "Hi {{ firstName }}"}}
        guessed = {"message_schema": MessageSchema.objects.values_list("code", flat=True).first(), **written}
        case.body.update({name: value for name, value in guessed.items() if name in case.body})


def _cases(operation: Any) -> st.SearchStrategy[Any]:
    right = operation.as_strategy(generation_mode=GenerationMode.POSITIVE)
    wrong = operation.as_strategy(generation_mode=GenerationMode.NEGATIVE)
    return right | wrong
