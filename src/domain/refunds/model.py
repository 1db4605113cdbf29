"""One movement of money back to the customer."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any, Final

import attrs

from domain.audit.model import Change, change
from domain.payments.model import Payment
from domain.refunds import events as e
from domain.refunds.lifecycle import RefundState, next_state
from domain.shared.ids import JobId, PaymentId, RefundId
from domain.shared.money import Money

CAME_TO_NOTHING: Final = frozenset(
    {RefundState.FAILED, RefundState.REJECTED, RefundState.CANCELLED}
)
UNDECIDED: Final = frozenset(
    {RefundState.SUBMITTED, RefundState.PENDING, RefundState.REQUIRES_ACTION}
)
"""The provider has it, or may have it, and has not said how it ends."""


class RefundReason(StrEnum):
    """Why money goes back. Ours: the provider's own reason codes say something else."""

    WORK_FAILED = "work_failed"
    DEADLINE_MISSED = "deadline_missed"
    NOT_HONOURABLE = "not_honourable"
    DUPLICATE = "duplicate"
    REQUESTED = "requested"
    ADOPTED = "adopted"


AUTOMATIC: Final = frozenset(
    {
        RefundReason.WORK_FAILED,
        RefundReason.DEADLINE_MISSED,
        RefundReason.NOT_HONOURABLE,
        RefundReason.DUPLICATE,
    }
)


@attrs.frozen(kw_only=True)
class Refund:
    """*provider_id* is the provider's name for it, once known; *note* a person's own words."""

    id: RefundId
    payment_id: PaymentId
    job_id: JobId
    amount: Money
    reason: RefundReason
    note: str | None = None
    requested_by: str
    created_at: datetime
    state: RefundState = RefundState.REQUESTED
    provider_id: str | None = None
    failure_reason: str | None = None
    pending_reason: str | None = None
    succeeded_at: datetime | None = None
    check_due_at: datetime | None = None
    checks: int = 0
    version: int = 0
    changes: tuple[Change, ...] = attrs.field(default=(), eq=False, repr=False)

    @classmethod
    def requested(cls, event: e.RefundRequested, *, id: RefundId, job_id: JobId) -> Refund:
        return cls(
            id=id,
            payment_id=PaymentId(event.payment_id),
            job_id=job_id,
            amount=event.amount,
            reason=RefundReason(event.reason),
            note=event.note,
            requested_by=event.by,
            created_at=event.at,
            version=1,
            changes=(change(event, version=1, before=None, after=RefundState.REQUESTED),),
        )

    def apply(self, event: e.RefundEvent) -> Refund:
        """Return the refund after *event*; raise IllegalTransition if that cannot happen."""
        state = next_state(self.state, event)
        version = self.version + 1
        changed = change(event, version=version, before=self.state, after=state)
        return attrs.evolve(
            self,
            state=state,
            version=version,
            changes=(*self.changes, changed),
            **_consequences(event),
        )

    @property
    def counts(self) -> bool:
        """Whether its amount is spoken for: gone back, on its way, or asked for."""
        return self.state not in CAME_TO_NOTHING

    @property
    def is_automatic(self) -> bool:
        return self.reason in AUTOMATIC


def _consequences(event: e.RefundEvent) -> dict[str, Any]:
    match event:
        case e.RefundPending():
            return {"pending_reason": event.pending_reason}
        case e.RefundSucceeded():
            return {"succeeded_at": event.at, "pending_reason": None, "check_due_at": None}
        case e.RefundFailed():
            reason = event.failure_reason
            return {"failure_reason": reason, "pending_reason": None, "check_due_at": None}
        case e.RefundCancelled() | e.RefundRejected() | e.SettledOtherwise():
            return {"pending_reason": None, "check_due_at": None}
        case _:
            return {}


@attrs.frozen(kw_only=True)
class RefundOrder:
    """Everything a provider needs to give money back."""

    refund: Refund
    payment: Payment
    offer: str
    failure_reason: str | None


@attrs.frozen(kw_only=True)
class RefundReport:
    """A refund as the provider sees it now. *refund_id* is ours, when it carries one.

    *provider_id* is None when the provider refused to make it.
    """

    provider_id: str | None
    refund_id: str | None
    intent_id: str | None
    charge_id: str | None
    amount: Money
    status: str
    failure_reason: str | None = None
    pending_reason: str | None = None

    @classmethod
    def refused(cls, refund: Refund, reason: str) -> RefundReport:
        """Say of a refund the provider would not make what it says of one that failed."""
        return cls(
            provider_id=None,
            refund_id=refund.id,
            intent_id=None,
            charge_id=None,
            amount=refund.amount,
            status="failed",
            failure_reason=reason,
        )
