"""The button “Send a test” beside a preview: what is shown there goes to the addresses that are named."""

import re
from typing import Any, cast

from django.contrib import messages
from django.http import HttpRequest

from communications.actions.try_out import send_test
from communications.exceptions import SendRefused
from communications.models import MessageSchema, MessageSchemaVersion
from communications.rendering.variables import common_variables
from communications.views.previews import preview_facts
from config.accounts.models import User

_BETWEEN = re.compile(r"\s*[,;\n]\s*")


def try_out(request: HttpRequest, schema: MessageSchema) -> None:
    """Send what `?…` previews to the form's addresses, and tell what became of it. They are kept for the next time."""
    told = request.POST.get("to", "").strip()
    source, facts = preview_facts(request, schema)
    if not isinstance(source, MessageSchemaVersion):
        messages.warning(request, "Save the template first: only a version is sent.")
        return
    request.session[remembered(schema)] = told
    customer = facts["customer"]
    try:
        sent = send_test(
            source,
            recipients=[each for each in _BETWEEN.split(told) if each],
            variables=_written(common_variables(**facts)),
            by=cast(User, request.user),
            shown_as=customer if customer and not customer._state.adding else None,
        )
    except SendRefused as refused:
        messages.error(request, f"No test was sent: {refused.detail}")
    else:
        messages.success(request, f"On its way to {', '.join(message.recipient for message in sent)}.")


def remembered(schema: MessageSchema) -> str:
    """The session's name for the addresses that tests of this method went to last."""
    return f"test_to_{schema.message_delivery_method}"


def _written(variables: dict[str, Any]) -> dict[str, Any]:
    """As they are stored with a message: the preview's people are made up, and so are some of their values."""
    plain = (str, int, float, bool, list, dict)
    return {name: value if isinstance(value, plain) else str(value) for name, value in variables.items()}
