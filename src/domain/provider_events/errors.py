from __future__ import annotations

from domain.shared.errors import DomainError


class BadSignature(DomainError):
    """Not signed by the provider, or not now. Nothing of it is stored, nor logged."""

    code = "bad_signature"

    def __init__(self, why: str) -> None:
        super().__init__(f"The signature does not hold: {why}")
        self.why = why


class UnreadableEvent(DomainError):
    """Signed by the provider, and yet not what its events look like."""

    code = "unreadable_event"
