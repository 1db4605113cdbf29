"""What can happen to a job. Past tense, frozen, stamped by the unit of work's clock.

*at* and *deadline_at* are on the business clock; *run_at* and *lease_expires_at* are on the
lease clock.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import attrs

from domain.audit.model import Happening


@attrs.frozen(kw_only=True)
class JobEvent(Happening):
    pass


@attrs.frozen(kw_only=True)
class JobOrdered(JobEvent):
    """How a job begins; no state precedes it."""

    offer: str


@attrs.frozen(kw_only=True)
class PaymentReceived(JobEvent):
    payment_id: str
    run_at: datetime
    deadline_at: datetime


@attrs.frozen(kw_only=True)
class LatePaymentReceived(PaymentReceived):
    """Money for a job given up already, which can still be honoured."""


@attrs.frozen(kw_only=True)
class PaymentAbandoned(JobEvent):
    payment_id: str
    reason: str


@attrs.frozen(kw_only=True)
class PaymentRestarted(JobEvent):
    payment_id: str


@attrs.frozen(kw_only=True)
class WorkStarted(JobEvent):
    lease: str = attrs.field(repr=False)
    lease_expires_at: datetime
    lease_length: timedelta = timedelta(seconds=60)

    def facts(self) -> dict[str, object]:
        # The lease is a credential until it ends: it is not written into the audit.
        return {"lease_expires_at": self.lease_expires_at}


@attrs.frozen(kw_only=True)
class LeaseLost(JobEvent):
    pass


@attrs.frozen(kw_only=True)
class WorkDeferred(JobEvent):
    """A failure worth another try."""

    reason: str
    run_at: datetime


@attrs.frozen(kw_only=True)
class WorkFinished(JobEvent):
    result: object

    def facts(self) -> dict[str, object]:
        # The result is on the job: a second copy would only have to be erased, too.
        return {}


@attrs.frozen(kw_only=True)
class WorkFailed(JobEvent):
    """Failed for good, or attempts exhausted. *revoked* when no worker said so itself."""

    reason: str
    revoked: bool = False


@attrs.frozen(kw_only=True)
class DeadlineMissed(JobEvent):
    pass


@attrs.frozen(kw_only=True)
class RefundRequestedInFull(JobEvent):
    refund_id: str


@attrs.frozen(kw_only=True)
class MoneyReturned(JobEvent):
    """Everything captured for the job has gone back."""


@attrs.frozen(kw_only=True)
class RefundFailedLater(JobEvent):
    refund_id: str
