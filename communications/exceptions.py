"""What can go wrong, with the decision in it: workers know no provider's codes."""

from typing import Literal


class SendRefused(Exception):
    """A message that is not taken on. Nothing was stored. `attr` names the request's field."""

    def __init__(self, code: str, detail: str, *, attr: str | None = None) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.attr = attr


class ProviderFailure(Exception):
    """A call for a whole batch failed, none of it taken. `kind`: retry later, down (rows wait), or permanent for each row."""

    def __init__(
        self,
        kind: Literal["retry", "down", "permanent"],
        detail: str,
        *,
        code: str = "",
        retry_after: float | None = None,
    ) -> None:
        super().__init__(detail)
        self.kind = kind
        self.code = code
        self.retry_after = retry_after


class WebhookRejected(Exception):
    """A webhook whose signature is wrong. It leaves no row."""


class UnreadableDelivery(Exception):
    """A stored webhook that cannot be understood: quarantined at once, a repeat would not help."""


class UnknownMessage(Exception):
    """An event for a message that is not there (yet): tried again later, then quarantined."""
