"""The signature of the event webhook: ECDSA (P-256, SHA-256) over the timestamp and the payload as posted, in base64."""

import base64
from functools import lru_cache
from hashlib import sha256

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

SIGNATURE = "X-Twilio-Email-Event-Webhook-Signature"
TIMESTAMP = "X-Twilio-Email-Event-Webhook-Timestamp"
# Anybody can make these keys, and is meant to: development has the same pair everywhere.
OWN = "the emulator's own key, known to everybody"
FORGER = "a key that nobody was given"


def headers(payload: bytes, *, at: int, owner: str = OWN) -> dict[str, str]:
    """`at` is epoch seconds, as text the first part of what is signed."""
    stamp = str(at)
    signature = _key(owner).sign(stamp.encode() + payload, ec.ECDSA(hashes.SHA256()))
    return {SIGNATURE: base64.b64encode(signature).decode(), TIMESTAMP: stamp}


def public_key() -> str:
    """Base64 of DER, as SendGrid's settings show it."""
    encoding, form = serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    return base64.b64encode(_key(OWN).public_key().public_bytes(encoding, form)).decode()


@lru_cache(maxsize=2)
def _key(owner: str) -> ec.EllipticCurvePrivateKey:
    return ec.derive_private_key(int.from_bytes(sha256(owner.encode()).digest()), ec.SECP256R1())
