"""Saving an e-mail or a push template: what was compiled is on the version, and it alone is needed to render."""

import pytest

from communications.actions.schemas import compile_content, save_schema
from communications.choices import DeliveryMethod
from communications.models import MessageSchema, MessageSchemaVersion
from communications.rendering.email import CompiledEmail, render_email
from communications.rendering.problems import TemplateProblem
from communications.tests.factories import MessageSchemaFactory
from communications.tests.rendering.emails import SOURCE_000, of, text
from communications.tests.rendering.test_push import SOURCE_000 as PUSH_000
from communications.tracking.links import personal_variables

pytestmark = pytest.mark.django_db


def draft(**values: object) -> MessageSchema:
    email = {"code": "", "message_delivery_method": DeliveryMethod.EMAIL, "template_schema": SOURCE_000}
    return MessageSchemaFactory.build(**{**email, **values})


def test_a_version_is_rendered_from_what_was_compiled_when_it_was_saved() -> None:
    save_schema(draft(subject="Order {{orderNumber}} for {{ city }}", preview_text="Dear {{ lastName }}"))

    version = MessageSchemaVersion.objects.get()
    values = {"firstName": "Zoë", "orderNumber": "7", "city": "London", "lastName": "Smith"}
    email = render_email(CompiledEmail(**version.compiled), {**values, **personal_variables(version.pk)})

    assert version.variables == ["orderNumber", "city", "lastName", "firstName"]
    assert version.template_schema == {**SOURCE_000, "variables": version.variables}
    assert email.subject == "Order 7 for London"
    assert "Dear Smith" in email.html and "Hello Zoë," in email.html


def test_an_email_template_may_be_saved_again_as_it_was_stored() -> None:
    schema = draft(subject="Hello")
    save_schema(schema)

    again = save_schema(schema)

    assert (again.version, again.variables) == (2, ["firstName", "orderNumber"])


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"subject": "{{ x"}, "subject"),
        ({"preview_text": "{{ x"}, "preview_text"),
        ({"template_schema": of(text("a"), text("{{ x"))}, "blocks[1].content"),
    ],
)
def test_a_mistake_names_its_field_and_nothing_is_stored(values: dict[str, object], field: str) -> None:
    with pytest.raises(TemplateProblem) as problem:
        save_schema(draft(**values))

    assert problem.value.field == field
    assert not MessageSchema.objects.exists()


def test_a_push_template_is_checked_and_its_variables_found() -> None:
    version = save_schema(draft(message_delivery_method=DeliveryMethod.PUSH, template_schema=PUSH_000))

    assert version.variables == ["senderName", "messagePreview", "conversationId", "senderId"]
    assert version.compiled == {}


def test_content_is_checked_with_its_subject_before_it_is_saved() -> None:
    with pytest.raises(TemplateProblem) as problem:
        compile_content(DeliveryMethod.EMAIL, SOURCE_000, subject="{{ x")

    assert problem.value.field == "subject"


@pytest.mark.parametrize("subject", ["", "  ", "long " * 101])
def test_what_is_published_has_a_subject_of_a_line(subject: str) -> None:
    with pytest.raises(TemplateProblem) as problem:
        save_schema(draft(subject=subject))

    assert problem.value.field == "subject"
