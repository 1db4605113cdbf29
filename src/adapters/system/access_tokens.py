"""Guests' access tokens: proof of owning one job, derived from it, so never stored."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Sequence
from typing import Final

import attrs

from domain.shared.ids import JobId

PREFIX: Final = "cft_"
MAC_BYTES: Final = 24
TOKEN_LENGTH_MAX: Final = 200


@attrs.frozen
class HmacAccessTokens:
    """The first secret signs, every one is accepted: put a new one in front to rotate.

    A token is ``cft_<key id>_<mac>``; the MAC covers the job's id and its token generation, so
    raising the generation revokes what was issued before.
    """

    secrets: Sequence[bytes] = attrs.field(repr=False)

    def issue(self, job_id: JobId, generation: int) -> str:
        secret = self.secrets[0]
        return f"{PREFIX}{key_id_of(secret)}_{_mac(secret, job_id, generation)}"

    def proves(self, token: str, job_id: JobId, generation: int) -> bool:
        if not token.startswith(PREFIX) or len(token) > TOKEN_LENGTH_MAX:
            return False
        key_id, _, mac = token.removeprefix(PREFIX).partition("_")
        proven = False
        for secret in self.secrets:
            right_key = hmac.compare_digest(key_id.encode(), key_id_of(secret).encode())
            right_mac = hmac.compare_digest(mac.encode(), _mac(secret, job_id, generation).encode())
            proven |= right_key and right_mac
        return proven


def key_id_of(secret: bytes) -> str:
    return hashlib.sha256(b"counterfoil key id\0" + secret).hexdigest()[:8]


def _mac(secret: bytes, job_id: JobId, generation: int) -> str:
    return mac_of(secret, f"counterfoil access token\0{job_id}\0{generation}")


def mac_of(secret: bytes, message: str) -> str:
    """Sign *message*, whose first words must say what it is: one secret signs several kinds."""
    mac = hmac.digest(secret, message.encode(), "sha256")[:MAC_BYTES]
    return base64.urlsafe_b64encode(mac).decode()
