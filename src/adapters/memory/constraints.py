"""What can never be stored, whatever decided on it: the last line, as the database has one."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from domain.jobs.lifecycle import JobState
from domain.jobs.model import Job
from domain.payments.lifecycle import PaymentState
from domain.payments.model import Payment
from domain.refunds.model import Refund

IN_PROGRESS: Final = frozenset({JobState.PAID, JobState.PROCESSING})
WITH_MONEY: Final = frozenset(
    {
        PaymentState.PAID,
        PaymentState.HELD,
        PaymentState.PARTIALLY_REFUNDED,
        PaymentState.REFUNDED,
    }
)


class Impossible(RuntimeError):
    """A bug somewhere, which would have cost money."""


def check_job(job: Job) -> None:
    whole = None not in {job.run_at, job.deadline_at, job.paid_at}
    if job.state in IN_PROGRESS and not whole:
        raise Impossible(f"{job.id} is {job.state}, and nothing would ever end it")
    if job.state is JobState.PROCESSING and job.lease is None:
        raise Impossible(f"{job.id} is processing, and nobody holds it")


def check_payment(payment: Payment, stored: Iterable[Payment]) -> None:
    captured = payment.captured.amount_minor if payment.captured else 0
    if bool(captured) != (payment.state in WITH_MONEY):
        raise Impossible(f"{payment.id} is {payment.state}, and {captured} was captured")
    if payment.state is PaymentState.PAID and payment.is_mismatched:
        raise Impossible(f"{payment.id} is paid, though not as quoted")
    if not 0 <= payment.returned_minor <= captured:
        raise Impossible(f"{payment.id}: {payment.returned_minor} of {captured} went back")
    for other in stored:
        if other.id != payment.id:
            _check_apart(payment, other)


def _check_apart(one: Payment, other: Payment) -> None:
    if one.job_id == other.job_id and one.is_live and other.is_live:
        raise Impossible(f"{one.job_id} would have two live payments")
    for mine, theirs in (
        (one.session and one.session.id, other.session and other.session.id),
        (one.intent_id, other.intent_id),
        (one.charge_id, other.charge_id),
    ):
        if mine is not None and mine == theirs:
            raise Impossible(f"{mine} would belong to {one.id} and to {other.id}")


def check_refund(refund: Refund, stored: Iterable[Refund]) -> None:
    if refund.amount.amount_minor < 1:
        raise Impossible(f"{refund.id} gives back nothing")
    for other in stored:
        same = refund.provider_id is not None and refund.provider_id == other.provider_id
        if same and other.id != refund.id:
            raise Impossible(f"{refund.id} and {other.id} would both be {refund.provider_id}")
