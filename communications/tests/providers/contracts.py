"""What every provider module keeps, whoever the provider is. A subclass says how that provider signs and what it sends.

class TestTwilio(LookupContract):
    provider_name = "twilio"
    ...

A provider that cannot look messages up keeps the ProviderContract alone.
"""

import re
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import ceil
from typing import Any, ClassVar
from uuid import UUID, uuid4

import pytest
from django.http import HttpRequest
from django.test import RequestFactory
from django.utils import timezone
from uuid_utils.compat import uuid7

from communications.actions.events import apply_events
from communications.choices import EventKind, MessageStatus
from communications.emulator.testing import Emulator
from communications.exceptions import WebhookRejected
from communications.models import DeliveryEvent
from communications.providers import loop, registry
from communications.providers.base import DeliveryReceipt, OutboundMessage, Outcome, Provider, SendResult, StoredRequest
from communications.tests.engine_fixtures import fresh, waiting


@dataclass(frozen=True, kw_only=True)
class Post:
    """A webhook as it comes over the wire, with its signature among the headers."""

    url: str
    body: bytes
    headers: dict[str, str]
    content_type: str = "application/x-www-form-urlencoded"

    def request(self) -> HttpRequest:
        path = self.url.split("/", 3)[3]
        return RequestFactory().post(f"/{path}", self.body, content_type=self.content_type, headers=dict(self.headers))

    def stored(self, provider: str, endpoint: str = "status") -> StoredRequest:
        return StoredRequest(
            id=uuid4(),
            provider=provider,
            endpoint=endpoint,
            url=self.url,
            query_string=self.url.partition("?")[2],
            headers=self.headers,
            content_type=self.content_type,
            body=self.body,
            received_at=timezone.now(),
        )


