"""What customers may look at."""

from __future__ import annotations

from collections.abc import Iterable

import attrs

from adapters.memory.memory import Memory
from adapters.memory.tables import Tables
from domain.checkout.model import HoldView, JobView, PaymentView, RefundView
from domain.payments.model import Payment
from domain.refunds.model import Refund
from domain.shared.ids import JobId


@attrs.frozen
class MemoryCustomerViews:
    _memory: Memory

    async def job(self, job_id: JobId) -> JobView | None:
        tables = self._memory.tables
        job = tables.jobs.get(job_id)
        if job is None:
            return None
        return JobView(
            job_id=job.id,
            offer=job.offer,
            owner=job.owner,
            token_generation=job.token_generation,
            status=job.state,
            progress=job.progress,
            result=job.result,
            failure_reason=job.failure_reason,
            refund=_latest_refund(tables, job_id),
            hold=_oldest_hold(p for p in tables.payments.values() if p.job_id == job_id),
            created_at=job.created_at,
            paid_at=job.paid_at,
            started_at=job.started_at,
            completed_at=job.completed_at,
            deadline_at=job.deadline_at,
        )

    async def payment(self, session_id: str) -> PaymentView | None:
        tables = self._memory.tables
        for payment in tables.payments.values():
            if payment.session is not None and payment.session.id == session_id:
                return _payment_view(tables, payment, session_id)
        return None


def _latest_refund(tables: Tables, job_id: JobId) -> RefundView | None:
    refunds: list[Refund] = [r for r in tables.refunds.values() if r.job_id == job_id]
    if not refunds:
        return None
    latest = refunds[-1]
    return RefundView(
        refund_id=latest.id, status=latest.state, amount=latest.amount, reason=latest.reason
    )


def _oldest_hold(payments: Iterable[Payment]) -> HoldView | None:
    holds = [(since, name) for payment in payments for name, since in payment.holds.items()]
    if not holds:
        return None
    since, name = min(holds)
    return HoldView(name=name, since=since)


def _payment_view(tables: Tables, payment: Payment, session_id: str) -> PaymentView:
    job = tables.jobs[payment.job_id]
    return PaymentView(
        payment_id=payment.id,
        job_id=job.id,
        owner=job.owner,
        token_generation=job.token_generation,
        session_id=session_id,
        status=payment.state,
        job_status=job.state,
        provider_status=payment.provider_status,
        amount=payment.amount,
        refunded_minor=payment.returned_minor,
        created_at=payment.created_at,
    )
