"""The record in the back office."""

import pytest
from django.apps import apps
from django.db.models import Model
from django.test import Client

from config.accounts.tests.factories import UserFactory
from config.tests.back_office import list_queries, list_url, models_of, read_only, row_url
from customers.models import Customer
from interactions import models
from interactions.choices import Direction
from interactions.tests import factories

FACTORIES = {
    models.AiAnalysis: factories.AiAnalysisFactory,
    models.Attachment: factories.AttachmentFactory,
    models.CommunicationEvent: factories.CommunicationEventFactory,
    models.ContextData: factories.ContextDataFactory,
    models.Conversation: factories.ConversationFactory,
    models.EmailDetails: factories.EmailDetailsFactory,
    models.Interaction: factories.InteractionFactory,
    models.Message: factories.MessageFactory,
    models.ProcessedMessage: factories.ProcessedMessageFactory,
    models.SmsDetails: factories.SmsDetailsFactory,
    models.VoiceCallDetails: factories.VoiceCallDetailsFactory,
}


@pytest.fixture
def staff(client: Client, db: None) -> Client:
    client.force_login(UserFactory(is_staff=True, is_superuser=True))
    return client


def test_every_model_has_a_page() -> None:
    assert set(models_of("interactions")) == set(apps.get_app_config("interactions").get_models()) == set(FACTORIES)


@pytest.mark.parametrize("model", FACTORIES)
def test_each_list_and_each_row_opens_and_is_searched(staff: Client, model: type[Model]) -> None:
    row = FACTORIES[model]()

    for term in ("", "INT-2025-00001", "+14165551234", "' OR 1=1"):
        assert staff.get(list_url(model, q=term)).status_code == 200
    assert staff.get(row_url(row)).status_code == 200


@pytest.mark.parametrize("model", FACTORIES)
def test_a_list_costs_the_same_for_one_row_and_for_twelve(staff: Client, model: type[Model]) -> None:
    FACTORIES[model]()
    for_one = list_queries(staff, model, q="x@example.test")
    for_one_all = list_queries(staff, model)
    for _ in range(11):
        FACTORIES[model]()

    assert len(list_queries(staff, model)) == len(for_one_all)
    assert not any("ILIKE" in sql or "UPPER(" in sql for sql in for_one)


@pytest.mark.parametrize("model", [model for model in FACTORIES if model is not models.Conversation])
def test_the_record_is_only_read(staff: Client, model: type[Model]) -> None:
    assert read_only(staff, FACTORIES[model]())


def test_the_list_of_conversations_shows_the_last_message_and_whose_turn_it_is(staff: Client, john: Customer) -> None:
    talk = factories.ConversationFactory(customer=john, last_message_direction=Direction.INBOUND)
    interaction = factories.InteractionFactory(conversation=talk)
    factories.MessageFactory(interaction=interaction, content="First")
    factories.MessageFactory(interaction=interaction, content="And <i>then</i>?")

    html = staff.get(list_url(models.Conversation)).content.decode()

    assert "And &lt;i&gt;then&lt;/i&gt;?" in html and "First" not in html
    assert "Waiting for us" in html


def test_a_conversation_is_found_by_the_customers_address(staff: Client, john: Customer, jane: Customer) -> None:
    his, hers = (factories.ConversationFactory(customer=each) for each in (john, jane))

    html = staff.get(list_url(models.Conversation, q="(416) 555-1234")).content.decode()

    assert str(his.pk) in html and str(hers.pk) not in html
