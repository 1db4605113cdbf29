"""What the provider tells us, kept as it was signed until it has been applied."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum

import attrs

from domain.provider_events.lifecycle import EventState


class Subject(StrEnum):
    """What an event is about, as far as we care."""

    CHECKOUT = "checkout"
    REFUND = "refund"
    REFUNDS_OF_CHARGE = "refunds_of_charge"
    OTHER = "other"


@attrs.frozen(kw_only=True)
class ProviderEvent:
    """An event in our words. The ids are the provider's, but for the last three.

    *app* and *instance* say who made the object; *payment_id* and *refund_id* are ours, as they
    were written on it.
    """

    id: str
    kind: str
    subject: Subject
    object_id: str | None
    created_at: datetime
    livemode: bool
    account: str | None
    api_version: str | None
    session_id: str | None = None
    intent_id: str | None = None
    charge_id: str | None = None
    provider_refund_id: str | None = None
    app: str | None = None
    instance: str | None = None
    payment_id: str | None = None
    refund_id: str | None = None


@attrs.frozen(kw_only=True)
class InboxEntry:
    """One row of the inbox. *payload* is the exact text that was signed.

    *due_at* and *lease_until* are on the lease clock, *received_at* is on the business clock.
    """

    event_id: str
    kind: str
    object_id: str | None
    livemode: bool | None
    account: str | None
    api_version: str | None
    created_at: datetime | None
    payload: str = attrs.field(repr=False)
    received_at: datetime
    due_at: datetime
    state: EventState = EventState.NEW
    attempt: int = 0
    fence: int = 0
    lease_until: datetime | None = None
    reason: str | None = None

    def claimed(self, *, lease_now: datetime, lease: timedelta) -> InboxEntry:
        """Take the entry, counting the attempt before the work so that a crash counts too."""
        return attrs.evolve(
            self,
            state=EventState.CLAIMED,
            attempt=self.attempt + 1,
            fence=self.fence + 1,
            lease_until=lease_now + lease,
        )


@attrs.frozen(kw_only=True)
class Verdict:
    """What became of one attempt to apply an entry."""

    state: EventState
    reason: str | None = None
    due_at: datetime | None = None
