"""Stripe's signature: HMAC-SHA256 over the wall time and the exact bytes sent."""

import hashlib
import hmac
from collections.abc import Iterable


def signature_header(payload: bytes, secrets: Iterable[str], *, at: int) -> str:
    """One v1 per secret: while a secret is rotated there are several."""
    signed = f"{at}.".encode() + payload
    digests = (hmac.new(secret.encode(), signed, hashlib.sha256) for secret in secrets)
    return ",".join([f"t={at}", *(f"v1={digest.hexdigest()}" for digest in digests)])
