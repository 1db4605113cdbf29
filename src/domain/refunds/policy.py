"""How much may go back, and what a provider's report of a refund means."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Final

import attrs

from domain.audit.model import PROVIDER
from domain.jobs.model import Job
from domain.payments.model import HoldName, Payment
from domain.payments.policy import CHECK_AFTER, next_check
from domain.refunds import events as e
from domain.refunds.lifecycle import RefundState
from domain.refunds.model import CAME_TO_NOTHING, UNDECIDED, Refund, RefundReport
from domain.shared.money import Money

AUTOMATIC_TRIES_MAX: Final = 2
"""A second automatic refund may find the account open again; after that a person must look."""

PROVIDER_WORDS: Final = {
    "pending": RefundState.PENDING,
    "requires_action": RefundState.REQUIRES_ACTION,
    "succeeded": RefundState.SUCCEEDED,
    "failed": RefundState.FAILED,
    "canceled": RefundState.CANCELLED,
}


def refundable(payment: Payment, refunds: Iterable[Refund]) -> Money:
    """Captured, minus every refund that has not come to nothing."""
    if payment.captured is None:
        return Money(0, payment.amount.currency)
    spoken_for = sum(refund.amount.amount_minor for refund in refunds if refund.counts)
    # Refunds made elsewhere can, for a while, add up to more than we know was captured.
    return Money(max(payment.captured.amount_minor - spoken_for, 0), payment.captured.currency)


def may_try_automatically(refunds: Iterable[Refund]) -> bool:
    failed = [r for r in refunds if r.is_automatic and r.state is RefundState.FAILED]
    return len(failed) < AUTOMATIC_TRIES_MAX


def is_earned(job: Job, payment: Payment) -> bool:
    """Whether *payment* was there when the work was delivered: later money was never earned.

    Nor is money that is held for a mismatch: another payment paid for the work.
    """
    if job.completed_at is None or payment.paid_at is None or payment.is_mismatched:
        return False
    return payment.paid_at <= job.completed_at


def holds_of(payment: Payment, refunds: Sequence[Refund], now: datetime) -> Payment:
    """Put *payment* on the holds its refunds give reason for, and off those they no longer do."""
    reasons = {
        HoldName.REFUND_FAILED: _is_failure_open(refunds),
        HoldName.REFUND_AWAITING_BALANCE: any(
            refund.pending_reason == "insufficient_funds" for refund in refunds
        ),
    }
    for name, stands in reasons.items():
        payment = payment.hold(name, now) if stands else payment.release(name)
    return payment


def _is_failure_open(refunds: Sequence[Refund]) -> bool:
    """Whether a refund came to nothing, and those after it have not given as much back since."""
    for index, refund in enumerate(refunds):
        nothing = refund.state in CAME_TO_NOTHING
        if nothing and returned_minor(refunds[index + 1 :]) < refund.amount.amount_minor:
            return True
    return False


def returned_minor(refunds: Iterable[Refund]) -> int:
    gone = {RefundState.SUCCEEDED, RefundState.SETTLED_OTHERWISE}
    return sum(refund.amount.amount_minor for refund in refunds if refund.state in gone)


def events_of(refund: Refund, report: RefundReport, at: datetime) -> Iterator[e.RefundEvent]:
    """Yield the forward steps from what we know to what the provider says; none to go back."""
    target = PROVIDER_WORDS.get(report.status)
    state = refund.state
    if target is None or target is state:
        return
    if state in {RefundState.REQUESTED, RefundState.AWAITING_APPROVAL}:
        # Found at the provider before we recorded sending it.
        yield e.RefundSubmitted(at=at, by=PROVIDER)
        state = RefundState.SUBMITTED
    if state is RefundState.SUBMITTED and target is RefundState.CANCELLED:
        yield e.RefundPending(at=at, by=PROVIDER, pending_reason=None)
    if state in UNDECIDED or (state is RefundState.SUCCEEDED and target is RefundState.FAILED):
        yield _event(target, report, at)


def _event(target: RefundState, report: RefundReport, at: datetime) -> e.RefundEvent:
    match target:
        case RefundState.PENDING:
            return e.RefundPending(at=at, by=PROVIDER, pending_reason=report.pending_reason)
        case RefundState.REQUIRES_ACTION:
            return e.RefundActionRequired(at=at, by=PROVIDER)
        case RefundState.SUCCEEDED:
            return e.RefundSucceeded(at=at, by=PROVIDER)
        case RefundState.CANCELLED:
            return e.RefundCancelled(at=at, by=PROVIDER)
        case _:
            reason = report.failure_reason or "unknown"
            return e.RefundFailed(at=at, by=PROVIDER, failure_reason=reason)


def known(refunds: Iterable[Refund], report: RefundReport) -> Refund | None:
    """Find the refund of a payment that *report* is about: by the provider's name, then by ours."""
    every = list(refunds)
    for refund in every:
        if refund.provider_id is not None and refund.provider_id == report.provider_id:
            return refund
    # Our id on it only counts while no other refund of the provider's has taken that place.
    return next((r for r in every if r.id == report.refund_id and r.provider_id is None), None)


def noted(refund: Refund, report: RefundReport) -> Refund:
    """Keep what the report says beside the state."""
    waiting = refund.state is RefundState.PENDING
    return attrs.evolve(
        refund,
        provider_id=report.provider_id or refund.provider_id,
        pending_reason=report.pending_reason if waiting else refund.pending_reason,
    )


def watched(refund: Refund, now: datetime) -> Refund:
    """See to it that the provider is asked about a refund until it has decided on it."""
    if refund.state not in UNDECIDED:
        return attrs.evolve(refund, check_due_at=None)
    return attrs.evolve(refund, check_due_at=refund.check_due_at or now + CHECK_AFTER[0])


def checked(refund: Refund, now: datetime) -> Refund:
    """Plan the look after this one: later each time."""
    if refund.state not in UNDECIDED:
        return attrs.evolve(refund, check_due_at=None)
    return attrs.evolve(
        refund, check_due_at=next_check(refund.checks, now), checks=refund.checks + 1
    )


def everything_is_asked_back(payments: Iterable[Payment], refunds: Iterable[Refund]) -> bool:
    """Whether refunds that count cover all that was captured for a job, in all its payments."""
    every = list(refunds)
    return all(
        not refundable(payment, (r for r in every if r.payment_id == payment.id))
        for payment in payments
    )


def everything_went_back(payments: Iterable[Payment]) -> bool:
    """Whether something was captured for a job, and nothing of it is still with us."""
    captured = [payment for payment in payments if payment.captured]
    return bool(captured) and all(payment.kept_minor <= 0 for payment in captured)
