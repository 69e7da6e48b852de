"""SendGrid: e-mail by the v3 Mail Send API, a thousand persons a call, and its signed event webhook.

What it really does: a call is taken or refused as a whole, and a 400 for one bad address refuses a thousand persons; an
address may stand once in a call. `202` has no body, only `X-Message-Id`, which the ids in its events begin with. There
is no idempotency key: only a 4xx or 503 proves that nothing was taken. Events come in arrays, doubled and in any order,
and carry our id as the top-level `m`; their signature covers the raw body and a time, not the address.
"""

from communications.providers.sendgrid.send import SendGrid

__all__ = ["SendGrid"]
