"""A template sent to those who are working on it, as somebody else would get it. It is no part of any customer's record."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import transaction

from communications.actions.addressing import line_of, normal_address
from communications.actions.message_request import MessageRequest
from communications.actions.messages import send_messages
from communications.choices import CHANNEL_OF_METHOD, DeliveryMethod
from communications.content import TEST, content_for
from communications.exceptions import SendRefused
from communications.models import MessageData, MessageSchemaVersion
from communications.rendering.problems import MissingVariables, TemplateProblem
from communications.rendering.samples import Specimen
from config.accounts.models import User
from config.db import first_id
from config.db import now as database_now
from customers.choices import Channel, Purpose
from customers.consent import declines, last_words
from customers.models import Customer

MOST_RECIPIENTS = 10
SHOWN_AS = "shown_as"  # in a test's metadata: the customer whose values it tells, for his erasure
_MOST_ROUNDS = 20  # a value may open a condition behind which the next one is missing


def send_test(
    version: MessageSchemaVersion,
    *,
    recipients: Sequence[str],
    variables: Mapping[str, Any],
    by: User,
    shown_as: Customer | None = None,
) -> list[MessageData]:
    """One message each, all or none, published or not; where a value is missing a sample stands. Raises SendRefused.

    Suppressed addresses get nothing, as ever, and who declined marketing gets no test of it; an e-mail's subject begins
    with “[Test]”. `TEST_SENDS_PER_HOUR` of one person, however many browsers he has open. `shown_as`: whose values they are.
    """
    if not 0 < len(recipients) <= MOST_RECIPIENTS:
        sentence = f"Name one to {MOST_RECIPIENTS} addresses."
        raise SendRefused("recipients", sentence, attr="recipient")
    channel = CHANNEL_OF_METHOD[DeliveryMethod(version.message_schema.message_delivery_method)]
    line_of(channel)
    _check_willing(version, channel, [normal_address(channel, each) for each in recipients])
    values = _complete(version, variables)
    requests = [
        MessageRequest(
            schema=version.message_schema,
            version=version,
            recipient=each,
            variables=values,
            metadata={SHOWN_AS: str(shown_as.pk)} if shown_as else {},
            is_test=True,
        )
        for each in dict.fromkeys(recipients)
    ]
    with transaction.atomic():
        _check_rate(by, len(requests))
        return send_messages(requests, by=by)


def _check_rate(by: User, count: int) -> None:
    """Under his row's lock, so that two of his requests do not both take the last place."""
    User.objects.select_for_update(no_key=True).get(pk=by.pk)
    since = first_id(database_now() - timedelta(hours=1))
    sent = MessageData.objects.filter(pk__gte=since, created_by=by, metadata__has_key=TEST).count()
    most = settings.TEST_SENDS_PER_HOUR
    if sent + count > most:
        left = f"{most - sent} more" if sent < most else "no more"
        raise SendRefused("too_many_tests", f"You sent {sent} tests within an hour, of at most {most}: {left} now.")


def _check_willing(version: MessageSchemaVersion, channel: Channel, addresses: Sequence[str]) -> None:
    if version.message_schema.purpose != Purpose.MARKETING:
        return
    unwilling = [each for each, said in last_words(channel, addresses).items() if declines(said, Purpose.MARKETING)]
    if unwilling:
        raise SendRefused("opted_out", f"{', '.join(unwilling)} declined marketing.", attr="recipient")


def _complete(version: MessageSchemaVersion, values: Mapping[str, Any]) -> Mapping[str, Any]:
    missing: tuple[str, ...] = ()
    for _ in range(_MOST_ROUNDS):
        try:
            content_for(version, values)
        except MissingVariables as error:
            missing = error.names
            for name in missing:
                values = _with_sample(values, name)
        except TemplateProblem as error:
            raise SendRefused("template_error", str(error), attr="variables") from error
        else:
            return values
    sentence = f"Give a value for {', '.join(missing)}: no sample will do."
    raise SendRefused("missing_variable", sentence, attr="variables")


def _with_sample(values: Mapping[str, Any], path: str) -> dict[str, Any]:
    name, _, rest = path.partition(".")
    if not rest:
        return {**values, name: str(Specimen(name))}
    held = values.get(name)
    return {**values, name: _with_sample(held if isinstance(held, Mapping) else {}, rest)}
