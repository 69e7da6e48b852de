from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interactions.resolution import Candidate, resolve

NOW = datetime(2025, 11, 17, 9, 0, tzinfo=UTC)
THREAD, ACTIVE, PREVIOUS = UUID(int=1), UUID(int=2), UUID(int=3)


def open_one(id=ACTIVE, *, ago=timedelta(hours=1), takes_part=True):
    return Candidate(
        id=id, status="active", closed_reason="", last_activity_at=NOW - ago, customer_takes_part=takes_part
    )


def closed_one(id=PREVIOUS, reason="idle", *, ago=timedelta(days=3), takes_part=True):
    return Candidate(
        id=id, status="closed", closed_reason=reason, last_activity_at=NOW - ago, customer_takes_part=takes_part
    )


def decide(explicit=None, active=None, previous=None):
    found = resolve(explicit=explicit, active=active, previous=previous, now=NOW)
    return found.kind, found.conversation_id, found.reason, found.continues_id


def test_a_stranger_begins_a_conversation():
    assert decide() == ("new", None, "new", None)


def test_a_reply_joins_the_thread_it_answers_even_when_another_is_open():
    assert decide(open_one(THREAD), open_one()) == ("join", THREAD, "thread", None)


def test_a_thread_is_joined_however_old_it_is():
    assert decide(open_one(THREAD, ago=timedelta(days=9))) == ("join", THREAD, "thread", None)


def test_mondays_answer_opens_fridays_idle_thread_again():
    assert decide(closed_one(THREAD, "idle")) == ("reopen", THREAD, "thread", None)


@pytest.mark.parametrize("reason", ["resolved", "completed", "merged", "failed"])
def test_what_was_finished_stays_finished_and_is_continued_by_a_new_one(reason):
    assert decide(closed_one(THREAD, reason), previous=closed_one()) == ("new", None, "continues", THREAD)


def test_an_answer_to_a_resolved_thread_joins_what_is_open_now():
    assert decide(closed_one(THREAD, "resolved"), open_one()) == ("join", ACTIVE, "active_24h", None)


def test_a_thread_of_somebody_else_is_not_entered():
    assert decide(open_one(THREAD, takes_part=False)) == ("new", None, "new", None)
    assert decide(closed_one(THREAD, takes_part=False), open_one()) == ("join", ACTIVE, "active_24h", None)
    assert decide(closed_one(THREAD, takes_part=False), None, closed_one()) == ("new", None, "continues", PREVIOUS)


@pytest.mark.parametrize(
    ("ago", "kind"),
    [
        (timedelta(0), "join"),
        (timedelta(hours=24) - timedelta(microseconds=1), "join"),
        (timedelta(hours=24), "new"),
        (timedelta(hours=24, microseconds=1), "new"),
        (timedelta(seconds=-5), "join"),
    ],
)
def test_the_window_is_24_hours_to_the_microsecond(ago, kind):
    assert decide(active=open_one(ago=ago))[0] == kind


def test_an_open_conversation_whose_time_ran_out_is_closed_and_continued():
    found = resolve(explicit=None, active=open_one(ago=timedelta(days=2)), previous=closed_one(), now=NOW)
    assert (found.kind, found.continues_id, found.closes_id) == ("new", ACTIVE, ACTIVE)


def test_the_window_is_a_parameter():
    found = resolve(explicit=None, active=open_one(), previous=None, now=NOW, window=timedelta(minutes=5))
    assert found.kind == "new"


def test_a_new_one_names_the_finished_one():
    assert decide(previous=closed_one(reason="resolved")) == ("new", None, "continues", PREVIOUS)


candidates = st.none() | st.builds(
    Candidate,
    id=st.builds(uuid4),
    status=st.sampled_from(["active", "closed"]),
    closed_reason=st.sampled_from(["", "idle", "resolved", "completed", "merged", "failed"]),
    last_activity_at=st.timedeltas(timedelta(0), timedelta(days=5)).map(lambda ago: NOW - ago),
    customer_takes_part=st.booleans(),
)


@given(explicit=candidates, active=candidates, previous=candidates)
def test_every_answer_is_consistent(explicit, active, previous):
    found = resolve(explicit=explicit, active=active, previous=previous, now=NOW)
    assert (found.conversation_id is None) == (found.kind == "new")
    assert (found.continues_id is not None) == (found.reason == "continues")
    if explicit and not explicit.customer_takes_part:
        assert explicit.id not in (found.conversation_id, found.continues_id)
