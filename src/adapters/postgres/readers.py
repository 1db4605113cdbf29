"""What may be looked at, one query each, without locks."""

from __future__ import annotations

from typing import Final

import asyncpg
import attrs

from adapters.postgres.pool import Pool, connection_of
from adapters.postgres.retries import Persistence
from domain.checkout.model import HoldView, JobView, PaymentView, RefundView
from domain.payments.model import HoldName
from domain.shared.ids import JobId, PaymentId, RefundId
from domain.shared.money import Money

SELECT_JOB: Final = """
    SELECT job.id, job.offer, job.owner, job.token_generation, job.state, job.progress, job.result,
           job.failure_reason, job.created_at, job.paid_at, job.started_at, job.completed_at,
           job.deadline_at, refund.id AS refund_id, refund.state AS refund_state,
           refund.amount_minor AS refund_minor, refund.currency AS refund_currency,
           refund.reason AS refund_reason, hold.name AS hold_name, hold.since AS hold_since
      FROM jobs AS job
      LEFT JOIN LATERAL (
               SELECT id, state, amount_minor, currency, reason
                 FROM refunds
                WHERE job_id = job.id
                ORDER BY created_at DESC, ordinal DESC
                LIMIT 1
           ) AS refund ON true
      LEFT JOIN LATERAL (
               SELECT held.name, held.since
                 FROM payments
                 JOIN payment_holds AS held ON held.payment_id = payments.id
                WHERE payments.job_id = job.id
                ORDER BY held.since, held.name
                LIMIT 1
           ) AS hold ON true
     WHERE job.id = $1
"""

SELECT_PAYMENT: Final = """
    SELECT payment.id, payment.job_id, payment.state, payment.provider_status,
           payment.amount_minor, payment.currency, payment.returned_minor, payment.created_at,
           payment.session_id, job.owner, job.token_generation, job.state AS job_state
      FROM payments AS payment
      JOIN jobs AS job ON job.id = payment.job_id
     WHERE payment.session_id = $1
"""


@attrs.frozen
class PostgresCustomerViews:
    """Raises StorageUnavailable."""

    pool: Pool
    persistently: Persistence = attrs.field(
        default=attrs.Factory(
            lambda self: Persistence(reconnect=self.pool.expire_connections), takes_self=True
        ),
        kw_only=True,
    )

    async def job(self, job_id: JobId) -> JobView | None:
        row = await self._row(SELECT_JOB, job_id)
        return None if row is None else _job_view(row)

    async def payment(self, session_id: str) -> PaymentView | None:
        row = await self._row(SELECT_PAYMENT, session_id)
        return None if row is None else _payment_view(row)

    async def _row(self, query: str, id: str) -> asyncpg.Record | None:
        async def attempt() -> asyncpg.Record | None:
            async with connection_of(self.pool) as connection:
                return await connection.fetchrow(query, id)

        return await self.persistently(attempt)


def _job_view(row: asyncpg.Record) -> JobView:
    return JobView(
        job_id=JobId(row["id"]),
        offer=row["offer"],
        owner=row["owner"],
        token_generation=row["token_generation"],
        status=row["state"],
        progress=row["progress"],
        result=row["result"],
        failure_reason=row["failure_reason"],
        refund=_refund_view(row),
        hold=_hold_view(row),
        created_at=row["created_at"],
        paid_at=row["paid_at"],
        started_at=row["started_at"],
        completed_at=row["completed_at"],
        deadline_at=row["deadline_at"],
    )


def _refund_view(row: asyncpg.Record) -> RefundView | None:
    if row["refund_id"] is None:
        return None
    return RefundView(
        refund_id=RefundId(row["refund_id"]),
        status=row["refund_state"],
        amount=Money(row["refund_minor"], row["refund_currency"]),
        reason=row["refund_reason"],
    )


def _hold_view(row: asyncpg.Record) -> HoldView | None:
    if row["hold_name"] is None:
        return None
    return HoldView(name=HoldName(row["hold_name"]), since=row["hold_since"])


def _payment_view(row: asyncpg.Record) -> PaymentView:
    return PaymentView(
        payment_id=PaymentId(row["id"]),
        job_id=JobId(row["job_id"]),
        owner=row["owner"],
        token_generation=row["token_generation"],
        session_id=row["session_id"],
        status=row["state"],
        job_status=row["job_state"],
        provider_status=row["provider_status"],
        amount=Money(row["amount_minor"], row["currency"]),
        refunded_minor=row["returned_minor"],
        created_at=row["created_at"],
    )
