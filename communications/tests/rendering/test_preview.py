"""Previews: what a person would see, what is missing by name, and what should give its author pause."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from communications.actions.schemas import save_schema
from communications.choices import DeliveryMethod
from communications.models import MessageSchema
from communications.rendering.looks import EmailShown, PushShown, SmsShown, WhatsAppShown
from communications.rendering.preview import Origin, Preview, preview
from communications.rendering.problems import TemplateProblem
from communications.tests.factories import MessageSchemaFactory
from communications.tests.rendering.emails import SOURCE_000, VISIT, button, html, of, text
from communications.tests.rendering.test_push import SOURCE_000 as PUSH_000
from customers.models import Appointment, Customer, Employee

JANE = Customer(first_name="Jane", last_name="Doe", phone="+442079460000", time_zone="America/Toronto")


def draft(method: str, template_schema: dict[str, Any], **content: Any) -> MessageSchema:
    return MessageSchema(message_delivery_method=method, template_schema=template_schema, **content)


def sms(message: str) -> MessageSchema:
    return draft(DeliveryMethod.SMS, {"message": message})


def origins(found: Preview) -> dict[str, str]:
    return {variable.name: variable.origin for variable in found.variables}


def test_without_a_customer_everything_is_a_sample() -> None:
    found = preview(sms('Hi {{ firstName | default: "there" }}, order {{ order.number }}'))

    assert isinstance(found.shown, SmsShown)
    assert found.shown.text == "Hi John, order number"
    assert found.missing == ("order.number",)
    assert set(origins(found).values()) == {Origin.SAMPLE}


def test_a_customers_own_values_stand_and_what_is_missing_is_named() -> None:
    schema = sms('Hi {{firstName}} {{ nickname | default: "–" }}, {{date}} {{time}} {{employeeName}} {{orderNumber}}')
    visit = Appointment(starts_at=datetime(2025, 11, 15, 19, tzinfo=UTC), employee=Employee(name="Emily Thompson"))

    found = preview(schema, customer=JANE, appointment=visit, variables={"orderNumber": " "})

    assert isinstance(found.shown, SmsShown)
    assert found.shown.text == "Hi Jane –, Nov 15, 2025 2:00 PM Emily Thompson ORD-2025-00042"
    assert found.missing == ("orderNumber",)
    assert origins(found) == {
        "firstName": Origin.GIVEN,
        "nickname": Origin.LEFT_OUT,
        "date": Origin.GIVEN,
        "time": Origin.GIVEN,
        "employeeName": Origin.GIVEN,
        "orderNumber": Origin.SAMPLE,
    }


def test_values_behind_a_condition_are_missing_only_when_it_holds() -> None:
    schema = sms("Hi{% if member %}, {{ tier }}: {% for gift in gifts %}{{ gift.name }} {% endfor %}{% endif %}")

    assert preview(schema, customer=JANE).missing == ()
    assert preview(schema, customer=JANE, variables={"member": True}).missing == ("tier", "gifts")


def test_a_value_missing_inside_another_gets_its_sample() -> None:
    found = preview(sms("{{ order.id }} {{ order.total }}"), customer=JANE, variables={"order": {"id": "7"}})

    assert isinstance(found.shown, SmsShown)
    assert (found.shown.text, found.missing) == ("7 $281.37", ("order.total",))


def test_an_sms_tells_encoding_segments_cost_and_the_character_that_made_it_dear() -> None:
    shown = preview(sms("Hello\nit’s “{{ firstName }}”"), customer=JANE).shown

    assert isinstance(shown, SmsShown)
    assert (shown.measure.encoding, shown.measure.segments) == ("UCS-2", 1)
    assert (shown.cost, shown.currency) == (Decimal("0.0420"), "USD")
    assert shown.offender is not None
    assert (shown.offender.character, shown.offender.line, shown.offender.column) == ("’", 2, 3)
    assert shown.offender.name == "Right single quotation mark"


def test_an_sms_at_home_costs_the_home_rate_and_a_long_one_warns() -> None:
    shown = preview(sms("a" * 400)).shown

    assert isinstance(shown, SmsShown)
    assert (shown.cost, shown.offender) == (Decimal("0.0237"), None)
    assert shown.warnings == ("It takes 3 segments: each is paid for.",)


def test_an_email_shows_subject_page_and_text_with_its_size() -> None:
    schema = draft(
        DeliveryMethod.EMAIL, SOURCE_000, subject="Order {{orderNumber}}", preview_text="For {{ firstName }}"
    )

    found = preview(schema, customer=JANE, variables={"orderNumber": "<7>"})

    shown = found.shown
    assert isinstance(shown, EmailShown)
    assert (shown.subject, shown.preview_text, found.missing) == ("Order <7>", "For Jane", ())
    assert "Your order &lt;7&gt; has been shipped!" in shown.html
    assert "Your order <7> has been shipped!" in shown.text
    assert shown.size == len(shown.html.encode()) < 102 * 1024
    assert shown.warnings == ()


def test_every_kind_of_block_is_shown_with_samples() -> None:
    shown = preview(draft(DeliveryMethod.EMAIL, VISIT, subject="Your visit")).shown

    assert isinstance(shown, EmailShown)
    assert shown.html.count(">name</td>") == 2


def test_an_email_warns_of_what_people_would_not_see() -> None:
    blocks = of(text("x" * 99_000), html("y" * 9_000), {"type": "image", "content": "https://x.ca/a.png"})

    shown = preview(draft(DeliveryMethod.EMAIL, blocks)).shown

    assert [warning.split()[0] for warning in shown.warnings] == ["The", "It", "An"]


def test_what_the_tracker_puts_in_leads_nowhere_and_is_never_missing() -> None:
    schema = draft(DeliveryMethod.EMAIL, of(text("a"), button("{{ unsubscribeUrl }}")), subject="a")

    found = preview(schema, customer=JANE)

    assert isinstance(found.shown, EmailShown)
    assert 'href="https://preview.invalid/t/unsubscribe"' in found.shown.html
    assert (found.missing, found.variables) == ((), ())


def test_a_push_is_shown_as_both_lock_screens_cut_it() -> None:
    found = preview(draft(DeliveryMethod.PUSH, PUSH_000), variables={"messagePreview": "x" * 200})

    shown = found.shown
    assert isinstance(shown, PushShown)
    assert found.missing == ("senderName", "conversationId", "senderId")
    assert shown.content["data"] == {"conversationId": "conversationId", "senderId": "senderId"}
    iphone, android = shown.screens
    assert (iphone.title, len(iphone.body), iphone.body[-1]) == ("New Message", 178, "…")
    assert (android.body, android.is_cut) == (f"senderName: {'x' * 200}", False)
    assert shown.warnings == ("iPhone cuts it off on the lock screen.",)


def test_a_push_that_is_too_large_for_its_carrier_warns() -> None:
    shown = preview(draft(DeliveryMethod.PUSH, PUSH_000), variables={"messagePreview": "x" * 4_096}).shown

    assert "at most 4,096" in shown.warnings[-1]


def test_a_whatsapp_text_shows_its_parameters() -> None:
    schema = draft(DeliveryMethod.WHATSAPP, {"message": "Hi {{ firstName }}, bye."}, whatsapp_template_id="HX1")

    shown = preview(schema, customer=JANE).shown

    assert isinstance(shown, WhatsAppShown)
    assert shown.message.text == "Hi Jane, bye."
    assert (shown.parameters, shown.approved_text, shown.limit) == ((("firstName", "Jane"),), "Hi {{1}}, bye.", 1024)


def test_a_long_free_whatsapp_text_warns_of_the_provider() -> None:
    assert preview(draft(DeliveryMethod.WHATSAPP, {"message": "x" * 1_601})).shown.warnings


@pytest.mark.django_db
def test_a_version_shows_what_was_compiled_when_it_was_saved() -> None:
    schema = MessageSchemaFactory.build(
        code="", message_delivery_method=DeliveryMethod.EMAIL, template_schema=of(text("Old")), subject="Hello"
    )
    version = save_schema(schema)
    schema.template_schema = of(text("New"))

    assert "Old" in preview(version).shown.text  # type: ignore[union-attr]
    assert "New" in preview(schema).shown.text  # type: ignore[union-attr]


def test_a_draft_that_cannot_be_made_says_where() -> None:
    with pytest.raises(TemplateProblem) as problem:
        preview(sms("Hi {{ x"))

    assert (problem.value.field, problem.value.column) == ("message", 4)


def test_where_a_number_is_wanted_no_sample_stands_in() -> None:
    found = preview(sms("Hi{% if visits %}{% if visits < 2 %}, welcome{% endif %}{% endif %}"))

    assert isinstance(found.shown, SmsShown)
    assert found.shown.text == "Hi"
