from datetime import UTC, datetime

import pytest

from config.tests.constraints import Break, assert_refused, indexes_of, tables_of, twice, without
from interactions.models import ProcessedMessage
from interactions.tests.factories import (
    AiAnalysisFactory,
    AttachmentFactory,
    ChunkFactory,
    CommunicationEventFactory,
    ContextDataFactory,
    ConversationFactory,
    EmailDetailsFactory,
    InteractionFactory,
    MessageFactory,
    ProcessedMessageFactory,
    SmsDetailsFactory,
    VoiceCallDetailsFactory,
)

NOON = datetime(2025, 11, 15, 17, 0, tzinfo=UTC)


def details_twice(make: type) -> None:
    message = MessageFactory()
    twice(make, message=message)()


def second_chunk_twice() -> None:
    twice(ChunkFactory, parent_interaction=InteractionFactory(total_chunks=2))()


def processed_twice() -> None:
    ProcessedMessage.objects.create(message_id=ProcessedMessageFactory().pk)


BREAKS: list[Break] = [
    (
        "interaction_external_once",
        lambda: [InteractionFactory(source_system="pbx", external_id="call-7") for _ in range(2)],
    ),
    # a foreign word breaks the pairing too, and that CHECK is asked first
    (
        "conversations_status",
        without("conversations", "conversations_closed_paired", lambda: ConversationFactory(status="pigeon")),
    ),
    ("conversations_initial_channel", lambda: ConversationFactory(initial_channel="pigeon", channel="sms")),
    ("conversations_channel", lambda: ConversationFactory(channel="pigeon")),
    (
        "conversations_closed_reason",
        lambda: ConversationFactory(status="closed", closed_reason="pigeon", ended_at=NOON),
    ),
    ("conversations_closed_paired", lambda: ConversationFactory(status="closed", closed_reason="idle")),
    ("conversations_closed_paired", lambda: ConversationFactory(status="closed", ended_at=NOON)),
    ("conversations_closed_paired", lambda: ConversationFactory(ended_at=NOON)),
    ("conversations_closed_paired", lambda: ConversationFactory(closed_reason="idle")),
    ("conversations_last_direction", lambda: ConversationFactory(last_message_direction="pigeon")),
    ("conversations_sentiment", lambda: ConversationFactory(sentiment="pigeon")),
    ("conversations_overall_sentiment", lambda: ConversationFactory(overall_sentiment=1.01)),
    ("conversations_overall_sentiment", lambda: ConversationFactory(overall_sentiment=-1.01)),
    ("conversations_satisfaction", lambda: ConversationFactory(satisfaction_score=0)),
    ("conversations_satisfaction", lambda: ConversationFactory(satisfaction_score=11)),
    ("conversations_thread_unique", twice(ConversationFactory, external_thread_key="thread-1")),
    ("interaction_type_known", lambda: InteractionFactory(interaction_type="pigeon")),
    ("interaction_subtype_known", lambda: InteractionFactory(interaction_subtype="pigeon")),
    ("interaction_lifecycle", lambda: InteractionFactory(lifecycle="pigeon")),
    ("interaction_priority", lambda: InteractionFactory(priority_level="pigeon")),
    ("interaction_sentiment_label", lambda: InteractionFactory(sentiment_label="Negative")),
    ("interaction_sentiment_score", lambda: InteractionFactory(sentiment_score="-1.01")),
    ("interaction_confidence", lambda: InteractionFactory(transcript_confidence_score="100.01")),
    ("interaction_quality", lambda: InteractionFactory(quality_score="100.01")),
    ("interaction_nps", lambda: InteractionFactory(net_promoter_score=-101)),
    ("interaction_satisfaction", lambda: InteractionFactory(customer_satisfaction_score=11)),
    ("interaction_escalation_level", lambda: InteractionFactory(escalation_level=4)),
    ("interaction_duration", lambda: InteractionFactory(duration_seconds=-1)),
    ("interaction_chunk_range", lambda: InteractionFactory(total_chunks=0)),
    ("interaction_chunk_range", lambda: ChunkFactory(chunk_number=3)),
    ("interaction_chunk_chain", lambda: InteractionFactory(chunk_number=2, total_chunks=2)),
    ("interaction_chunk_chain", lambda: InteractionFactory(is_primary_chunk=False)),
    ("interaction_chunk_chain", lambda: ChunkFactory(is_primary_chunk=True)),
    ("interaction_chunk_chain", lambda: ChunkFactory(chunk_number=1)),
    ("interaction_chunk_once", second_chunk_twice),
    (
        "f_customer_interaction_interaction_number_key",
        twice(InteractionFactory, interaction_number="INT-2025-00567"),
    ),
    ("messages_channel", lambda: MessageFactory(channel="pigeon")),
    ("messages_direction", lambda: MessageFactory(direction="incoming")),
    ("messages_role", lambda: MessageFactory(role="pigeon")),
    ("messages_delivery_status", lambda: MessageFactory(delivery_status="pigeon")),
    ("messages_role_of_direction", lambda: MessageFactory(role="agent")),
    ("messages_role_of_direction", lambda: MessageFactory(direction="outbound")),
    ("messages_channel_id_unique", twice(MessageFactory, channel_message_id="SM1")),
    ("sms_details_delivery_status", lambda: SmsDetailsFactory(delivery_status="pigeon")),
    ("sms_details_segments", lambda: SmsDetailsFactory(segments=0)),
    ("sms_details_message_id_key", lambda: details_twice(SmsDetailsFactory)),
    ("email_details_delivery_status", lambda: EmailDetailsFactory(delivery_status="pigeon")),
    ("email_details_message_id_key", lambda: details_twice(EmailDetailsFactory)),
    ("voice_details_duration", lambda: VoiceCallDetailsFactory(duration_seconds=-1)),
    ("voice_details_interruptions", lambda: VoiceCallDetailsFactory(interruption_count=-1)),
    ("voice_call_details_message_id_key", lambda: details_twice(VoiceCallDetailsFactory)),
    ("voice_call_details_call_sid_key", twice(VoiceCallDetailsFactory, call_sid="CA1")),
    ("attachments_size_not_negative", lambda: AttachmentFactory(size_bytes=-1)),
    ("ai_analysis_message_id_key", lambda: details_twice(AiAnalysisFactory)),
    ("processed_messages_pkey", processed_twice),
]

