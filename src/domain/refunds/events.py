"""What can happen to a refund."""

from __future__ import annotations

import attrs

from domain.audit.model import Happening
from domain.shared.money import Money


@attrs.frozen(kw_only=True)
class RefundEvent(Happening):
    pass


@attrs.frozen(kw_only=True)
class RefundRequested(RefundEvent):
    """How a refund begins; no state precedes it."""

    payment_id: str
    amount: Money
    reason: str
    note: str | None


@attrs.frozen(kw_only=True)
class RefundAdopted(RefundRequested):
    """Made elsewhere, in the provider's dashboard say, and found."""

    provider_id: str | None


@attrs.frozen(kw_only=True)
class ApprovalAsked(RefundEvent):
    pass


@attrs.frozen(kw_only=True)
class RefundSubmitted(RefundEvent):
    """About to be sent: from here on the provider may have done it."""


@attrs.frozen(kw_only=True)
class RefundRejected(RefundEvent):
    reason: str


@attrs.frozen(kw_only=True)
class RefundCancelled(RefundEvent):
    pass


@attrs.frozen(kw_only=True)
class RefundPending(RefundEvent):
    pending_reason: str | None


@attrs.frozen(kw_only=True)
class RefundActionRequired(RefundEvent):
    pass


@attrs.frozen(kw_only=True)
class RefundSucceeded(RefundEvent):
    pass


@attrs.frozen(kw_only=True)
class RefundFailed(RefundEvent):
    failure_reason: str


@attrs.frozen(kw_only=True)
class SettledOtherwise(RefundEvent):
    """A person paid the customer by other means."""

    reference: str
