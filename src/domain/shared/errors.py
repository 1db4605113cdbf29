"""Every error a caller can act on, by what the caller should do about it.

Adapters and handlers never invent statuses: the edge maps these kinds once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import attrs


class DomainError(Exception):
    """The request was understood and refused. Never a bug."""

    code: ClassVar[str] = "domain_error"


class NotFound(DomainError):
    """No such thing, or not yours: the two are never told apart."""

    code = "not_found"


class Conflict(DomainError):
    """The thing exists, but not in a state that allows this."""

    code = "conflict"


class Forbidden(DomainError):
    """We know who you are, and you may not."""

    code = "forbidden"


class Declined(DomainError):
    """The payment provider said no; asking again unchanged will not help."""

    code = "declined"


class Unavailable(DomainError):
    """Somebody else's outage. Safe to retry with the same idempotency key."""

    code = "unavailable"
    retry_after_s: int = 5


@attrs.frozen
class Flaw:
    """One thing wrong with a request: a JSON pointer into its body, and what to do about it."""

    pointer: str
    detail: str


class Invalid(DomainError):
    """The request cannot be right, whatever the state: every flaw is listed."""

    code = "invalid"

    def __init__(self, flaws: Sequence[Flaw]) -> None:
        super().__init__("; ".join(f"{flaw.pointer or '/'}: {flaw.detail}" for flaw in flaws))
        self.flaws = tuple(flaws)


class StorageUnavailable(Unavailable):
    """The database cannot be reached, or would not commit. Nothing is known to have changed."""

    code = "storage_unavailable"
