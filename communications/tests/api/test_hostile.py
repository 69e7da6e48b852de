"""Hostile texts through every text field and every filter of the API: refused, or stored as text. Fifty of them; all
five hundred: `pytest communications/tests/api/test_hostile.py --texts 500`.

Each request has one hostile text in every field, another in each; what is refused is taken out and the rest sent again,
so that no refusal hides what another text would have done.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import pytest
from django.db.models import Model
from drf_spectacular.generators import SchemaGenerator
from rest_framework.test import APIClient

from communications.tests.api.hostile import HOSTILE, UNREADABLE
from communications.tests.api.roles import Objects, program
from config.api.limits import CallerThrottle
from customers.models import Customer
from customers.tests.factories import CustomerFactory

Body = dict[str, Any]
DOCUMENT = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
SMS = {"message_delivery_method": "SMS", "template_schema": {"message": "Hi"}}
#: A right body for each address that takes one.
BODIES: dict[tuple[str, str], Callable[[], Body]] = {
    ("/api/v1/message-data", "post"): lambda: {"message_schema": "HOSTILE", "recipient": "+14165551234"},
    ("/api/v1/message-data/bulk", "post"): lambda: {
        "message_schema": "HOSTILE",
        "recipients": [{"recipient": "+14165551234"}],
    },
    ("/api/v1/message-schema", "post"): lambda: {"name": "Hi", **SMS},
    ("/api/v1/message-schema/{id}", "put"): lambda: {"name": "Hi", **SMS},
}
BODIES |= {
    ("/api/v1/customer", "post"): lambda: {"name": "Jane"},
    ("/api/v1/customer/{id}", "patch"): dict,
    ("/api/v1/appointment", "post"): lambda: {
        "customer": _newest(Customer),
        "service_type": "Furnace",
        "starts_at": "2026-12-01T14:00:00Z",
    },
    ("/api/v1/appointment/{id}", "patch"): dict,
    ("/api/v1/consent", "post"): lambda: {
        "channel": "sms",
        "address": "+14165551234",
        "status": "opt_in",
        "purpose": "marketing",
    },
    ("/api/v1/consent/{id}", "patch"): dict,
    ("/api/v1/conversation", "post"): lambda: {"customer": str(CustomerFactory().pk), "channel": "sms"},
    ("/api/v1/conversation/{id}", "patch"): dict,
    ("/api/v1/interaction", "post"): lambda: {
        "customer": _newest(Customer),
        "interaction_type": "voice_call",
        "channel": "phone",
    },
    ("/api/v1/interaction/{id}", "patch"): dict,
}
WRITTEN = [
    (address, method)
    for address, methods in DOCUMENT["paths"].items()
    for method, operation in methods.items()
    if "requestBody" in operation
]
LISTS = [
    address
    for address, methods in DOCUMENT["paths"].items()
    if any(each["name"] == "cursor" for each in methods.get("get", {}).get("parameters", ()))
]
MOST_TRIES = 8


@pytest.fixture
def client(groups: None, monkeypatch: pytest.MonkeyPatch) -> APIClient:
    monkeypatch.setattr(CallerThrottle, "rate", "1000000/min")
    return program("Manager")


@pytest.fixture
def texts(request: pytest.FixtureRequest) -> Sequence[str]:
    """As many as were asked for, from all over the list."""
    return HOSTILE[:: max(len(HOSTILE) // request.config.getoption("--texts"), 1)]


@pytest.mark.parametrize(("address", "method"), WRITTEN, ids=str)
def test_a_hostile_text_is_refused_or_stored(
    client: APIClient, objects: Objects, texts: Sequence[str], address: str, method: str
) -> None:
    CustomerFactory()
    path = address.replace("{id}", str(objects(address)["pk"]))
    objects("hostile template")
    fields = list(_text_fields(_request_schema(address, method)))
    stored = 0
    for each in _rotated(fields, texts):
        stored += _written(getattr(client, method), path, BODIES[address, method], each)
    for text in UNREADABLE:
        body = {**BODIES[address, method](), fields[0][0]: text}
        response = getattr(client, method)(path, json.dumps(body), content_type="application/json")
        assert response.status_code == 400

    assert stored >= len(texts) // 2


@pytest.mark.parametrize("address", LISTS)
def test_a_hostile_filter_is_refused_or_finds_nothing(
    client: APIClient, objects: Objects, texts: Sequence[str], address: str
) -> None:
    objects(address)
    parameters = DOCUMENT["paths"][address]["get"]["parameters"]
    names = [each["name"] for each in parameters if each["name"] not in ("page_size", "ordering", "format")]
    for each in _rotated([(name,) for name in names], texts):
        asked = {path[0]: text for path, text in each.items()}
        for _ in range(MOST_TRIES):
            response = client.get(address, asked)
            if response.status_code == 200:
                break
            assert response.status_code == 400, asked
            refused = {error["attr"].split(".")[0] for error in response.json()["errors"]}
            assert refused & set(asked), response.json()
            asked = {name: text for name, text in asked.items() if name not in refused}
        assert response.status_code == 200, response.json()


def _newest(model: type[Model]) -> str:
    return str(model._default_manager.latest("pk").pk)


def _rotated(fields: list[tuple[str, ...]], texts: Sequence[str]) -> Iterator[dict[tuple[str, ...], str]]:
    """As many requests as there are texts; in the end each field had each text."""
    for start in range(len(texts)):
        yield {path: texts[(start + 7 * place) % len(texts)] for place, path in enumerate(fields)}


def _written(ask: Any, path: str, body_of: Callable[[], Body], texts: Mapping[tuple[str, ...], str]) -> bool:
    """Whether it was stored in the end."""
    left = dict(texts)
    for _ in range(MOST_TRIES):
        body = body_of()
        for place, text in left.items():
            _put(body, place, text)
        response = ask(path, body)
        if response.status_code in (200, 201, 202):
            return True
        assert response.status_code in (400, 409), (response.status_code, body)
        refused = {(error["attr"] or "").split(".")[0] for error in response.json()["errors"]}
        kept = {place: text for place, text in left.items() if place[0] not in refused}
        if len(kept) == len(left):
            return False  # refused as a whole
        left = kept
    return False


def _put(body: Body, place: tuple[str, ...], text: str) -> None:
    *outer, last = place
    for name in outer:
        inner = body.setdefault(name, {})
        body = inner[0] if isinstance(inner, list) else inner
    body[text if last == "<name>" else last] = "x" if last == "<name>" else text


def _request_schema(address: str, method: str) -> Mapping[str, Any]:
    content = DOCUMENT["paths"][address][method]["requestBody"]["content"]
    return _resolved(content["application/json"]["schema"])


def _resolved(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    while "$ref" in schema or "allOf" in schema:
        schema = schema["allOf"][0] if "allOf" in schema else schema
        if "$ref" in schema:
            schema = DOCUMENT["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]
    return schema


def _text_fields(schema: Mapping[str, Any], *outer: str) -> Iterator[tuple[str, ...]]:
    """The places of texts in a body: plain ones, those within objects and lists, names and values of open objects."""
    for name, each in schema.get("properties", {}).items():
        field = _resolved(each)
        inner = _resolved(field.get("items", {}))
        if field.get("type") == "string":
            yield (*outer, name)
        elif "properties" in inner:
            yield from _text_fields(inner, *outer, name)
        elif "properties" in field:
            yield from _text_fields(field, *outer, name)
        elif field.get("type") == "object":
            yield (*outer, name, "text")
            yield (*outer, name, "<name>")
