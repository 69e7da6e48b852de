from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from communications.choices import EventKind, MessageStatus
from communications.sending.fold import CONTRADICTION, Evidence, Standing, State, fold

NOON = datetime(2025, 11, 15, 17, 0, tzinfo=UTC)
HEIGHT = {
    MessageStatus.SCHEDULED: 0,
    MessageStatus.PENDING: 1,
    MessageStatus.SENDING: 2,
    MessageStatus.UNCERTAIN: 3,
    MessageStatus.SENT: 4,
    MessageStatus.FAILED: 5,
    MessageStatus.SUPPRESSED: 5,
    MessageStatus.CANCELLED: 5,
    MessageStatus.DELIVERED: 6,
}


def seen(*kinds: EventKind) -> list[Evidence]:
    """These events, a second apart."""
    return [Evidence(kind=kind, at=NOON + timedelta(seconds=n)) for n, kind in enumerate(kinds)]


def state(
    status: MessageStatus, *kinds: EventKind, bounce_wins: bool = False, sent_at: datetime | None = None
) -> State:
    return fold(Standing(status=status, sent_at=sent_at), seen(*kinds), bounce_wins=bounce_wins)


def step_by_step(standing: Standing, events: Iterable[Evidence], *, bounce_wins: bool) -> State:
    """As the row lives it: each event is folded with all before it, onto what the row said by then."""
    known: list[Evidence] = []
    folded = fold(standing, known, bounce_wins=bounce_wins)
    for event in events:
        known.append(event)
        folded = fold(standing, known, bounce_wins=bounce_wins)
        standing = Standing(
            status=folded.status,
            sent_at=folded.sent_at,
            failed_at=folded.failed_at,
            error_code=folded.error_code,
            reason=folded.reason,
            anomaly=folded.anomaly,
            decision_reason=folded.decision_reason,
        )
    return folded


evidence = st.builds(
    Evidence,
    kind=st.sampled_from(EventKind),
    at=st.integers(0, 5).map(lambda n: NOON + timedelta(seconds=n)),
    error_code=st.sampled_from(["", "30003", "30005"]),
    reason=st.sampled_from(["", "Full", "Gone"]),
)
histories = st.lists(evidence, max_size=6)
standings = st.builds(
    Standing,
    status=st.sampled_from(MessageStatus),
    sent_at=st.sampled_from([None, NOON, NOON + timedelta(seconds=2, microseconds=1)]),
    failed_at=st.sampled_from([None, NOON]),
    error_code=st.sampled_from(["", "no_answer"]),
    decision_reason=st.sampled_from(["", "opted_out", "no_answer"]),
)


@settings(max_examples=300, deadline=None)
@given(standings, histories, st.booleans(), st.randoms())
def test_the_order_of_the_evidence_makes_no_difference(standing, events, bounce_wins, chance) -> None:
    shuffled = list(events)
    chance.shuffle(shuffled)

    assert fold(standing, shuffled, bounce_wins=bounce_wins) == fold(standing, events, bounce_wins=bounce_wins)


@settings(max_examples=300, deadline=None)
@given(standings, histories, st.booleans(), st.randoms())
def test_evidence_that_comes_piece_by_piece_in_any_order_ends_in_the_same_state(
    standing, events, bounce_wins, chance
) -> None:
    shuffled = list(events)
    chance.shuffle(shuffled)

    at_last = step_by_step(standing, shuffled, bounce_wins=bounce_wins)

    assert at_last == fold(standing, events, bounce_wins=bounce_wins)


@settings(max_examples=300, deadline=None)
@given(standings, histories, st.booleans())
def test_a_repeat_changes_nothing_but_a_count(standing, events, bounce_wins) -> None:
    once = fold(standing, events, bounce_wins=bounce_wins)
    twice = fold(standing, [*events, *events], bounce_wins=bounce_wins)

    assert replace(twice, open_count=0, click_count=0) == replace(once, open_count=0, click_count=0)


@settings(max_examples=300, deadline=None)
@given(standings, histories, st.booleans())
def test_more_evidence_never_lowers_the_rank(standing, events, bounce_wins) -> None:
    height = {**HEIGHT, MessageStatus.BOUNCED: 7 if bounce_wins else 5}
    before = height[standing.status]
    for known in range(len(events) + 1):
        now = height[fold(standing, events[:known], bounce_wins=bounce_wins).status]
        assert now >= before
        before = now


@pytest.mark.parametrize("status", [MessageStatus.PENDING, MessageStatus.UNCERTAIN, MessageStatus.SENT])
@pytest.mark.parametrize("bounce_wins", [False, True])
def test_every_order_of_a_full_life_is_the_same_life(status: MessageStatus, bounce_wins: bool) -> None:
    life = seen(EventKind.QUEUED, EventKind.SENT, EventKind.UNDELIVERED, EventKind.DELIVERED, EventKind.READ)
    standing = Standing(status=status, sent_at=NOON)

    ends = {step_by_step(standing, order, bounce_wins=bounce_wins) for order in permutations(life)}

    assert len(ends) == 1
    assert ends.pop().status == MessageStatus.DELIVERED


