"""Templates in several languages, and old versions that come back."""

from functools import partial
from typing import Any

import pytest

from communications.actions.schemas import (
    content_of,
    current_version,
    restore_version,
    save_schema,
    save_variant,
    variants,
)
from communications.choices import DeliveryMethod
from communications.models import MessageSchema, MessageSchemaVersion
from communications.rendering.problems import TemplateProblem
from communications.tests.factories import MessageSchemaFactory, MessageSchemaVersionFactory
from communications.tests.rendering.emails import of, text
from config.accounts.tests.factories import UserFactory
from customers.tests.database import at_once, stored

pytestmark = pytest.mark.django_db


@pytest.fixture
def schema() -> MessageSchema:
    """An SMS in English, saved once."""
    schema = MessageSchemaFactory.build(code="", template_schema={"message": "Hello {{firstName}}"})
    save_schema(schema)
    return schema


def message(version: MessageSchemaVersion | None) -> str:
    return version.template_schema["message"] if version else ""


def in_french(schema: MessageSchema, words: str = "Bonjour {{lastName}}", **content: Any) -> MessageSchemaVersion:
    return save_variant(schema, language="fr", content={"template_schema": {"message": words}, **content})


def test_a_variant_is_a_version_and_leaves_the_default_language_alone(schema: MessageSchema) -> None:
    clerk = UserFactory()

    version = save_variant(
        schema, language="FR_ca", content={"template_schema": {"message": "Allô {{city}}"}}, by=clerk
    )

    assert (version.version, version.language, version.created_by) == (2, "fr-CA", clerk)
    assert version.variables == ["city"]
    row = MessageSchema.objects.get()
    assert (row.version, row.template_schema["message"]) == (2, "Hello {{firstName}}")
    assert message(current_version(schema)) == "Hello {{firstName}}"


def test_versions_are_numbered_over_the_whole_template(schema: MessageSchema) -> None:
    in_french(schema)
    save_schema(schema)
    in_french(schema, "Salut")

    numbered = schema.versions.order_by("version").values_list("version", "language")
    assert [*numbered] == [(1, "en"), (2, "fr"), (3, "en"), (4, "fr")]


def test_what_a_variant_does_not_name_stays_as_its_readers_have_it(schema: MessageSchema) -> None:
    schema.sms_sender_id = "+15195550100"
    save_schema(schema)
    first = in_french(schema)
    second = save_variant(schema, language="fr-CA", content={"sms_sender_id": "+15145550100"})

    assert (first.sms_sender_id, second.sms_sender_id) == ("+15195550100", "+15145550100")
    assert message(second) == "Bonjour {{lastName}}"


def test_saving_the_default_language_is_saving_the_template(schema: MessageSchema) -> None:
    version = save_variant(schema, language="EN", content={"template_schema": {"message": "Hi"}})

    assert (version.version, version.language) == (2, "en")
    assert MessageSchema.objects.get().template_schema["message"] == "Hi"


def test_each_language_of_an_email_is_compiled_by_itself() -> None:
    schema = MessageSchemaFactory.build(
        code="", message_delivery_method=DeliveryMethod.EMAIL, subject="Hello", template_schema=of(text("Hi {{city}}"))
    )
    save_schema(schema)

    version = save_variant(
        schema, language="fr", content={"subject": "Bonjour", "template_schema": of(text("Salut {{firstName}}"))}
    )

    assert (version.compiled["subject"], version.variables) == ("Bonjour", ["firstName"])
    assert "Salut {{firstName}}" in version.compiled["html"]


@pytest.mark.parametrize(
    ("language", "words", "field"), [("french!", "Bonjour", "language"), ("fr", "Bonjour {{ x", "message")]
)
def test_a_variant_that_cannot_be_used_is_not_stored(
    schema: MessageSchema, language: str, words: str, field: str
) -> None:
    before = stored()

    with pytest.raises(TemplateProblem) as problem:
        save_variant(schema, language=language, content={"template_schema": {"message": words}})

    assert problem.value.field == field
    assert stored() == before
    assert MessageSchema.objects.get().version == 1


def test_a_default_language_that_is_none_is_told_at_its_field() -> None:
    with pytest.raises(TemplateProblem) as problem:
        save_schema(MessageSchemaFactory.build(default_language="english"))

    assert problem.value.field == "default_language"


@pytest.mark.django_db(transaction=True)
def test_languages_saved_at_once_get_a_number_each() -> None:
    schema = MessageSchemaFactory.build(code="")
    save_schema(schema)

    versions = at_once(
        *(
            partial(save_variant, MessageSchema.objects.get(), language=tag, content={})
            for tag in ("fr", "de", "es", "fr", "en")
        )
    )

    assert sorted(version.version for version in versions) == [2, 3, 4, 5, 6]
    assert MessageSchema.objects.get().version == 6


def test_the_customers_variant_is_found_in_one_query(schema: MessageSchema, django_assert_num_queries: Any) -> None:
    in_french(schema)

    with django_assert_num_queries(1):
        found = current_version(schema, language="fr-CA")

    assert message(found) == "Bonjour {{lastName}}"


@pytest.mark.parametrize(("language", "chosen"), [("zh-hant-tw", "zh-Hant"), ("FR_be", "fr"), ("klingon", "en")])
def test_a_language_falls_back_however_it_is_spelled(schema: MessageSchema, language: str, chosen: str) -> None:
    for number, tag in enumerate(("fr", "zh-Hant"), start=2):
        MessageSchemaVersionFactory(message_schema=schema, version=number, language=tag)

    found = current_version(schema, language=language)

    assert found is not None and found.language == chosen


def test_the_variants_are_the_latest_of_each_language(schema: MessageSchema, django_assert_num_queries: Any) -> None:
    for language in ("fr", "de", "fr"):
        save_variant(schema, language=language, content={})

    with django_assert_num_queries(1):
        found = [(version.language, version.version) for version in variants(schema)]

    assert found == [("en", 1), ("de", 3), ("fr", 4)]


def test_a_restored_version_is_a_new_one_with_the_old_content(schema: MessageSchema) -> None:
    clerk, old = UserFactory(), schema.versions.get()
    schema.template_schema, schema.sms_sender_id = {"message": "Changed"}, "+15195550100"
    save_schema(schema)

    version = restore_version(old, by=clerk)

    assert (version.version, version.created_by) == (3, clerk)
    assert content_of(version) == content_of(old)
    row = MessageSchema.objects.get()
    assert (row.version, row.template_schema, row.sms_sender_id) == (3, old.template_schema, "")


def test_restoring_one_language_leaves_the_others(schema: MessageSchema) -> None:
    old = in_french(schema)
    in_french(schema, "Salut")

    restore_version(old)

    assert message(current_version(schema, language="fr")) == "Bonjour {{lastName}}"
    assert MessageSchema.objects.get().template_schema["message"] == "Hello {{firstName}}"


def test_what_else_a_person_changed_meanwhile_stays_when_a_version_comes_back(schema: MessageSchema) -> None:
    old = schema.versions.select_related("message_schema").get()
    MessageSchema.objects.update(name="Renamed")

    restore_version(old)

    assert MessageSchema.objects.get().name == "Renamed"


def test_a_version_that_todays_rules_refuse_does_not_come_back(schema: MessageSchema) -> None:
    broken = MessageSchemaVersionFactory(message_schema=schema, version=2, template_schema={"message": "{{ x"})

    with pytest.raises(TemplateProblem):
        restore_version(broken)

    assert schema.versions.count() == 2
