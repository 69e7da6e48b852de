"""X-Twilio-Signature: base64 of HMAC-SHA1 over the URL as posted and every parameter's name and value, sorted."""

import base64
import hmac
from collections.abc import Mapping
from hashlib import sha1

FORGER_TOKEN = "a-token-that-nobody-was-given"


def signature(token: str, url: str, params: Mapping[str, str]) -> str:
    """`url` with its query and port as on the wire, without the fragment (connection overrides never leave Twilio)."""
    text = url + "".join(name + params[name] for name in sorted(params))
    return base64.b64encode(hmac.digest(token.encode(), text.encode(), sha1)).decode()
