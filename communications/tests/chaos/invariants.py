"""What must hold when all is calm, whatever happened: asked of the database and of the provider's ledger, never of Rapport."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any, TypeAlias

from communications.tests.chaos.harness import Chaos
from communications.tests.chaos.load import MAIL_SCHEMA, PEOPLE, SCHEMA

TAKEN = ("sent", "delivered", "bounced")
_NOT_TAKEN = ("failed", "suppressed", "cancelled")
_FINAL = (*TAKEN, *_NOT_TAKEN, "uncertain")
_REFUSED = ("rejected", "gave_up")  # failed without having been taken; `undelivered` was taken
_MOST_SHOWN = 5
_LATEST = 10.0  # seconds after an opt-out was written down: what was decided before may leave as long as a lease runs


@dataclass(frozen=True, kw_only=True)
class Row:
    """One of our messages, as the database has it."""

    id: str
    status: str
    reason: str
    possible_duplicate: bool
    interaction: str | None
    bulk: str | None
    recipient: str
    created_at: float
    decided_at: float


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """What the invariants are asked of. `taken`: when the provider accepted each of our messages, by its id."""

    chaos: Chaos
    rows: list[Row]
    taken: Mapping[str, list[float]]


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """An invariant's outcome: nothing in `broken` is what it should be."""

    name: str
    says: str
    broken: list[str]

    @property
    def holds(self) -> bool:
        return not self.broken


Check: TypeAlias = Callable[[Evidence], list[str]]


def judge(evidence: Evidence) -> list[Verdict]:
    """Every invariant's verdict."""
    return [Verdict(name=name, says=says, broken=check(evidence)) for name, says, check in _INVARIANTS]


def gather(chaos: Chaos) -> Evidence:
    found = chaos.rapport.sql(
        """
        SELECT m.id::text, m.status, m.decision_reason, m.possible_duplicate, m.interaction_id::text, m.bulk_id::text,
            m.recipient, extract(epoch FROM m.created_ts)::float, coalesce(extract(epoch FROM m.decided_ts), 0)::float
        FROM f_message_data m JOIN d_message_schema s ON s.id = m.message_schema_id WHERE s.code IN (%s, %s)
        """,
        SCHEMA,
        MAIL_SCHEMA,
    )
    names = [each.name for each in fields(Row)]
    taken: dict[str, list[float]] = defaultdict(list)
    for entry in chaos.rapport.emulator.ledger("accepted"):
        if entry["reference"]:
            taken[entry["reference"]].append(entry["at"])
    return Evidence(chaos=chaos, rows=[Row(**dict(zip(names, values, strict=True))) for values in found], taken=taken)


def _one_row_a_request(evidence: Evidence) -> list[str]:
    promised = Counter(message for message, _ in evidence.chaos.load.promises.accepted.values())
    stored = Counter(row.id for row in evidence.rows if row.bulk is None)
    return _strange("promised, not stored", promised - stored) + _strange("stored, not promised", stored - promised)


def _one_row_a_recipient(evidence: Evidence) -> list[str]:
    promised = Counter(evidence.chaos.load.promises.bulks)
    stored = Counter(row.bulk for row in evidence.rows if row.bulk)
    met = Counter(row.recipient for row in evidence.rows if row.bulk)
    return [
        *_strange("recipients passed over, of requests", promised - stored),
        *_strange("recipients too many, of requests", stored - promised),
        *_strange("recipients met twice", [recipient for recipient, times in met.items() if times > 1]),
    ]


def _nothing_in_flight(evidence: Evidence) -> list[str]:
    unsettled = [f"{row.id} is {row.status}" for row in evidence.rows if row.status not in _FINAL]
    held = "SELECT id::text FROM send_batches WHERE state = 'working' AND lease_until < now() OR in_flight <> '{}'"
    return unsettled[:_MOST_SHOWN] + _found(evidence, "batch past its lease", held)


