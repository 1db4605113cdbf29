"""The provider's own books, and what others do there: customers, banks, people at a dashboard.

Every change announces itself as the provider would, with an event in *announced*. Delivering them
(in any order, twice, or not at all) is up to the test.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import attrs

from adapters.memory.ids import SequentialIds
from domain.outbox.model import Parameters
from domain.payments.model import CheckoutReport
from domain.provider_events.model import ProviderEvent, Subject
from domain.refunds.model import RefundReport
from domain.shared.money import Money

APP = "counterfoil"
GONE = frozenset({"failed", "canceled"})


@attrs.frozen(kw_only=True)
class SessionAtProvider:
    """*parameters* are what was asked for. *captured* is what was taken, which may be else."""

    id: str
    parameters: Parameters
    expires_at: datetime
    status: str = "open"
    payment_status: str = "unpaid"
    intent_id: str | None = None
    charge_id: str | None = None
    captured: Money | None = None
    failed: bool = False

    @property
    def asked(self) -> Money:
        amount = self.parameters["amount"]
        assert isinstance(amount, int)  # noqa: S101  as checkout_parameters wrote it
        return Money(amount, str(self.parameters["currency"]))

    def report(self) -> CheckoutReport:
        return CheckoutReport(
            session_id=self.id,
            url=f"https://pay.example/{self.id}" if self.status == "open" else None,
            expires_at=self.expires_at,
            status=self.status,
            payment_status=self.payment_status,
            job_id=str(self.parameters["job_id"]),
            payment_id=str(self.parameters["payment_id"]),
            intent_id=self.intent_id,
            charge_id=self.charge_id,
            captured=self.captured,
            failed=self.failed,
        )


@attrs.frozen(kw_only=True)
class RefundAtProvider:
    """*refund_id* is ours; None on what somebody made in the dashboard."""

    id: str
    session_id: str
    intent_id: str | None
    charge_id: str | None
    amount: Money
    refund_id: str | None
    status: str
    failure_reason: str | None = None
    pending_reason: str | None = None

    def report(self) -> RefundReport:
        return RefundReport(
            provider_id=self.id,
            refund_id=self.refund_id,
            intent_id=self.intent_id,
            charge_id=self.charge_id,
            amount=self.amount,
            status=self.status,
            failure_reason=self.failure_reason,
            pending_reason=self.pending_reason,
        )


@attrs.define(kw_only=True)
class MemoryProviderBooks:
    """*now* is the business clock; *instance* is what our objects there are stamped with."""

    now: Callable[[], datetime]
    instance: str = "inst_memory"
    session_lifetime: timedelta = timedelta(hours=24)
    sessions: dict[str, SessionAtProvider] = attrs.field(factory=dict)
    refunds: dict[str, RefundAtProvider] = attrs.field(factory=dict)
    announced: list[ProviderEvent] = attrs.field(factory=list)
    _new_id: SequentialIds = attrs.field(factory=SequentialIds)

    # What customers do.

    def pay(self, session_id: str, *, amount: Money | None = None) -> None:
        """A card is charged at once; *amount* when something else is taken than was asked."""
        session = self._open(session_id)
        session = self._captured(session, amount or session.asked)
        self._announce_session("checkout.session.completed", session)
        self._announce_session("payment_intent.succeeded", session)

    def decline(self, session_id: str) -> None:
        """A card is refused. The session stays open, and another card may be tried."""
        session = self._change(self._open(session_id), intent_id=self._new_id("pi"))
        self._announce_session("payment_intent.payment_failed", session)

    def pay_later(self, session_id: str) -> None:
        """The customer has done their part with a method whose money takes days."""
        session = self._open(session_id)
        session = self._change(session, status="complete", intent_id=self._new_id("pi"))
        self._announce_session("checkout.session.completed", session)

    # What banks do, and time.

    def settle(self, session_id: str, *, amount: Money | None = None) -> None:
        """The money of a delayed method comes."""
        session = self._captured(self.sessions[session_id], amount or self._asked(session_id))
        self._announce_session("checkout.session.async_payment_succeeded", session)

    def fail_funds(self, session_id: str) -> None:
        """The money of a delayed method will never come."""
        session = self._change(self.sessions[session_id], failed=True)
        self._announce_session("checkout.session.async_payment_failed", session)

    def expire(self, session_id: str) -> None:
        session = self._change(self._open(session_id), status="expired")
        self._announce_session("checkout.session.expired", session)

    def prolong(self, session_id: str, by: timedelta) -> None:
        """The session stays open for longer than was said."""
        session = self._open(session_id)
        self._change(session, expires_at=session.expires_at + by)

    def settle_refund(self, provider_id: str) -> None:
        self._change_refund(provider_id, status="succeeded", pending_reason=None)

    def fail_refund(self, provider_id: str, reason: str = "lost_or_stolen_card") -> None:
        """Also after it had succeeded: the customer's bank sends the money back."""
        self._change_refund(
            provider_id, status="failed", failure_reason=reason, pending_reason=None
        )

    # What a person does in the dashboard.

    def refund_by_hand(self, session_id: str, amount_minor: int | None = None) -> str:
        """Give back all that is left, or part of it; returns the provider's id of the refund."""
        left = self.refundable(session_id)
        amount = left if amount_minor is None else Money(amount_minor, left.currency)
        return self._refund(session_id, amount, refund_id=None, status="succeeded").id

    # What the books say.

    def refundable(self, session_id: str) -> Money:
        captured = self.sessions[session_id].captured or Money(0, self._asked(session_id).currency)
        return Money(captured.amount_minor - self.returned_minor(session_id), captured.currency)

    def returned_minor(self, session_id: str) -> int:
        mine = [refund for refund in self.refunds.values() if refund.session_id == session_id]
        return sum(refund.amount.amount_minor for refund in mine if refund.status not in GONE)

    def take_announced(self) -> list[ProviderEvent]:
        """Return what was announced since the last time, oldest first."""
        taken, self.announced = self.announced, []
        return taken

    def _asked(self, session_id: str) -> Money:
        return self.sessions[session_id].asked

    def _open(self, session_id: str) -> SessionAtProvider:
        session = self._current(session_id)
        if session.status != "open":
            raise RuntimeError(f"{session_id} is {session.status}: nobody can pay there")
        return session

    def _current(self, session_id: str) -> SessionAtProvider:
        """The session as it is now: one whose time has come expires by itself."""
        session = self.sessions[session_id]
        if session.status == "open" and session.expires_at <= self.now():
            session = self._change(session, status="expired")
            self._announce_session("checkout.session.expired", session)
        return session

    def _captured(self, session: SessionAtProvider, amount: Money) -> SessionAtProvider:
        return self._change(
            session,
            status="complete",
            payment_status="paid",
            intent_id=session.intent_id or self._new_id("pi"),
            charge_id=self._new_id("ch"),
            captured=amount,
        )

    def _change(self, session: SessionAtProvider, **facts: Any) -> SessionAtProvider:
        changed: SessionAtProvider = attrs.evolve(session, **facts)
        self.sessions[session.id] = changed
        return changed

    def _refund(
        self,
        session_id: str,
        amount: Money,
        *,
        refund_id: str | None,
        status: str,
        pending_reason: str | None = None,
    ) -> RefundAtProvider:
        session = self.sessions[session_id]
        refund = RefundAtProvider(
            id=self._new_id("re"),
            session_id=session_id,
            intent_id=session.intent_id,
            charge_id=session.charge_id,
            amount=amount,
            refund_id=refund_id,
            status=status,
            pending_reason=pending_reason,
        )
        self.refunds[refund.id] = refund
        self._announce_refund("refund.created", refund)
        self._announce_session("charge.refunded", session)
        return refund

    def _change_refund(self, provider_id: str, **facts: Any) -> None:
        changed: RefundAtProvider = attrs.evolve(self.refunds[provider_id], **facts)
        self.refunds[provider_id] = changed
        kind = "refund.failed" if changed.status == "failed" else "refund.updated"
        self._announce_refund(kind, changed)

    def _announce_session(self, kind: str, session: SessionAtProvider) -> None:
        of_refunds = kind == "charge.refunded"
        self.announced.append(
            ProviderEvent(
                id=self._new_id("evt"),
                kind=kind,
                subject=Subject.REFUNDS_OF_CHARGE if of_refunds else Subject.CHECKOUT,
                object_id=session.charge_id if of_refunds else session.id,
                created_at=self.now(),
                livemode=False,
                account=None,
                api_version=None,
                session_id=session.id if kind.startswith("checkout") else None,
                intent_id=session.intent_id,
                charge_id=session.charge_id,
                app=APP,
                instance=self.instance,
                payment_id=str(session.parameters["payment_id"]),
            )
        )

    def _announce_refund(self, kind: str, refund: RefundAtProvider) -> None:
        ours = refund.refund_id is not None
        self.announced.append(
            ProviderEvent(
                id=self._new_id("evt"),
                kind=kind,
                subject=Subject.REFUND,
                object_id=refund.id,
                created_at=self.now(),
                livemode=False,
                account=None,
                api_version=None,
                intent_id=refund.intent_id,
                charge_id=refund.charge_id,
                provider_refund_id=refund.id,
                app=APP if ours else None,
                instance=self.instance if ours else None,
                refund_id=refund.refund_id,
            )
        )
