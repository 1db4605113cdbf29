from __future__ import annotations

from datetime import datetime
from typing import Final

import asyncpg
import attrs

from adapters.postgres import audit
from adapters.postgres.pool import Connection
from domain.refunds.errors import RefundNotFound, StaleRefund
from domain.refunds.lifecycle import RefundState
from domain.refunds.model import Refund, RefundReason
from domain.shared.ids import JobId, PaymentId, RefundId
from domain.shared.money import Money

SELECT_FOR_UPDATE: Final = """
    SELECT id, payment_id, job_id, amount_minor, currency, reason, note, requested_by, created_at,
           state, provider_id, failure_reason, pending_reason, succeeded_at, check_due_at, checks,
           version
      FROM refunds
     WHERE id = $1
       FOR UPDATE
"""

SELECT_OF_PAYMENT_FOR_UPDATE: Final = """
    SELECT id, payment_id, job_id, amount_minor, currency, reason, note, requested_by, created_at,
           state, provider_id, failure_reason, pending_reason, succeeded_at, check_due_at, checks,
           version
      FROM refunds
     WHERE payment_id = $1
     ORDER BY created_at, ordinal
       FOR UPDATE
"""

SELECT_WHOSE: Final = "SELECT job_id, payment_id FROM refunds WHERE id = $1"
SELECT_BY_PROVIDER_ID: Final = "SELECT id FROM refunds WHERE provider_id = $1"

SELECT_CHECK_DUE: Final = """
    SELECT id
      FROM refunds
     WHERE state IN ('submitted', 'pending', 'requires_action')
       AND check_due_at <= $1
     ORDER BY check_due_at, id
     LIMIT $2
"""

INSERT: Final = """
    INSERT INTO refunds
        (id, payment_id, job_id, amount_minor, currency, reason, note, requested_by, created_at,
         state, provider_id, failure_reason, pending_reason, succeeded_at, check_due_at, checks,
         version)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)
    ON CONFLICT (id) DO NOTHING
    RETURNING id
"""

UPDATE_IF_UNCHANGED: Final = """
    UPDATE refunds
       SET state = $3, provider_id = $4, failure_reason = $5, pending_reason = $6,
           succeeded_at = $7, check_due_at = $8, checks = $9, version = $10
     WHERE id = $1
       AND version = $2
    RETURNING id
"""


@attrs.frozen
class PostgresRefundRepository:
    connection: Connection

    async def get(self, refund_id: RefundId) -> Refund:
        row = await self.connection.fetchrow(SELECT_FOR_UPDATE, refund_id)
        if row is None:
            raise RefundNotFound(refund_id)
        return refund_from_row(row)

    async def of_payment(self, payment_id: PaymentId) -> list[Refund]:
        rows = await self.connection.fetch(SELECT_OF_PAYMENT_FOR_UPDATE, payment_id)
        return [refund_from_row(row) for row in rows]

    async def whose(self, refund_id: RefundId) -> tuple[JobId, PaymentId] | None:
        row = await self.connection.fetchrow(SELECT_WHOSE, refund_id)
        return None if row is None else (JobId(row["job_id"]), PaymentId(row["payment_id"]))

    async def by_provider_id(self, provider_id: str) -> RefundId | None:
        found: str | None = await self.connection.fetchval(SELECT_BY_PROVIDER_ID, provider_id)
        return None if found is None else RefundId(found)

    async def add(self, refund: Refund) -> Refund:
        added = await self.connection.fetchval(
            INSERT,
            refund.id,
            refund.payment_id,
            refund.job_id,
            refund.amount.amount_minor,
            refund.amount.currency,
            refund.reason,
            refund.note,
            refund.requested_by,
            refund.created_at,
            *_what_changes(refund),
        )
        if added is not None:
            await audit.append(self.connection, "refund", refund.id, refund.changes)
        return attrs.evolve(refund, changes=())

    async def save(self, refund: Refund) -> Refund:
        loaded_version = refund.version - len(refund.changes)
        saved = await self.connection.fetchval(
            UPDATE_IF_UNCHANGED, refund.id, loaded_version, *_what_changes(refund)
        )
        if saved is None:
            raise StaleRefund(refund.id)
        await audit.append(self.connection, "refund", refund.id, refund.changes)
        return attrs.evolve(refund, changes=())

    async def check_due(self, now: datetime, limit: int) -> list[RefundId]:
        rows = await self.connection.fetch(SELECT_CHECK_DUE, now, limit)
        return [RefundId(row["id"]) for row in rows]


def _what_changes(refund: Refund) -> tuple[object, ...]:
    return (
        refund.state,
        refund.provider_id,
        refund.failure_reason,
        refund.pending_reason,
        refund.succeeded_at,
        refund.check_due_at,
        refund.checks,
        refund.version,
    )


def refund_from_row(row: asyncpg.Record) -> Refund:
    return Refund(
        id=RefundId(row["id"]),
        payment_id=PaymentId(row["payment_id"]),
        job_id=JobId(row["job_id"]),
        amount=Money(row["amount_minor"], row["currency"]),
        reason=RefundReason(row["reason"]),
        note=row["note"],
        requested_by=row["requested_by"],
        created_at=row["created_at"],
        state=RefundState(row["state"]),
        provider_id=row["provider_id"],
        failure_reason=row["failure_reason"],
        pending_reason=row["pending_reason"],
        succeeded_at=row["succeeded_at"],
        check_due_at=row["check_due_at"],
        checks=row["checks"],
        version=row["version"],
    )