def _never_twice_unflagged(evidence: Evidence) -> list[str]:
    flagged = {row.id for row in evidence.rows if row.possible_duplicate}
    return _strange(
        "taken twice", [key for key, times in evidence.taken.items() if len(times) > 1 and key not in flagged]
    )


def _sent_is_what_was_taken(evidence: Evidence) -> list[str]:
    sent = {row.id for row in evidence.rows if row.status in TAKEN or row.reason == "undelivered"}
    refused = {row.id for row in evidence.rows if row.status in _NOT_TAKEN} - sent
    return [
        *_strange("sent, but the provider has it not", sent - set(evidence.taken)),
        *_strange("taken, but not to have been sent", refused & set(evidence.taken)),
        *_strange("failed for no reason", _unreasoned(evidence.rows)),
    ]


def _unreasoned(rows: Iterable[Row]) -> list[str]:
    return [row.id for row in rows if row.status == "failed" and row.reason not in (*_REFUSED, "undelivered")]


def _acknowledged_is_stored(evidence: Evidence) -> list[str]:
    found = evidence.chaos.rapport.sql(
        "SELECT channel_message_id FROM communication_messages WHERE channel_message_id ~ %s", "^SM(0000|stop)"
    )
    recorded = Counter(sid for (sid,) in found)
    bodies = evidence.chaos.rapport.sql("SELECT body FROM webhook_deliveries WHERE state = 'quarantined'")
    quarantined = " ".join(bytes(body).decode() for (body,) in bodies)
    acknowledged = evidence.chaos.load.promises.acknowledged
    missing = [s for s in acknowledged if s not in recorded and s not in quarantined]
    waiting = "SELECT id::text FROM webhook_deliveries WHERE state = 'received'"
    return [
        *_strange("acknowledged, not recorded", missing),
        *_strange("recorded, never acknowledged", set(recorded) - set(acknowledged)),
        *_found(evidence, "not processed", waiting),
    ]


def _receipts_are_stored(evidence: Evidence) -> list[str]:
    callbacks = evidence.chaos.rapport.emulator.ledger("callback")
    heard = [entry for entry in callbacks if entry["answer"] and entry["answer"] < 300]
    told = {f"{entry['sid']}:{entry['event']}" for entry in heard if entry["provider"] == "twilio"}
    events = {
        event.rsplit(":", 1)[0] for (event,) in evidence.chaos.rapport.sql("SELECT event_id FROM delivery_events")
    }
    return _strange("receipt acknowledged, not stored", told - events) + _mails_receipts(evidence, heard)


def _mails_receipts(evidence: Evidence, heard: Iterable[Mapping[str, Any]]) -> list[str]:
    """Several to a post: of each call's mails, which were told to have been delivered."""
    told = {
        f"{call}:{index}"
        for entry in heard
        if entry["provider"] == "sendgrid"
        for call, event, _, indexes in entry["told"]
        if event == "delivered"
        for index in indexes
    }
    stored = "SELECT count(*) FROM delivery_events WHERE provider = 'sendgrid' AND kind = 'delivered'"
    number = evidence.chaos.rapport.sql(stored)[0][0]
    return [] if number == len(told) else [f"{len(told)} mails told to be delivered, {number} stored"]


def _no_call_after_an_opt_out(evidence: Evidence) -> list[str]:
    events = evidence.chaos.rapport.sql(
        """
        SELECT address, extract(epoch FROM min(created_at))::float FROM consent_events
        WHERE channel = 'sms' AND status = 'opt_out' GROUP BY address
        """
    )
    opted_out: dict[str, float] = dict(events)
    late = [
        f"{row.id} by {max(evidence.taken[row.id]) - opted_out[row.recipient]:.1f} s"
        for row in evidence.rows
        if row.recipient in opted_out
        and row.id in evidence.taken
        and max(evidence.taken[row.id]) > opted_out[row.recipient] + _LATEST
    ]
    return _strange("called after the opt-out", late)


