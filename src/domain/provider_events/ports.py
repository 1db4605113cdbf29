from __future__ import annotations

from datetime import timedelta
from typing import Protocol

from domain.provider_events.model import InboxEntry, ProviderEvent, Verdict
from domain.refunds.ports import RefundWork


class EventVerifier(Protocol):
    def verify(self, payload: bytes, signature: str | None) -> None:
        """Check that the provider signed exactly these bytes, just now; raise BadSignature."""
        ...


class EventReader(Protocol):
    def read(self, payload: str) -> ProviderEvent:
        """Translate a signed payload; raise UnreadableEvent."""
        ...


class Inbox(Protocol):
    """What arrived and is not yet applied. Rows are the queue."""

    async def add(self, entry: InboxEntry) -> bool:
        """Store *entry* unless its event is known; tell whether it was new."""
        ...

    async def claim(self, *, limit: int, lease: timedelta) -> list[InboxEntry]:
        """Take up to *limit* entries that are due, or whose lease ran out, oldest first."""
        ...

    async def record(self, entry: InboxEntry, verdict: Verdict) -> None:
        """Write what became of the attempt; raise FencedOut when it was claimed again."""
        ...


class EventWork(RefundWork, Protocol):
    @property
    def inbox(self) -> Inbox: ...
