"""Source 000 as it stands: its three templates are accepted to the letter, and each of its variables has a value."""

import json
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from communications.actions.schemas import save_schema
from communications.choices import DeliveryMethod
from communications.models import MessageSchema
from communications.rendering.liquid import MissingVariables, compile_template
from communications.rendering.looks import EmailShown, PushShown, SmsShown
from communications.rendering.preview import preview
from communications.rendering.samples import sample_text
from communications.rendering.variables import SAMPLES, common_variables
from customers.models import Appointment, Customer, Employee

EMAIL = """{
  "blocks": [
    {
      "id": "block-1",
      "type": "text",
      "content": "Hello {{firstName}},",
      "styles": {"fontSize": "16px", "color": "#333"}
    },
    {
      "id": "block-2",
      "type": "text",
      "content": "Your order {{orderNumber}} has been shipped!",
      "styles": {"fontSize": "18px", "fontWeight": "bold"}
    },
    {
      "id": "block-3",
      "type": "button",
      "content": "Track Order",
      "properties": {
        "url": "https://huronhome.ca/orders/{{orderNumber}}",
        "backgroundColor": "#007bff",
        "textColor": "#fff"
      }
    }
  ],
  "globalStyles": {
    "backgroundColor": "#f8f9fa",
    "fontFamily": "Arial, sans-serif",
    "maxWidth": "600px"
  }
}"""
SMS = """{
  "message": "Hi {{firstName}}, reminder: Your {{serviceType}} appointment is on {{date}} at {{time}}. Address: {{address}}. Reply CONFIRM or CANCEL.",
  "maxLength": 160,
  "encoding": "GSM-7",
  "variables": ["firstName", "serviceType", "date", "time", "address"],
  "characterCount": 145,
  "segmentCount": 1
}"""
PUSH = """{
  "title": "New Message",
  "body": "{{senderName}}: {{messagePreview}}",
  "icon": "https://huronhome.ca/icon.png",
  "badge": 1,
  "sound": "default",
  "clickAction": "OPEN_CONVERSATION",
  "data": {
    "conversationId": "{{conversationId}}",
    "senderId": "{{senderId}}"
  },
  "actions": [
    {"action": "reply", "title": "Reply"},
    {"action": "dismiss", "title": "Dismiss"}
  ]
}"""
FROM_THE_REQUEST = {
    "orderNumber": "ORD-2025-00042",
    "invoiceNumber": "INV-2025-00042",
    "amount": "$249.00",
    "total": "$281.37",
    "balance": "$31.37",
}
EXPECTED = {
    "firstName": "John",
    "lastName": "Smith",
    "fullName": "John Smith",
    "email": "john.smith@example.com",
    "phone": "+14165551234",
    "address": "123 Main St, London, ON",
    "city": "London",
    "province": "ON",
    "employeeName": "Emily Thompson",
    "employeePhone": "+15195550101",
    "serviceType": "HVAC Maintenance",
    "date": "Nov 15, 2025",
    "time": "2:00 PM",
    "datetime": "Nov 15, 2025, 2:00 PM",
    "projectName": "Furnace replacement",
    "taskName": "Furnace repair",
    **FROM_THE_REQUEST,
}
JOHN = Customer(
    first_name="John",
    last_name="Smith",
    primary_email="john.smith@example.com",
    phone="+14165551234",
    address="123 Main St",
    city="London",
    province="ON",
    time_zone="America/Toronto",
)
EMILY = Employee(name="Emily Thompson", phone="+15195550101")
VISIT = Appointment(service_type="HVAC Maintenance", starts_at=datetime(2025, 11, 15, 19, tzinfo=UTC), employee=EMILY)


def saved(method: str, source: str) -> MessageSchema:
    schema = MessageSchema(
        name="Source 000", message_delivery_method=method, subject="Hello", template_schema=json.loads(source)
    )
    save_schema(schema)
    return schema


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("method", "source"), [(DeliveryMethod.EMAIL, EMAIL), (DeliveryMethod.SMS, SMS), (DeliveryMethod.PUSH, PUSH)]
)
def test_its_template_is_kept_to_the_letter(method: str, source: str) -> None:
    kept = saved(method, source).versions.get().template_schema

    given = json.loads(source)
    derived = {"variables", "characterCount", "segmentCount", "encoding", "maxLength"}
    assert {name: kept[name] for name in given if name not in derived} == {
        name: value for name, value in given.items() if name not in derived
    }
    assert set(kept) - set(given) <= derived


@pytest.mark.django_db
def test_its_sms_says_what_use_case_1_says() -> None:
    shown = preview(saved(DeliveryMethod.SMS, SMS), customer=JOHN, appointment=VISIT).shown

    assert isinstance(shown, SmsShown)
    assert shown.text == (
        "Hi John, reminder: Your HVAC Maintenance appointment is on Nov 15, 2025 at 2:00 PM. "
        "Address: 123 Main St, London, ON. Reply CONFIRM or CANCEL."
    )
    assert (shown.measure.encoding, shown.measure.segments) == ("GSM-7", 1)


@pytest.mark.django_db
def test_its_email_has_its_words_its_button_and_its_colours() -> None:
    found = preview(saved(DeliveryMethod.EMAIL, EMAIL), customer=JOHN, variables={"orderNumber": "ORD-7"})

    shown = found.shown
    assert isinstance(shown, EmailShown) and found.missing == ()
    assert "Your order ORD-7 has been shipped!" in shown.html
    assert all(colour in shown.html for colour in ("#f8f9fa", "#333333", "#007bff", "#ffffff"))
    assert "Track Order: https://huronhome.ca/orders/ORD-7" in shown.text


@pytest.mark.django_db
def test_its_push_has_its_buttons_and_its_data() -> None:
    values = {"senderName": "Emily", "messagePreview": "On my way", "conversationId": "7", "senderId": "9"}

    shown = preview(saved(DeliveryMethod.PUSH, PUSH), variables=values).shown

    assert isinstance(shown, PushShown)
    assert shown.content == json.loads(
        PUSH.replace("{{senderName}}: {{messagePreview}}", "Emily: On my way")
        .replace("{{conversationId}}", "7")
        .replace("{{senderId}}", "9")
    )


@pytest.mark.parametrize(("name", "value"), EXPECTED.items())
def test_each_of_its_variables_has_a_value(name: str, value: str) -> None:
    context: dict[str, Any] = common_variables(
        customer=JOHN,
        employee=EMILY,
        appointment=VISIT,
        project=SimpleNamespace(name="Furnace replacement"),
        task=SimpleNamespace(name="Furnace repair"),
        time_zone=JOHN.time_zone,
        extra=FROM_THE_REQUEST,
    )

    template = compile_template(f"<{{{{ {name} }}}}>")

    assert template.render(context) == f"<{value}>"
    assert sample_text(template) == f"<{SAMPLES[name]}>"
    with pytest.raises(MissingVariables) as error:
        template.render({})
    assert error.value.names == (name,)
