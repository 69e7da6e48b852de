"""Templates: every save is a version that never changes; what is wrong is told with its place, and nothing is stored."""

from functools import partial
from typing import Any

import pytest
from django.db import DatabaseError, transaction

from communications.actions.schemas import compile_content, current_version, save_schema
from communications.models import MessageSchema, MessageSchemaVersion
from communications.rendering.problems import TemplateProblem
from communications.tests.factories import MessageSchemaFactory, MessageSchemaVersionFactory
from config.accounts.tests.factories import UserFactory
from config.db import fetch_all
from customers.tests.database import at_once, stored

# as it stands in source 000; its characterCount is not that of its message
SOURCE_000: dict[str, Any] = {
    "message": "Hi {{firstName}}, reminder: Your {{serviceType}} appointment is on {{date}} at {{time}}. "
    "Address: {{address}}. Reply CONFIRM or CANCEL.",
    "maxLength": 160,
    "encoding": "GSM-7",
    "variables": ["firstName", "serviceType", "date", "time", "address"],
    "characterCount": 145,
    "segmentCount": 1,
}

pytestmark = pytest.mark.django_db


def draft(message: str = "Hello {{firstName}}", **values: Any) -> MessageSchema:
    """A template nobody has saved yet, without a code."""
    return MessageSchemaFactory.build(**{"code": "", "template_schema": {"message": message}, **values})


@pytest.fixture
def first_codes() -> None:
    """No code was taken yet; sequences that another test committed come back afterwards."""
    for family in ("appt", "order", "general"):
        fetch_all(f"DROP SEQUENCE IF EXISTS code_msg_schema_{family}")


def test_the_example_of_the_requirements_is_accepted_as_it_stands() -> None:
    schema = draft(template_schema=SOURCE_000, category="APPT")

    version = save_schema(schema)

    assert (version.version, version.language) == (1, "en")
    assert version.variables == ["firstName", "serviceType", "date", "time", "address"]
    stored_schema = MessageSchema.objects.get().template_schema
    assert stored_schema == version.template_schema
    assert stored_schema["message"] == SOURCE_000["message"]
    assert (stored_schema["encoding"], stored_schema["segmentCount"], stored_schema["maxLength"]) == ("GSM-7", 1, 160)


def test_what_follows_from_the_message_is_counted_and_never_believed() -> None:
    claims = {"message": "Привет {{firstName}}", "encoding": "GSM-7", "segmentCount": 9, "variables": ["nothing"]}

    version = save_schema(draft(template_schema={**claims, "allowReplies": True}))

    assert version.template_schema["encoding"] == "UCS-2"
    assert (version.template_schema["segmentCount"], version.template_schema["allowReplies"]) == (1, True)
    assert version.variables == ["firstName"]


def test_every_save_makes_the_next_version_and_keeps_the_ones_before() -> None:
    clerk, schema = UserFactory(), draft()

    versions = [save_schema(schema)]
    for message in ("Hello again", "Goodbye"):
        schema.template_schema = {"message": message}
        versions.append(save_schema(schema, by=clerk))

    assert [version.version for version in versions] == [1, 2, 3]
    assert [v.template_schema["message"] for v in versions] == ["Hello {{firstName}}", "Hello again", "Goodbye"]
    assert (versions[0].created_by, versions[2].created_by) == (None, clerk)
    row = MessageSchema.objects.get()
    assert (row.version, row.template_schema["message"]) == (3, "Goodbye")


def test_a_version_is_a_copy_of_all_that_a_person_wrote() -> None:
    content = {"sms_sender_id": "+15195550177", "push_ttl": 60, "push_priority": "high", "subject": "Hello"}

    version = save_schema(draft(**content))

    assert {name: getattr(version, name) for name in content} == content


@pytest.mark.django_db(transaction=True)
def test_saves_of_one_template_at_once_make_one_version_each() -> None:
    save_schema(draft())
    pk = MessageSchema.objects.get().pk

    versions = at_once(*(partial(save_schema, MessageSchema.objects.get(pk=pk)) for _ in range(8)))

    assert sorted(version.version for version in versions) == list(range(2, 10))
    assert MessageSchema.objects.get().version == 9


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE d_message_schema_version SET template_schema = '{}'",
        "UPDATE d_message_schema_version SET language = 'fr'",
        "DELETE FROM d_message_schema_version",
    ],
)
def test_nobody_changes_a_version(statement: str) -> None:
    save_schema(draft())

    with pytest.raises(DatabaseError, match="immutable"), transaction.atomic():
        fetch_all(statement)

    assert MessageSchemaVersion.objects.get().language == "en"