LIVES: list[tuple[Sequence[EventKind], MessageStatus]] = [
    ((), MessageStatus.PENDING),
    ((EventKind.NOT_FOUND,), MessageStatus.PENDING),
    ((EventKind.QUEUED,), MessageStatus.SENT),
    ((EventKind.DEFERRED,), MessageStatus.SENT),
    ((EventKind.SENT, EventKind.DELIVERED), MessageStatus.DELIVERED),
    ((EventKind.SENT, EventKind.FAILED), MessageStatus.FAILED),
    ((EventKind.UNDELIVERED, EventKind.SENT), MessageStatus.FAILED),
    ((EventKind.OPENED,), MessageStatus.DELIVERED),
    ((EventKind.CLICKED,), MessageStatus.DELIVERED),
    ((EventKind.COMPLAINED,), MessageStatus.DELIVERED),
    ((EventKind.UNSUBSCRIBED,), MessageStatus.DELIVERED),
    ((EventKind.BOUNCED,), MessageStatus.BOUNCED),
]


@pytest.mark.parametrize(("kinds", "status"), LIVES)
def test_what_the_events_say_is_the_status(kinds: Sequence[EventKind], status: MessageStatus) -> None:
    assert state(MessageStatus.PENDING, *kinds).status == status


def test_an_sms_that_was_delivered_and_undelivered_was_delivered_and_is_marked() -> None:
    told = state(MessageStatus.SENT, EventKind.DELIVERED, EventKind.UNDELIVERED)

    assert (told.status, told.anomaly) == (MessageStatus.DELIVERED, CONTRADICTION)
    assert told.failed_at == NOON + timedelta(seconds=1)


def test_an_email_that_was_delivered_and_bounced_has_bounced_and_keeps_both_times() -> None:
    told = state(MessageStatus.SENT, EventKind.DELIVERED, EventKind.BOUNCED, bounce_wins=True, sent_at=NOON)

    assert told.status == MessageStatus.BOUNCED
    assert (told.delivered_at, told.failed_at) == (NOON, NOON + timedelta(seconds=1))


@pytest.mark.parametrize("negative", [MessageStatus.FAILED, MessageStatus.BOUNCED])
def test_sent_never_leaves_a_terminal_negative(negative: MessageStatus) -> None:
    assert state(negative, EventKind.QUEUED, EventKind.SENT, EventKind.DEFERRED).status == negative


@pytest.mark.parametrize("status", [MessageStatus.FAILED, MessageStatus.UNCERTAIN, MessageStatus.BOUNCED])
def test_proof_of_arrival_leaves_failed_and_doubt(status: MessageStatus) -> None:
    assert state(status, EventKind.DELIVERED).status == MessageStatus.DELIVERED


def test_sent_settles_a_doubt() -> None:
    assert state(MessageStatus.UNCERTAIN, EventKind.SENT).status == MessageStatus.SENT


@pytest.mark.parametrize("status", [MessageStatus.SUPPRESSED, MessageStatus.CANCELLED])
@pytest.mark.parametrize("kind", [EventKind.SENT, EventKind.DELIVERED, EventKind.UNDELIVERED, EventKind.BOUNCED])
def test_a_message_that_we_did_not_send_but_somebody_knows_of_is_marked(status, kind) -> None:
    assert state(status, kind).anomaly == f"sent_though_{status}"
    assert state(status, EventKind.NOT_FOUND).anomaly == ""


def test_such_a_mark_outlives_whatever_is_told_later() -> None:
    told = step_by_step(
        Standing(status=MessageStatus.CANCELLED), seen(EventKind.DELIVERED, EventKind.READ), bounce_wins=False
    )

    assert (told.status, told.anomaly) == (MessageStatus.DELIVERED, "sent_though_cancelled")


def test_opens_and_clicks_are_counted_and_their_first_times_kept() -> None:
    told = state(
        MessageStatus.SENT, EventKind.OPENED, EventKind.CLICKED, EventKind.OPENED, EventKind.CLICKED, EventKind.CLICKED
    )

    assert (told.open_count, told.click_count) == (2, 3)
    assert (told.opened_at, told.clicked_at) == (NOON, NOON + timedelta(seconds=1))


def test_nothing_arrives_before_it_left_though_carriers_tell_their_times_to_the_minute() -> None:
    told = state(MessageStatus.SENT, EventKind.DELIVERED, sent_at=NOON + timedelta(seconds=40))

    assert told.delivered_at == told.sent_at == NOON + timedelta(seconds=40)


def test_the_first_refusal_says_why() -> None:
    events = [
        Evidence(kind=EventKind.UNDELIVERED, at=NOON + timedelta(seconds=1), error_code="30005", reason="Later"),
        Evidence(kind=EventKind.FAILED, at=NOON, error_code="30003", reason="First"),
    ]

    told = fold(Standing(status=MessageStatus.SENT), events, bounce_wins=False)

    assert (told.error_code, told.reason, told.failed_at) == ("30003", "First", NOON)
