"""Fresh ids: opaque, prefixed, unguessable."""

from __future__ import annotations

import secrets
from typing import Final

ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZabcdefghjkmnpqrstvwxyz"
LENGTH: Final = 24
"""24 characters of 54 are 138 bits: more than 128, so an id cannot be guessed."""


def new_id(prefix: str) -> str:
    return f"{prefix}_{''.join(secrets.choice(ALPHABET) for _ in range(LENGTH))}"


def jitter() -> float:
    """A number in [0, 1), for back-off."""
    return secrets.randbelow(1_000_000) / 1_000_000