def test_codes_count_within_their_category(first_codes: None) -> None:
    schemas = [draft(category=category) for category in ("APPT", "APPT", "ORDER", "", "appt")]

    for schema in schemas:
        save_schema(schema)

    assert [schema.code for schema in schemas] == [
        "MSG-SCHEMA-APPT-001",
        "MSG-SCHEMA-APPT-002",
        "MSG-SCHEMA-ORDER-001",
        "MSG-SCHEMA-GENERAL-001",
        "MSG-SCHEMA-APPT-003",
    ]


def test_a_code_that_somebody_wrote_by_hand_is_passed_over(first_codes: None) -> None:
    save_schema(draft(code="MSG-SCHEMA-APPT-001", category="APPT"))
    second = draft(category="APPT")

    save_schema(second)

    assert second.code == "MSG-SCHEMA-APPT-002"


def test_a_code_stays_when_the_template_is_saved_again() -> None:
    schema = draft(category="APPT")
    save_schema(schema)
    code = schema.code

    schema.category = "ORDER"
    save_schema(schema)

    assert code.startswith("MSG-SCHEMA-APPT-") and schema.code == code


@pytest.mark.parametrize(
    ("content", "field", "line", "column"),
    [
        ({"message": "Hello {{ firstName"}, "message", 1, 7),
        ({"message": "Hello\nHi {% if %}x{% endif %}"}, "message", 2, None),
        ({"message": "Hello\n\n  {{ name | nosuchfilter }}"}, "message", 3, None),
        ({"message": "  "}, "message", 1, 1),
        ({"message": 7}, "message", 1, 1),
        ({}, "message", 1, 1),
        ([], "template_schema", 1, 1),
        ({"message": "a" * 1601}, "message", 1, 1),
    ],
)
def test_an_error_names_its_place_and_nothing_is_stored(
    content: Any, field: str, line: int, column: int | None
) -> None:
    schema = draft(template_schema=content)
    before = stored()

    with pytest.raises(TemplateProblem) as problem:
        save_schema(schema)

    assert (problem.value.field, problem.value.line) == (field, line)
    assert column in (None, problem.value.column)
    assert problem.value.message
    assert stored() == before
    assert (schema.code, schema.template_schema) == ("", content)


def test_a_bad_change_leaves_the_template_as_it_was() -> None:
    schema = draft()
    save_schema(schema)

    schema.template_schema = {"message": "{{ oops"}
    with pytest.raises(TemplateProblem):
        save_schema(schema)

    row = MessageSchema.objects.get()
    assert (row.version, row.template_schema["message"], row.versions.count()) == (1, "Hello {{firstName}}", 1)


def test_a_method_that_cannot_be_made_yet_says_so() -> None:
    with pytest.raises(TemplateProblem) as problem:
        compile_content("PIGEON", {"message": "Hello"})

    assert problem.value.field == "message_delivery_method"


@pytest.mark.parametrize(
    ("language", "chosen"),
    [
        ("en", "en"),
        ("fr", "fr"),
        ("fr-CA", "fr-CA"),
        ("fr-FR", "fr"),
        ("en-CA", "en"),
        ("de", "en"),
        ("", "en"),
    ],
)
def test_the_customers_language_chooses_the_variant_else_the_default(language: str, chosen: str) -> None:
    schema = MessageSchemaFactory(default_language="en")
    for version, each in enumerate(("en", "fr", "fr-CA", "en", "fr"), start=1):
        MessageSchemaVersionFactory(message_schema=schema, version=version, language=each)

    found = current_version(schema, language=language)

    latest = {"en": 4, "fr": 5, "fr-CA": 3}
    assert found is not None
    assert (found.language, found.version) == (chosen, latest[chosen])


def test_a_template_without_a_version_in_its_default_language_has_none_to_offer() -> None:
    schema = MessageSchemaFactory(default_language="en")
    MessageSchemaVersionFactory(message_schema=schema, language="fr")

    assert current_version(schema, language="de") is None
    assert current_version(schema) is None
