"""One attempt to collect money for a job."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

import attrs

from domain.audit.model import Change, change
from domain.offers.model import Breakdown
from domain.payments import events as e
from domain.payments.lifecycle import DisputeState, PaymentState, next_dispute_state, next_state
from domain.shared.ids import JobId, PaymentId
from domain.shared.money import Money

LIVE: Final = frozenset({PaymentState.PENDING, PaymentState.AWAITING_FUNDS})
"""Money may still come without anybody starting again."""


class HoldName(StrEnum):
    """Why captured money is neither delivered nor on its way back."""

    AMOUNT_MISMATCH = "amount_mismatch"
    DISPUTE = "dispute"
    REFUND_FAILED = "refund_failed"
    REFUND_AWAITING_BALANCE = "refund_awaiting_balance"


@attrs.frozen(kw_only=True)
class Session:
    """The provider's hosted checkout. *url* is where the customer pays, while it is open."""

    id: str
    url: str | None
    expires_at: datetime


@attrs.frozen(kw_only=True)
class Payment:
    """*amount* is the frozen quote; *captured* what the provider says it took, if anything.

    *returned* counts refunds that succeeded. *provider_status* is the checkout's last known
    payment status in the provider's word. *check_due_at* is when the provider is next asked.
    """

    id: PaymentId
    job_id: JobId
    amount: Money
    breakdown: Breakdown
    created_at: datetime
    success_url: str
    cancel_url: str
    customer_email: str | None = attrs.field(default=None, repr=False)
    metadata: Mapping[str, str] = attrs.field(factory=dict)
    state: PaymentState = PaymentState.PENDING
    dispute: DisputeState = DisputeState.NONE
    holds: Mapping[HoldName, datetime] = attrs.field(factory=dict)
    session: Session | None = None
    provider_status: str | None = None
    intent_id: str | None = None
    charge_id: str | None = None
    captured: Money | None = None
    mismatch_accepted: bool = False
    returned_minor: int = 0
    paid_at: datetime | None = None
    check_due_at: datetime | None = None
    checks: int = 0
    version: int = 0
    changes: tuple[Change, ...] = attrs.field(default=(), eq=False, repr=False)

    @classmethod
    def quoted(cls, event: e.PaymentQuoted, **facts: Any) -> Payment:
        return cls(
            amount=event.amount,
            created_at=event.at,
            version=1,
            changes=(change(event, version=1, before=None, after=PaymentState.PENDING),),
            **facts,
        )

    def apply(self, event: e.PaymentEvent) -> Payment:
        """Return the payment after *event*; raise IllegalTransition if that cannot happen."""
        state = next_state(self.state, event)
        return self._changed(event, self.state, state, state=state, **_consequences(self, event))

    def apply_dispute(self, event: e.DisputeEvent) -> Payment:
        state = next_dispute_state(self.dispute, event)
        holds = dict(self.holds)
        holds.pop(HoldName.DISPUTE, None)
        if state is DisputeState.OPEN:
            holds[HoldName.DISPUTE] = event.at
        return self._changed(event, self.dispute, state, dispute=state, holds=holds)

    def _changed(
        self, event: e.PaymentEvent | e.DisputeEvent, before: str, after: str, **facts: Any
    ) -> Payment:
        version = self.version + 1
        changed = change(event, version=version, before=before, after=after)
        return attrs.evolve(self, version=version, changes=(*self.changes, changed), **facts)

    def hold(self, name: HoldName, since: datetime) -> Payment:
        """Put the money on a named hold, which a person can see; once is enough."""
        return attrs.evolve(self, holds={name: since, **self.holds})

    def release(self, name: HoldName) -> Payment:
        return attrs.evolve(self, holds={k: v for k, v in self.holds.items() if k is not name})

    @property
    def is_live(self) -> bool:
        return self.state in LIVE

    @property
    def is_mismatched(self) -> bool:
        """Whether what was captured is not what was quoted, and nobody has let it pass."""
        return self.captured not in {None, self.amount} and not self.mismatch_accepted

    @property
    def kept_minor(self) -> int:
        """Captured and not returned, in minor units of the captured currency."""
        return self.captured.amount_minor - self.returned_minor if self.captured else 0


def _consequences(payment: Payment, event: e.PaymentEvent) -> dict[str, Any]:
    """What an event changes besides the state."""
    match event:
        case e.Captured():
            held = isinstance(event, e.MismatchCaptured)
            mismatch = {HoldName.AMOUNT_MISMATCH: event.at} if held else {}
            return {
                "captured": event.amount,
                "intent_id": event.intent_id,
                "charge_id": event.charge_id,
                "paid_at": event.at,
                "check_due_at": None,
                "holds": {**payment.holds, **mismatch},
            }
        case e.MismatchAccepted():
            released = payment.release(HoldName.AMOUNT_MISMATCH)
            return {"mismatch_accepted": True, "holds": released.holds}
        case e.SessionExpired() | e.FundsFailed():
            return {"check_due_at": None}
        case e.ReturnedInFull():
            # Nothing is held any more: it is with the customer again. A dispute goes on.
            disputed = {k: v for k, v in payment.holds.items() if k == HoldName.DISPUTE}
            return {"returned_minor": event.returned.amount_minor, "holds": disputed}
        case e.HeldReturnReversed():
            holds = {HoldName.AMOUNT_MISMATCH: event.at, **payment.holds}
            return {"returned_minor": event.returned.amount_minor, "holds": holds}
        case e.ReturnedInPart() | e.ReturnReversed():
            return {"returned_minor": event.returned.amount_minor}
        case _:
            return {}


@attrs.frozen(kw_only=True)
class CheckoutOrder:
    """Everything a provider needs to show a customer what to pay for."""

    payment: Payment
    offer: str
    offer_name: str
    payment_methods: tuple[str, ...]


@attrs.frozen(kw_only=True)
class CheckoutReport:
    """A checkout as the provider sees it now. Facts, not hints.

    *job_id* and *payment_id* are what we wrote on it. *captured* is what was really taken.
    *failed* says that a delayed payment has definitely come to nothing.
    """

    session_id: str
    url: str | None
    expires_at: datetime
    status: str
    payment_status: str
    job_id: str | None
    payment_id: str | None
    intent_id: str | None = None
    charge_id: str | None = None
    captured: Money | None = None
    failed: bool = False
    customer_email: str | None = attrs.field(default=None, repr=False)

    @property
    def is_open(self) -> bool:
        return self.status == "open"

    @property
    def is_complete(self) -> bool:
        return self.status == "complete"

    @property
    def is_expired(self) -> bool:
        return self.status == "expired"
