"""What the tests of the engine share: the emulator as provider, messages that wait, several workers at once.

A test module imports the fixtures that it needs and names them in `__all__`.
"""

import atexit
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any, TypeVar

import pytest
from django.db import connection, connections

from communications.emulator.testing import Emulator
from communications.models import MessageData, SendBatch
from communications.providers import loop
from communications.providers.base import Outcome, SendResult
from communications.sending.claim import claim_due
from communications.sending.slices import Slice, prepare, waiting_rows
from communications.tests.factories import MessageDataFactory, SendBatchFactory
from customers.choices import Purpose
from customers.models import Customer
from customers.tests.factories import CustomerFactory
from interactions.actions.record import Reply, record_reply
from interactions.models import Message
from interactions.tests.factories import ConversationFactory

T = TypeVar("T")
LINE = "+15195550100"
_numbers = count(1)


@cache
def _running() -> Emulator:
    """One emulator for the whole run, ended with it."""
    folder = Path(tempfile.mkdtemp(prefix="rapport-engine-"))
    emulator = Emulator(folder, {})
    emulator.start()
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    atexit.register(emulator.stop)
    return emulator


@pytest.fixture
def provider(settings: Any) -> Iterator[Emulator]:
    """Twilio and SendGrid as new, which calls nobody back until a test says so."""
    emulator = _running()
    emulator.reset()
    emulator.callbacks(enabled=False)
    settings.TWILIO_BASE_URL = emulator.url
    settings.TWILIO_ACCOUNT_SID = emulator.account_sid
    settings.TWILIO_AUTH_TOKEN = emulator.auth_token
    settings.TWILIO_FROM_NUMBER = LINE
    settings.SENDGRID_BASE_URL = emulator.url
    settings.SENDGRID_API_KEY = emulator.api_key
    yield emulator
    loop.close()


def waiting(number: int = 1, *, text: str = "Your visit is tomorrow.", **values: Any) -> list[MessageData]:
    """Messages to as many customers in one batch that is due. `due_at`, `provider`, `channel` and `purpose` are the batch's too."""
    purpose = values.setdefault("purpose", Purpose.TRANSACTIONAL)
    batch_values = {name: values.pop(name) for name in ("due_at", "channel") if name in values}
    batch = SendBatchFactory(
        row_count=number, purpose=purpose, provider=values.get("provider", "twilio"), **batch_values
    )
    customers = Customer.objects.bulk_create(CustomerFactory.build_batch(number))
    rows = [
        MessageDataFactory.build(
            **{
                "message_number": f"MSG-2025-E{next(_numbers):05d}",
                "batch": batch,
                "customer": customer,
                "sender": LINE,
                "content_data": {"finalMessage": text},
                **values,
            }
        )
        for customer in customers
    ]
    return MessageData.objects.bulk_create(rows)


def waiting_reply(text: str = "We will be there at two.", **values: Any) -> tuple[MessageData, Message]:
    """An answer in a thread, queued, and the message that shows it there."""
    conversation = ConversationFactory()
    number = f"+1416551{next(_numbers):04d}"
    reply = Reply(channel="sms", line="twilio", sender=LINE, recipient=number, content=text)
    message = record_reply(reply, conversation=conversation)
    of_thread = {"conversation": conversation, "message": message, "interaction": message.interaction}
    [row] = waiting(text=text, recipient=number, **of_thread, **values)
    MessageData.objects.filter(pk=row.pk).update(customer=conversation.customer)
    return row, message


def fresh(row: MessageData) -> MessageData:
    return MessageData.objects.get(pk=row.pk)


def batch_of(row: MessageData) -> SendBatch:
    """The batch in which the message stands now."""
    return SendBatch.objects.get(messages=row.pk)


def make_due() -> None:
    """Everything that waits is due, as if its time had come."""
    with connection.cursor() as cursor:
        cursor.execute("UPDATE send_batches SET due_at = now() - interval '1 second' WHERE state = 'waiting'")


def make_old(*rows: MessageData, seconds: int = 3_600) -> None:
    """As if nobody had touched these messages for so long."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE f_message_data SET updated_ts = now() - make_interval(secs => %s) WHERE id = ANY(%s)",
            [seconds, [row.pk for row in rows]],
        )


def let_leases_run_out() -> None:
    with connection.cursor() as cursor:
        cursor.execute("UPDATE send_batches SET lease_until = now() - interval '1 second' WHERE state = 'working'")


def on_its_way() -> Slice:
    """Everything that is due, claimed and written down as in flight."""
    claims = claim_due("transactional", most_rows=1_000)
    return prepare(claims, [row.id for row in waiting_rows(claims)])


def answers(sent: Slice, outcome: Outcome, **values: Any) -> list[SendResult]:
    """The same answer for every message, each with an id of its own when it was taken."""
    return [
        SendResult(
            reference=row.pk,
            outcome=outcome,
            **({"provider_message_id": f"SM{row.pk.hex}"} if outcome is Outcome.ACCEPTED else {}),
            **values,
        )
        for row in sent.rows
    ]


def at_once(*work: Callable[[], T]) -> list[T]:
    """Run each in a thread with a connection of its own, all let go at the same moment. What one raises is raised here."""
    start = threading.Barrier(len(work))
    results: list[Any] = [None] * len(work)

    def run(index: int) -> None:
        try:
            connection.ensure_connection()
            start.wait(30)
            results[index] = work[index]()
        except BaseException as error:
            results[index] = error
        finally:
            loop.close()
            connections.close_all()

    threads = [threading.Thread(target=run, args=(index,)) for index in range(len(work))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive(), "a worker waits for ever"
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return results