def _one_customer_one_conversation(evidence: Evidence) -> list[str]:
    twice = "SELECT identifier_value FROM customer_identifiers GROUP BY identifier_type, identifier_value HAVING count(*) > 1"
    several = (
        "SELECT customer_id::text FROM conversations WHERE status = 'active' GROUP BY customer_id HAVING count(*) > 1"
    )
    wrote = evidence.chaos.rapport.sql(
        "SELECT count(DISTINCT customer_id) FROM customer_identifiers WHERE identifier_value LIKE '+1647200%%'"
    )[0][0]
    return [
        *_found(evidence, "identifier of two customers", twice),
        *_found(evidence, "customer with two active conversations", several),
        *([f"{wrote} customers, but {PEOPLE} people wrote"] if wrote > PEOPLE else []),
    ]


def _numbers_are_unique(evidence: Evidence) -> list[str]:
    messages = "SELECT message_number FROM f_message_data GROUP BY 1 HAVING count(*) > 1"
    interactions = "SELECT interaction_number FROM f_customer_interaction GROUP BY 1 HAVING count(*) > 1"
    return _found(evidence, "message number", messages) + _found(evidence, "interaction number", interactions)


def _one_customer_throughout(evidence: Evidence) -> list[str]:
    threads = """
        SELECT m.id::text FROM communication_messages m
        JOIN conversations c ON c.id = m.conversation_id JOIN f_customer_interaction i ON i.id = m.interaction_id
        WHERE c.customer_id <> i.customer_id OR (i.conversation_id IS NOT NULL AND i.conversation_id <> c.id)
    """
    sent = """
        SELECT m.id::text FROM f_message_data m JOIN f_customer_interaction i ON i.id = m.interaction_id
        WHERE m.customer_id <> i.customer_id
    """
    return _found(evidence, "message", threads) + _found(evidence, "sent message", sent)


def _one_interaction_a_message(evidence: Evidence) -> list[str]:
    sent = [row for row in evidence.rows if row.status in TAKEN]
    orphans = """
        SELECT i.id::text FROM f_customer_interaction i JOIN customer_identifiers c ON c.customer_id = i.customer_id
        WHERE c.identifier_value LIKE '+14162%%' AND i.interaction_subtype = 'outbound'
        AND NOT EXISTS (SELECT 1 FROM f_message_data m WHERE m.interaction_id = i.id)
    """
    return [
        *_strange("sent without an interaction", [row.id for row in sent if row.interaction is None]),
        *_found(evidence, "interaction of no message", orphans),
    ]


_INVARIANTS: tuple[tuple[str, str, Check], ...] = (
    ("I1", "one row for each accepted request and key", _one_row_a_request),
    ("I1", "one row for each recipient of a bulk request", _one_row_a_recipient),
    ("I2", "every message is settled or honestly uncertain, none in flight past its lease", _nothing_in_flight),
    ("I3", "no message was taken twice by the provider without a flag", _never_twice_unflagged),
    ("I4", "sent is what the provider took, refused is what it did not", _sent_is_what_was_taken),
    ("I6", "every acknowledged message is recorded once or quarantined", _acknowledged_is_stored),
    ("I6", "every acknowledged receipt is stored", _receipts_are_stored),
    ("I7", "one customer for each address, one active conversation for each customer", _one_customer_one_conversation),
    ("I8", "nobody is called after an opt-out", _no_call_after_an_opt_out),
    ("I13", "numbers are unique", _numbers_are_unique),
    ("I14", "a message, its conversation and its interaction name one customer", _one_customer_throughout),
    ("I14", "one interaction for each sent message", _one_interaction_a_message),
)


def _found(evidence: Evidence, what: str, statement: str) -> list[str]:
    return _strange(what, [str(row[0]) for row in evidence.chaos.rapport.sql(statement)])


def _strange(what: str, keys: Iterable[str]) -> list[str]:
    found = sorted(keys)
    shown = ", ".join(found[:_MOST_SHOWN])
    return [f"{what}: {len(found)} ({shown})"] if found else []
