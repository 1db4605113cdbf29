"""An effect: one call to the outside world, written down before it is made."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TypeAlias

import attrs

from domain.outbox.lifecycle import EffectState
from domain.shared.ids import EffectId, PaymentId

Parameters: TypeAlias = Mapping[str, object]
"""What will be sent, frozen when staged, in the words of whoever receives it. Opaque to us."""


class Operation(StrEnum):
    CHECKOUT_OPEN = "checkout.open"
    CHECKOUT_EXPIRE = "checkout.expire"
    REFUND_CREATE = "refund.create"


@attrs.frozen(kw_only=True)
class Effect:
    """One row of the outbox.

    *fence* counts claims for ever and decides who may record the outcome; *attempt* counts claims
    since the row was staged or replayed. *due_at* and *lease_until* are on the lease clock,
    *first_sent_at* is on the business clock: it tells whether the provider may have forgotten
    the idempotency key.
    """

    id: EffectId
    operation: Operation
    entity_id: str
    payment_id: PaymentId
    generation: int = 1
    idempotency_key: str
    parameters: Parameters
    state: EffectState = EffectState.NEW
    attempt: int = 0
    fence: int = 0
    staged_at: datetime
    due_at: datetime
    first_sent_at: datetime | None = None
    lease_until: datetime | None = None
    reason: str | None = None

    def claimed(self, *, now: datetime, lease_now: datetime, lease: timedelta) -> Effect:
        """Take the row, counting the attempt before the work so that a crash counts too."""
        return attrs.evolve(
            self,
            state=EffectState.SENDING,
            attempt=self.attempt + 1,
            fence=self.fence + 1,
            first_sent_at=self.first_sent_at or now,
            lease_until=lease_now + lease,
        )


@attrs.frozen(kw_only=True)
class Outcome:
    """What became of one attempt: the state the row goes to, and why."""

    state: EffectState
    reason: str | None = None
    due_at: datetime | None = None
