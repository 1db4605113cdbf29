"""What a provider's report means for a payment: forward edges only, never a step back."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

import attrs

from domain.audit.model import PROVIDER
from domain.payments import events as e
from domain.payments.lifecycle import PaymentState
from domain.payments.model import CheckoutReport, Payment, Session
from domain.shared.money import Money

CHECK_AFTER: Final = (
    timedelta(minutes=2),
    timedelta(minutes=10),
    timedelta(hours=1),
    timedelta(hours=6),
    timedelta(days=1),
)
"""How long after the last look the provider is asked again, when it says nothing by itself."""

CAPTURABLE: Final = frozenset(
    {
        PaymentState.PENDING,
        PaymentState.AWAITING_FUNDS,
        PaymentState.EXPIRED,
        PaymentState.FAILED,
    }
)


def events_of(payment: Payment, report: CheckoutReport, at: datetime) -> Iterator[e.PaymentEvent]:
    """Yield what *report* adds to what we know, in the order it must be applied."""
    if report.captured:
        if payment.state in CAPTURABLE:
            yield _captured(payment, report, at)
        return
    if payment.state is PaymentState.PENDING and report.is_expired:
        yield e.SessionExpired(at=at, by=PROVIDER)
        return
    if report.is_complete and report.payment_status == "unpaid":
        if payment.state is PaymentState.PENDING:
            yield e.FundsAwaited(at=at, by=PROVIDER)
        if report.failed and payment.is_live:
            yield e.FundsFailed(at=at, by=PROVIDER)


def _captured(payment: Payment, report: CheckoutReport, at: datetime) -> e.Captured:
    assert report.captured is not None  # noqa: S101  events_of has asked
    kind = e.Captured if report.captured == payment.amount else e.MismatchCaptured
    return kind(
        at=at,
        by=PROVIDER,
        amount=report.captured,
        intent_id=report.intent_id,
        charge_id=report.charge_id,
    )


def noted(payment: Payment, report: CheckoutReport) -> Payment:
    """Keep what the report says beside the state: session, status and references."""
    return attrs.evolve(
        payment,
        session=Session(id=report.session_id, url=report.url, expires_at=report.expires_at),
        provider_status=report.payment_status,
        intent_id=payment.intent_id or report.intent_id,
        charge_id=payment.charge_id or report.charge_id,
    )


def next_check(checks: int, now: datetime) -> datetime:
    return now + CHECK_AFTER[min(checks, len(CHECK_AFTER) - 1)]


def watched(payment: Payment, now: datetime) -> Payment:
    """See to it that the provider is asked about a payment for as long as its money may come."""
    if not payment.is_live:
        return attrs.evolve(payment, check_due_at=None)
    return attrs.evolve(payment, check_due_at=payment.check_due_at or now + CHECK_AFTER[0])


def checked(payment: Payment, now: datetime) -> Payment:
    """Plan the look after this one: later each time, but soon after the session ends."""
    if not payment.is_live:
        return attrs.evolve(payment, check_due_at=None)
    due = next_check(payment.checks, now)
    if payment.session is not None and now < payment.session.expires_at < due:
        due = payment.session.expires_at + timedelta(seconds=30)
    return attrs.evolve(payment, check_due_at=due, checks=payment.checks + 1)


def return_event(payment: Payment, returned: Money, at: datetime) -> e.PaymentEvent | None:
    """Say what it means that *returned* has gone back in all; None when we knew."""
    assert payment.captured is not None  # noqa: S101  nothing goes back that never came
    if returned.amount_minor == payment.returned_minor:
        return None
    if returned.amount_minor >= payment.captured.amount_minor:
        return e.ReturnedInFull(at=at, by=PROVIDER, returned=returned)
    if returned:
        return e.ReturnedInPart(at=at, by=PROVIDER, returned=returned)
    kind = e.HeldReturnReversed if payment.is_mismatched else e.ReturnReversed
    return kind(at=at, by=PROVIDER, returned=returned)
