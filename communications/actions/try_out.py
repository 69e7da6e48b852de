"""A template sent to those who are working on it, as somebody else would get it. It is no part of any customer's record."""

from collections.abc import Mapping, Sequence
from typing import Any

from communications.actions.addressing import line_of, normal_address
from communications.actions.message_request import MessageRequest
from communications.actions.messages import send_messages
from communications.choices import CHANNEL_OF_METHOD, DeliveryMethod
from communications.content import content_for
from communications.exceptions import SendRefused
from communications.models import MessageData, MessageSchemaVersion
from communications.rendering.problems import MissingVariables, TemplateProblem
from communications.rendering.samples import Specimen
from config.accounts.models import User
from customers.choices import Channel, Purpose
from customers.consent import declines, last_words

MOST_RECIPIENTS = 10
_MOST_ROUNDS = 20  # a value may open a condition behind which the next one is missing


def send_test(
    version: MessageSchemaVersion, *, recipients: Sequence[str], variables: Mapping[str, Any], by: User
) -> list[MessageData]:
    """One message each, all or none, published or not; where a value is missing a sample stands. Raises SendRefused.

    Suppressed addresses get nothing, as ever, and who declined marketing gets no test of it; an e-mail's subject begins
    with “[Test]”.
    """
    if not 0 < len(recipients) <= MOST_RECIPIENTS:
        sentence = f"Name one to {MOST_RECIPIENTS} addresses."
        raise SendRefused("recipients", sentence, attr="recipient")
    channel = CHANNEL_OF_METHOD[DeliveryMethod(version.message_schema.message_delivery_method)]
    line_of(channel)
    _check_willing(version, channel, [normal_address(channel, each) for each in recipients])
    values = _complete(version, variables)
    requests = [
        MessageRequest(schema=version.message_schema, version=version, recipient=each, variables=values, is_test=True)
        for each in dict.fromkeys(recipients)
    ]
    return send_messages(requests, by=by)


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