class ProviderContract(ABC):
    """`OUTCOMES` says what each misbehaviour of the emulator means for one message."""

    provider_name: ClassVar[str]
    order_matters: ClassVar[bool] = False  # whether the signature covers the order of the body's parameters
    signs_address: ClassVar[bool] = True  # whether it covers the address that was posted to
    kinds: ClassVar[tuple[EventKind, ...]] = (EventKind.QUEUED, EventKind.SENT, EventKind.DELIVERED)  # which it tells
    fails_alone: ClassVar[dict[str, Outcome]] = {"400": Outcome.REJECTED, "500": Outcome.UNCERTAIN}
    OUTCOMES: ClassVar[dict[str, Outcome]] = {
        "ok": Outcome.ACCEPTED,
        "400": Outcome.REJECTED,
        "401": Outcome.DOWN,
        "429": Outcome.RETRY,
        "500": Outcome.UNCERTAIN,
        "503": Outcome.RETRY,
        "drop_before": Outcome.UNCERTAIN,
        "hang": Outcome.UNCERTAIN,
        "html_200": Outcome.UNCERTAIN,
        "error_200": Outcome.UNCERTAIN,
        "accept_then_drop": Outcome.UNCERTAIN,
        "accept_then_late": Outcome.UNCERTAIN,
        "truncated": Outcome.UNCERTAIN,
    }

    @abstractmethod
    def event(self, reference: UUID, kind: EventKind) -> Post:
        """What the provider posts when `kind` happened to our message `reference`, rightly signed."""

    @abstractmethod
    def reordered(self, post: Post) -> Post:
        """The same delivery with its parameters in another order."""

    @abstractmethod
    def unsigned(self, post: Post) -> Post:
        """The same delivery without its signature."""

    @abstractmethod
    def wrongly_signed(self, post: Post) -> Post:
        """Signed with a secret that is not ours."""

    @abstractmethod
    def unreachable(self, settings: Any) -> None:
        """Point the provider at a port where nobody listens."""

    @pytest.fixture
    def it(self) -> Provider:
        return registry.get(self.provider_name)

    @pytest.fixture
    def post(self, settings: Any) -> Post:
        return self.event(uuid7(), EventKind.DELIVERED)

    def address(self, number: int) -> str:
        return f"+1416559{number:04d}"

    def outbound(self, **values: Any) -> OutboundMessage:
        facts = {"reference": uuid7(), "channel": "sms", "recipient": self.address(1), "sender": "+15195550100"}
        return OutboundMessage(**{**facts, "text": "Your visit is tomorrow.", "created_at": timezone.now(), **values})

    def send(self, it: Provider, *messages: OutboundMessage) -> list[SendResult]:
        return loop.run(it.send(messages))

    def lookup(self, it: Provider, *messages: OutboundMessage) -> list[DeliveryReceipt]:
        return loop.run(it.lookup(messages))

    # --- security

    def test_what_the_provider_signed_is_accepted(self, it: Provider, post: Post) -> None:
        it.verify(post.request(), post.url)

    def test_what_nobody_signed_is_refused(self, it: Provider, post: Post) -> None:
        self._refused(it, self.unsigned(post))

    def test_what_somebody_else_signed_is_refused(self, it: Provider, post: Post) -> None:
        self._refused(it, self.wrongly_signed(post))

    def test_one_changed_byte_is_refused_wherever_it_is(self, it: Provider, post: Post) -> None:
        for place in range(0, len(post.body), 7):
            changed = bytearray(post.body)
            changed[place] = ord("x") if changed[place] != ord("x") else ord("y")
            self._refused(it, replace(post, body=bytes(changed)))

    def test_the_signature_of_another_address_is_refused_where_it_covers_one(self, it: Provider, post: Post) -> None:
        if not self.signs_address:
            it.verify(post.request(), post.url + "0")
            return
        with pytest.raises(WebhookRejected):
            it.verify(post.request(), post.url + "0")

    def test_another_order_of_the_same_parameters_is_still_valid(self, it: Provider, post: Post) -> None:
        other = self.reordered(post)
        assert other.body != post.body
        if self.order_matters:
            self._refused(it, other)
        else:
            it.verify(other.request(), other.url)

    def _refused(self, it: Provider, post: Post) -> None:
        with pytest.raises(WebhookRejected):
            it.verify(post.request(), post.url)

    # --- what it tells of our messages

    def test_an_event_names_our_message(self, it: Provider, post: Post) -> None:
        reference = uuid7()
        stored = self.event(reference, EventKind.DELIVERED).stored(self.provider_name)

        [receipt] = it.parse_events(stored)

        assert (receipt.reference, receipt.kind, receipt.provider) == (reference, EventKind.DELIVERED, it.name)
        assert (receipt.delivery_id, receipt.received_at) == (stored.id, stored.received_at)
        assert receipt.provider_message_id

    def test_a_repeat_has_the_same_id_and_anything_new_has_another(self, it: Provider) -> None:
        reference = uuid7()
        delivered = self.event(reference, EventKind.DELIVERED)
        posts = [delivered, delivered, self.event(reference, self.kinds[1])]

        ids = [r.event_id for post in posts for r in it.parse_events(post.stored(self.provider_name))]

        assert ids[0] == ids[1] != ids[2]

    @pytest.mark.django_db
    @pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 0, 2), (0, 0, 1, 1, 2, 2)])
    def test_events_end_alike_in_any_order_and_any_number(self, it: Provider, order: Sequence[int]) -> None:
        [row] = waiting(provider=self.provider_name)
        posts = [self.event(row.pk, kind) for kind in self.kinds]
        for index in order:
            apply_events(list(it.parse_events(posts[index].stored(self.provider_name))))

        assert fresh(row).status == MessageStatus.DELIVERED
        assert DeliveryEvent.objects.filter(message_data=row).count() == 3

    # --- sending

    def test_there_is_one_result_for_each_message_in_order(self, it: Provider, provider: Emulator) -> None:
        messages = [self.outbound(recipient=self.address(n)) for n in range(40)]

        results = self.send(it, *messages)

        assert [r.reference for r in results] == [m.reference for m in messages]
        assert {r.outcome for r in results} == {Outcome.ACCEPTED}
        assert len({r.provider_message_id for r in results}) == ceil(40 / it.capabilities.calls_of)
        assert provider.count()["groups"] == 40

    @pytest.mark.parametrize("mode", list(OUTCOMES))
    def test_every_way_to_fail_means_what_it_proves(
        self, it: Provider, provider: Emulator, settings: Any, mode: str
    ) -> None:
        settings.PROVIDER_TIMEOUT_SECONDS = 0.5 if mode in ("hang", "accept_then_late") else 10.0
        provider.faults(mode, times=1, delay_ms=1_500 if mode == "accept_then_late" else 0)
        message = self.outbound()

        [result] = self.send(it, message)

        assert (result.reference, result.outcome) == (message.reference, self.OUTCOMES[mode])
        accepted = mode in ("ok", "accept_then_drop", "accept_then_late", "truncated")
        assert provider.count()["total"] == int(accepted)
        assert bool(result.provider_message_id) == (mode == "ok")
        assert bool(result.error_code and result.detail) == (mode != "ok")

    def test_a_failure_is_only_that_message_s(self, it: Provider, provider: Emulator) -> None:
        for mode, outcome in self.fails_alone.items():
            provider.clear_faults()
            provider.faults(mode, match={"to": f"^{re.escape(self.address(1))}$"})
            messages = [self.outbound(recipient=self.address(n)) for n in range(3)]

            outcomes = [r.outcome for r in self.send(it, *messages)]

            assert outcomes == [Outcome.ACCEPTED, outcome, Outcome.ACCEPTED]

    def test_retry_after_is_passed_on_in_seconds(self, it: Provider, provider: Emulator) -> None:
        provider.faults("429", retry_after=17, times=1)
        provider.faults("503", retry_after=7, times=1)

        assert [self.send(it, self.outbound())[0].retry_after for _ in range(2)] == [17.0, 7.0]

    def test_a_connection_that_is_refused_carried_nothing(
        self, it: Provider, provider: Emulator, settings: Any
    ) -> None:
        self.unreachable(settings)

        [result] = self.send(it, self.outbound())

        assert result.outcome in (Outcome.RETRY, Outcome.DOWN)
        assert self.lookup(it, self.outbound()) == []


