"""Templates in the back office: languages, versions, previews and starter designs."""

import json
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from communications.actions.schemas import save_schema, save_variant
from communications.choices import DeliveryMethod
from communications.models import MessageSchema
from communications.tests.factories import MessageSchemaFactory, MessageSchemaVersionFactory
from communications.tests.rendering.emails import SOURCE_000
from communications.tests.rendering.test_push import SOURCE_000 as PUSH_000
from config.accounts.models import User
from config.accounts.tests.factories import UserFactory
from config.tests.back_office import add_url, row_url
from customers.models import Customer
from customers.tests.factories import AppointmentFactory, EmployeeFactory


@pytest.fixture
def staff(client: Client, db: None) -> Client:
    client.force_login(UserFactory(is_staff=True, is_superuser=True))
    return client


def with_permissions(client: Client, *codenames: str) -> User:
    user = UserFactory(is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    client.force_login(user)
    return user


def saved(method: str = DeliveryMethod.SMS, **values: Any) -> MessageSchema:
    content: dict[str, Any] = {"template_schema": {"message": "Hi {{firstName}}, see you on {{date}}."}}
    schema = MessageSchemaFactory.build(code="", message_delivery_method=method, **(content | values))
    save_schema(schema)
    return schema


def email(**values: Any) -> MessageSchema:
    return saved(DeliveryMethod.EMAIL, **{"template_schema": SOURCE_000, "subject": "Order {{orderNumber}}", **values})


def url(name: str, schema: MessageSchema, *more: str, **query: str) -> str:
    return reverse(f"admin:communications_messageschema_{name}", args=[schema.pk, *more], query=query or None)


def shown(client: Client, schema: MessageSchema, **query: str) -> str:
    answer = client.get(url("preview", schema, **query))
    assert answer.status_code == 200
    return answer.content.decode()


# languages


def test_a_language_is_chosen_written_and_then_offered(staff: Client) -> None:
    schema = saved()

    answer = staff.get(url("variants", schema, language="FR"), follow=True)
    assert answer.redirect_chain[-1][0] == url("variant", schema, "fr")
    assert "see you on {{date}}" in answer.content.decode()
    form = {"message": "Bonjour {{firstName}}\r\nà bientôt", "sms_sender_id": "+15145550100"}
    assert staff.post(url("variant", schema, "fr"), form).status_code == 302

    version = schema.versions.get(language="fr")
    assert (version.version, version.sms_sender_id) == (2, "+15145550100")
    assert version.template_schema["message"] == "Bonjour {{firstName}}\nà bientôt"
    assert MessageSchema.objects.get().template_schema["message"].startswith("Hi")
    assert url("variant", schema, "fr") in staff.get(row_url(schema)).content.decode()


def test_an_email_is_written_in_another_language(staff: Client) -> None:
    schema = email()
    form = {"subject": "Commande {{orderNumber}}", "template_schema": json.dumps(SOURCE_000), "from_name": "Huron"}

    assert staff.post(url("variant", schema, "fr-CA"), form).status_code == 302

    version = schema.versions.get(language="fr-CA")
    assert (version.compiled["subject"], version.from_name) == ("Commande {{orderNumber}}", "Huron")


def test_a_mistake_in_a_variant_stands_at_its_field(staff: Client) -> None:
    schema = saved()

    answer = staff.post(url("variant", schema, "fr"), {"message": "Bonjour {{ x"})

    assert answer.context["adminform"].form.errors["message"] == ["Line 1, column 9: “}}” is missing."]
    assert schema.versions.count() == 1


def test_what_is_no_language_is_told_and_the_default_one_is_the_template_itself(staff: Client) -> None:
    schema = saved()

    answer = staff.get(url("variants", schema, language="french"), follow=True)

    assert "This has to be a language" in answer.content.decode()
    assert staff.get(url("variant", schema, "en")).headers["Location"] == row_url(schema)


def test_who_may_only_look_writes_no_variant(client: Client, db: None) -> None:
    with_permissions(client, "view_messageschema")
    schema = saved()

    assert client.post(url("variant", schema, "fr"), {"message": "Bonjour"}).status_code == 403
    assert schema.versions.count() == 1


# versions


def test_a_version_shows_what_it_changed_and_comes_back(staff: Client) -> None:
    schema = saved()
    schema.template_schema = {"message": "Hello <b>{{firstName}}</b>"}
    save_schema(schema)
    first, second = schema.versions.order_by("version")

    html = staff.get(row_url(second)).content.decode()
    assert "<del" in html and "message: Hi {{firstName}}, see you on {{date}}." in html
    assert "message: Hello &lt;b&gt;{{firstName}}&lt;/b&gt;" in html
    assert "This is the current version" in html
    answer = staff.post(reverse("admin:communications_messageschemaversion_restore", args=[first.pk]), follow=True)

    assert "Version 1 is back, as version 3." in answer.content.decode()
    assert MessageSchema.objects.get().template_schema == first.template_schema


def test_any_two_versions_are_compared(staff: Client) -> None:
    schema = saved()
    save_variant(schema, language="fr", content={"template_schema": {"message": "Bonjour"}})
    french = schema.versions.get(language="fr")

    alone = staff.get(row_url(french)).content.decode()
    against = staff.get(row_url(french) + "?against=1").content.decode()

    assert "The first in its language" in alone and "message: Bonjour" not in alone.split("rp-changes")[1][:2000]
    assert "Changed since" in against and "+</span><ins" in against


def test_a_version_that_todays_rules_refuse_says_where(staff: Client) -> None:
    schema = saved()
    broken = MessageSchemaVersionFactory(message_schema=schema, version=2, template_schema={"message": "Hi {{ x"})

    answer = staff.post(reverse("admin:communications_messageschemaversion_restore", args=[broken.pk]), follow=True)

    assert "cannot come back as it is: message, line 1, column 4" in answer.content.decode()
    assert schema.versions.count() == 2


def test_restoring_needs_the_permission_to_change_and_a_post(client: Client, db: None) -> None:
    with_permissions(client, "view_messageschemaversion", "view_messageschema")
    version = saved().versions.get()
    address = reverse("admin:communications_messageschemaversion_restore", args=[version.pk])

    assert (client.get(address).status_code, client.post(address).status_code) == (405, 403)
    assert "Restore" not in client.get(row_url(version)).content.decode()


# previews


def test_an_sms_is_shown_as_it_arrives_with_its_price(staff: Client) -> None:
    html = shown(staff, saved(template_schema={"message": "It’s {{firstName}}"}))

    assert "It’s John" in html and "0.0079 USD" in html and "UCS-2" in html
    assert "Right single quotation mark" in html and "line 1, column 3" in html


def test_what_is_missing_is_named_and_test_values_take_its_place(staff: Client) -> None:
    schema = saved(template_schema={"message": "{{ order.number }} {% for l in lines %}{{ l.name }};{% endfor %}"})

    assert "To be sent it needs a value for" in shown(staff, schema)
    assert "Not sent like this." in shown(staff, schema, person="nothing")
    html = shown(staff, schema, **{"v-order.number": "<7>", "v-lines": '[{"name": "Filter"}]'})

    assert "Not sent like this." not in html
    assert "&lt;7&gt; Filter;" in html and "<7>" not in html


def test_a_customer_is_shown_what_he_would_get(staff: Client, john: Customer) -> None:
    AppointmentFactory(
        customer=john, starts_at=timezone.now() + timedelta(days=1), employee=EmployeeFactory(name="Emily")
    )
    schema = saved(template_schema={"message": "Hi {{firstName}}, {{employeeName}} comes at {{time}}."})
    save_variant(schema, language="fr", content={"template_schema": {"message": "Bonjour {{firstName}}"}})
    Customer.objects.filter(pk=john.pk).update(language="fr-CA")

    assert "Bonjour John" in shown(staff, schema, customer=str(john.pk))
    assert "Hi John, Emily comes at" in shown(staff, schema, customer=str(john.pk), language="en")


def test_who_may_not_see_customers_sees_none(client: Client, john: Customer) -> None:
    with_permissions(client, "view_messageschema")
    Customer.objects.filter(pk=john.pk).update(first_name="Zebedee")

    html = shown(client, saved(), customer=str(john.pk))

    assert "Zebedee" not in html and 'name="customer"' not in html


@pytest.mark.parametrize("person", ["sample", "nothing", "longest", "right_to_left", "nobody"])
def test_the_people_things_go_wrong_with_are_at_hand(staff: Client, person: str) -> None:
    assert ("عبد الرحمن" in shown(staff, saved(), person=person)) == (person == "right_to_left")


def test_an_old_version_is_shown_as_it_was(staff: Client) -> None:
    schema = saved()
    first = schema.versions.get()
    schema.template_schema = {"message": "New words"}
    save_schema(schema)

    assert "see you on" in shown(staff, schema, version=str(first.pk))
    assert "New words" in shown(staff, schema, version="nonsense")
    assert staff.get(url("preview", schema, version=str(uuid4()))).status_code == 404


def test_an_email_is_a_page_of_its_own_that_can_do_nothing(staff: Client) -> None:
    schema = email()

    html = shown(staff, schema)
    answer = staff.get(url("preview_page", schema, **{"v-orderNumber": "<script>"}))

    assert "Order ORD-2025-00042" in html and "srcdoc" not in html
    assert f'sandbox src="{url("preview_page", schema)}?' in html
    assert answer.headers["X-Frame-Options"] == "SAMEORIGIN"
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "sandbox;" in policy and "script" not in policy.replace("sandbox", "")
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert "Your order &lt;script&gt; has been shipped!" in answer.content.decode()
    assert "invert(1)" not in answer.content.decode()
    assert "invert(1)" in staff.get(url("preview_page", schema, scheme="dark")).content.decode()


def test_only_an_email_has_a_page(staff: Client) -> None:
    assert staff.get(url("preview_page", saved())).status_code == 404


def test_a_push_and_a_whatsapp_text_are_shown(staff: Client) -> None:
    push = shown(staff, saved(DeliveryMethod.PUSH, template_schema=PUSH_000))
    whatsapp = shown(staff, saved(DeliveryMethod.WHATSAPP, whatsapp_template_id="HX1"))

    assert "iPhone" in push and "Android" in push and "Reply" in push and "OPEN_CONVERSATION" in push
    assert "Hi {{1}}, see you on {{2}}." in whatsapp and "HX1" in whatsapp


def test_a_value_that_cannot_be_rendered_is_told(staff: Client) -> None:
    schema = saved(template_schema={"message": "{% if visits < 2 %}a{% else %}b{% endif %}"})

    html = shown(staff, schema, **{"v-visits": "many"})

    assert "It cannot be shown with these values." in html and 'value="many"' in html
    assert 'rp-bubble" dir="auto">a<' in shown(staff, schema, **{"v-visits": "1"})


def test_a_preview_needs_the_permission_to_see_templates(client: Client, db: None) -> None:
    with_permissions(client)
    schema = email()

    assert client.get(url("preview", schema)).status_code == 403
    assert client.get(url("preview_page", schema)).status_code == 403


def test_a_preview_costs_the_same_for_one_version_and_for_many(
    staff: Client, django_assert_max_num_queries: Any
) -> None:
    schema = saved()
    for language in ("fr", "de", "es", "it"):
        save_variant(schema, language=language, content={})

    with django_assert_max_num_queries(8):
        shown(staff, schema)


# starter designs and mistakes


def test_a_new_template_starts_from_a_design(staff: Client) -> None:
    start = staff.get(add_url(MessageSchema)).content.decode()
    assert "?design=welcome" in start and "Start from a design" in start

    form = staff.get(add_url(MessageSchema) + "?design=promotion").context["adminform"].form

    assert form.initial["message_delivery_method"] == DeliveryMethod.EMAIL
    assert form["subject"].value().startswith("Save 20%")
    assert json.loads(form["template_schema"].value())["blocks"][0]["type"] == "image"
    assert staff.get(add_url(MessageSchema) + "?design=nothing").status_code == 200


@pytest.mark.parametrize(
    ("method", "changes", "field", "said"),
    [
        ("EMAIL", {"template_schema": '{"blocks": [\n{"type": "text" "content": "a"}]}'}, "template_schema", "This is not JSON: line 2, column 17:"),
        ("EMAIL", {"template_schema": '{"blocks": NaN}'}, "template_schema", "“NaN” is not a number."),
        ("EMAIL", {"template_schema": "[" * 100_000}, "template_schema", "This is nested too deeply."),
        ("EMAIL", {"template_schema": '{"blocks": [{"type": "text", "content": "Hi\\n{{ x"}]}'}, "template_schema", "blocks[0].content, line 2, column 1: “}}” is missing."),
        ("EMAIL", {"template_schema": "{}"}, "template_schema", "blocks: “blocks” is missing."),
        ("EMAIL", {"subject": "Hi {{ x"}, "subject", "Line 1, column 4: “}}” is missing."),
        ("EMAIL", {"preview_text": "Hi {{ x | shout }}"}, "preview_text", "Line 1, column 11: There is no filter “shout”."),
        ("PUSH", {"template_schema": '{"title": "a", "body": "\\u0000"}'}, "template_schema", "body: There is a character here"),
        ("PUSH", {"template_schema": '{"title": "a", "body": "b", "actions": [{"action": "x"}]}'}, "template_schema", "actions[0].title: This has to be a text."),
        ("SMS", {"message": "Hi\r\n{{ x"}, "message", "Line 2, column 1: “}}” is missing."),
        ("WHATSAPP", {"message": "Hi {{ x }}", "whatsapp_template_id": "HX1"}, "message", "Line 1, column 4: An approved text cannot end"),
        ("WHATSAPP", {"message": "Hi", "whatsapp_template_id": "no id"}, "whatsapp_template_id", "This has to be an id"),
        ("SMS", {"default_language": "english"}, "default_language", "This has to be a language"),
    ],
)  # fmt: skip
def test_a_mistake_stands_at_its_field_with_its_place(
    staff: Client, method: str, changes: dict[str, str], field: str, said: str
) -> None:
    blocks = '{"blocks": [{"type": "text", "content": "Hello"}]}'
    form = {
        "name": "Broken",
        "message_delivery_method": method,
        "purpose": "transactional",
        "status": "published",
        "message": "Hello",
        "template_schema": blocks,
        "default_language": "en",
        "attachments": "[]",
        "metadata": "{}",
        "from_ts_0": "2026-01-01",
        "from_ts_1": "00:00:00",
        "versions-TOTAL_FORMS": "0",
        "versions-INITIAL_FORMS": "0",
    }

    answer = staff.post(add_url(MessageSchema), form | changes)

    assert answer.status_code == 200
    errors = answer.context["adminform"].form.errors
    assert list(errors) == [field]
    assert errors[field][0].startswith(said)
    assert not MessageSchema.objects.exists()