# table → index → what PostgreSQL's definition ends with; the names of source 000, the columns of sources 003 and 004
INDEXES = {
    "f_customer_interaction": {
        "idx_interaction_type": "USING btree (interaction_type)",
        "idx_interaction_channel": "USING btree (channel)",
        "idx_interaction_ts": "USING btree (interaction_ts)",
        "idx_interaction_sentiment": "USING btree (sentiment_label)",
        "idx_interaction_person_entity": "USING gin (interaction_person_entities)",
    },
    "conversations": {
        "idx_conv_customer_activity": "(customer_id, last_activity_at DESC)",
        "idx_conv_customer_status": "(customer_id, status)",
        "idx_conv_started": "(started_at DESC)",
        "idx_conv_channel_activity": "(channel, last_activity_at DESC)",
        "idx_conv_status_started": "(status, started_at DESC)",
    },
    "communication_messages": {
        "idx_messages_conv_created": "(conversation_id, created_at)",
        "idx_messages_conv_sent": "(conversation_id, sent_at)",
        "messages_channel_id_unique": "(channel, channel_message_id) WHERE (channel_message_id IS NOT NULL)",
    },
    "communication_events": {"idx_events_conv_timestamp": '(conversation_id, "timestamp")'},
    "sms_details": {"idx_sms_provider_id": "(provider_message_id)"},
    "email_details": {"idx_email_provider_id": "(provider_message_id)"},
    "processed_messages": {"idx_processed_at": "(processed_at)"},
}

OPEN_LISTS = [
    (CommunicationEventFactory, "event_type"),
    (ContextDataFactory, "context_type"),
    (MessageFactory, "content_type"),
    (ConversationFactory, "outcome"),
    (InteractionFactory, "interaction_intention_entity"),
    (InteractionFactory, "channel"),
]


@pytest.mark.django_db
@pytest.mark.parametrize(("promise", "break_it"), BREAKS)
def test_the_database_refuses_what_breaks_a_promise(promise, break_it):
    assert_refused(promise, break_it)


@pytest.mark.django_db
@pytest.mark.parametrize(("make", "field"), OPEN_LISTS)
def test_a_list_that_its_source_leaves_open_takes_another_word(make, field):
    row = make(**{field: "carrier_pigeon"})
    row.refresh_from_db()
    assert getattr(row, field) == "carrier_pigeon"


@pytest.mark.django_db
@pytest.mark.parametrize("table", INDEXES)
def test_the_indexes_that_the_sources_name_exist(table):
    found = indexes_of(table)
    assert {name: found.get(name, "")[-len(end) :] for name, end in INDEXES[table].items()} == INDEXES[table]


@pytest.mark.django_db
def test_a_legacy_call_that_never_ended_is_closed_without_an_end():
    ConversationFactory(status="closed", closed_reason="failed")


@pytest.mark.django_db
def test_many_messages_have_no_provider_id():
    MessageFactory.create_batch(2, channel_message_id=None)


@pytest.mark.django_db
def test_the_scores_reach_their_ends():
    InteractionFactory(sentiment_score=-1, quality_score=100, net_promoter_score=-100, customer_satisfaction_score=10)
    ConversationFactory(overall_sentiment=-1.0, satisfaction_score=1)


def test_the_tables_have_their_names():
    assert tables_of("interactions").items() >= {
        ("Conversation", "conversations"),
        ("Interaction", "f_customer_interaction"),
        ("Message", "communication_messages"),
        ("VoiceCallDetails", "voice_call_details"),
        ("EmailDetails", "email_details"),
        ("SmsDetails", "sms_details"),
        ("Attachment", "attachments"),
        ("ContextData", "context_data"),
        ("AiAnalysis", "ai_analysis"),
        ("CommunicationEvent", "communication_events"),
        ("ProcessedMessage", "processed_messages"),
    }