class LookupContract(ProviderContract):
    """What a provider keeps besides that can settle doubt."""

    def test_a_message_whose_answer_was_lost_is_found(self, it: Provider, provider: Emulator) -> None:
        provider.faults("accept_then_drop", times=1)
        message = self.outbound()
        self.send(it, message)

        [receipt] = self.lookup(it, message)

        assert receipt.reference == message.reference
        assert receipt.kind is not EventKind.NOT_FOUND
        accepted = provider.ledger("accepted")[0]
        assert receipt.provider_message_id in (accepted["sid"], accepted.get("message_id"))

    def test_a_message_that_never_left_is_unknown_to_the_provider(self, it: Provider, provider: Emulator) -> None:
        self.send(it, self.outbound(text="Another text."))
        self.send(it, self.outbound(recipient=self.address(2)))
        message = self.outbound()

        [receipt] = self.lookup(it, message)

        assert (receipt.reference, receipt.kind) == (message.reference, EventKind.NOT_FOUND)

    @pytest.mark.parametrize("mode", ["401", "429", "500", "503", "drop_before", "hang", "html_200", "error_200"])
    def test_when_nobody_answers_nothing_is_known(
        self, it: Provider, provider: Emulator, settings: Any, mode: str
    ) -> None:
        settings.PROVIDER_TIMEOUT_SECONDS = 0.5 if mode == "hang" else 10.0
        message = self.outbound()
        self.send(it, message)
        provider.faults(mode, method="GET")

        assert self.lookup(it, message) == []
