"""What a customer asks for, and what they see of it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final

import attrs

from domain.jobs.lifecycle import JobState
from domain.payments.model import HoldName
from domain.refunds.lifecycle import RefundState
from domain.shared.ids import JobId, PaymentId, RefundId
from domain.shared.money import Money

REFUND_IS_OVER: Final = frozenset(
    {
        RefundState.SUCCEEDED,
        RefundState.REJECTED,
        RefundState.CANCELLED,
        RefundState.SETTLED_OTHERWISE,
    }
)


@attrs.frozen(kw_only=True)
class Purchase:
    """A request to buy. Everything in it is unchecked; None means not given."""

    offer: str
    quantity: int = 1
    inputs: Mapping[str, object] = attrs.field(factory=dict)
    amount_minor: int | None = None
    currency: str | None = None
    customer_email: str | None = attrs.field(default=None, repr=False)
    success_url: str | None = None
    cancel_url: str | None = None
    metadata: Mapping[str, str] = attrs.field(factory=dict)


@attrs.frozen(kw_only=True)
class OpenedCheckout:
    """A job with a checkout to pay on. *access_token* is None for a signed-in buyer."""

    job_id: JobId
    payment_id: PaymentId
    session_id: str
    session_url: str | None
    access_token: str | None = attrs.field(repr=False)
    status: str
    amount: Money
    expires_at: datetime


@attrs.frozen(kw_only=True)
class RefundView:
    refund_id: RefundId
    status: str
    amount: Money
    reason: str


@attrs.frozen(kw_only=True)
class HoldView:
    name: HoldName
    since: datetime


@attrs.frozen(kw_only=True)
class JobView:
    """A job as its buyer sees it, with its latest refund and its oldest hold."""

    job_id: JobId
    offer: str
    owner: str | None
    token_generation: int
    status: str
    progress: float | None
    result: object
    failure_reason: str | None
    refund: RefundView | None
    hold: HoldView | None
    created_at: datetime
    paid_at: datetime | None
    started_at: datetime | None
    completed_at: datetime | None
    deadline_at: datetime | None

    @property
    def is_settled(self) -> bool:
        """Whether nothing more will happen by itself: it is done, or only a person goes on."""
        match self.status:
            case JobState.COMPLETED | JobState.REFUNDED:
                return True
            case JobState.CANCELLED:
                return self.refund is None or self.refund.status in REFUND_IS_OVER
            case JobState.FAILED:
                return self.hold is not None
            case _:
                return False


@attrs.frozen(kw_only=True)
class PaymentView:
    """A payment as its buyer sees it. *refunded_minor* counts what succeeded."""

    payment_id: PaymentId
    job_id: JobId
    owner: str | None
    token_generation: int
    session_id: str
    status: str
    job_status: str
    provider_status: str | None
    amount: Money
    refunded_minor: int
    created_at: datetime
