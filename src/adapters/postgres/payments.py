from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

import asyncpg
import attrs

from adapters.postgres import audit
from adapters.postgres.documents import breakdown_document, breakdown_of
from adapters.postgres.pool import Connection
from domain.payments.errors import PaymentNotFound, StalePayment
from domain.payments.lifecycle import DisputeState, PaymentState
from domain.payments.model import HoldName, Payment, Session
from domain.shared.ids import JobId, PaymentId
from domain.shared.money import Money

SELECT_FOR_UPDATE: Final = """
    SELECT id, job_id, amount_minor, currency, breakdown, created_at, success_url, cancel_url,
           customer_email, metadata, state, dispute, session_id, session_url, session_expires_at,
           provider_status, intent_id, charge_id, captured_minor, captured_currency,
           mismatch_accepted, returned_minor, paid_at, check_due_at, checks, version
      FROM payments
     WHERE id = $1
       FOR UPDATE
"""

SELECT_OF_JOB_FOR_UPDATE: Final = """
    SELECT id, job_id, amount_minor, currency, breakdown, created_at, success_url, cancel_url,
           customer_email, metadata, state, dispute, session_id, session_url, session_expires_at,
           provider_status, intent_id, charge_id, captured_minor, captured_currency,
           mismatch_accepted, returned_minor, paid_at, check_due_at, checks, version
      FROM payments
     WHERE job_id = $1
     ORDER BY created_at, ordinal
       FOR UPDATE
"""

# A statement of its own, after the lock: one that waited for it would still see the holds as they
# were before.
SELECT_HOLDS: Final = """
    SELECT payment_id, name, since
      FROM payment_holds
     WHERE payment_id = ANY ($1::text[])
     ORDER BY since, name
"""

SELECT_JOB: Final = "SELECT job_id FROM payments WHERE id = $1"
SELECT_BY_SESSION: Final = "SELECT id FROM payments WHERE session_id = $1"
SELECT_BY_INTENT: Final = "SELECT id FROM payments WHERE intent_id = $1"
SELECT_BY_CHARGE: Final = "SELECT id FROM payments WHERE charge_id = $1"

SELECT_CHECK_DUE: Final = """
    SELECT id
      FROM payments
     WHERE state IN ('pending', 'awaiting_funds')
       AND session_id IS NOT NULL
       AND check_due_at <= $1
     ORDER BY check_due_at, id
     LIMIT $2
"""

INSERT: Final = """
    INSERT INTO payments
        (id, job_id, amount_minor, currency, breakdown, created_at, success_url, cancel_url,
         customer_email, metadata, state, dispute, session_id, session_url, session_expires_at,
         provider_status, intent_id, charge_id, captured_minor, captured_currency,
         mismatch_accepted, returned_minor, paid_at, check_due_at, checks, version)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19,
            $20, $21, $22, $23, $24, $25, $26)
    ON CONFLICT (id) DO NOTHING
    RETURNING id
"""

UPDATE_IF_UNCHANGED: Final = """
    UPDATE payments
       SET state = $3, dispute = $4, session_id = $5, session_url = $6, session_expires_at = $7,
           provider_status = $8, intent_id = $9, charge_id = $10, captured_minor = $11,
           captured_currency = $12, mismatch_accepted = $13, returned_minor = $14, paid_at = $15,
           check_due_at = $16, checks = $17, version = $18
     WHERE id = $1
       AND version = $2
    RETURNING EXISTS (SELECT FROM payment_holds WHERE payment_id = $1) AS had_holds
"""

DELETE_OTHER_HOLDS: Final = """
    DELETE FROM payment_holds WHERE payment_id = $1 AND name <> ALL ($2::text[])
"""

UPSERT_HOLDS: Final = """
    INSERT INTO payment_holds (payment_id, name, since)
    SELECT $1, name, since FROM unnest($2::text[], $3::timestamptz[]) AS held (name, since)
    ON CONFLICT (payment_id, name) DO UPDATE SET since = excluded.since
"""


@attrs.frozen
class PostgresPaymentRepository:
    connection: Connection

    async def get(self, payment_id: PaymentId) -> Payment:
        row = await self.connection.fetchrow(SELECT_FOR_UPDATE, payment_id)
        if row is None:
            raise PaymentNotFound(payment_id)
        return (await self._with_holds([row]))[0]

    async def of_job(self, job_id: JobId) -> list[Payment]:
        return await self._with_holds(await self.connection.fetch(SELECT_OF_JOB_FOR_UPDATE, job_id))

    async def _with_holds(self, rows: Sequence[asyncpg.Record]) -> list[Payment]:
        ids = [row["id"] for row in rows]
        holds: defaultdict[str, dict[HoldName, datetime]] = defaultdict(dict)
        for held in await self.connection.fetch(SELECT_HOLDS, ids):
            holds[held["payment_id"]][HoldName(held["name"])] = held["since"]
        return [payment_from_row(row, holds[row["id"]]) for row in rows]

    async def job_of(self, payment_id: PaymentId) -> JobId | None:
        found: str | None = await self.connection.fetchval(SELECT_JOB, payment_id)
        return None if found is None else JobId(found)

    async def by_session(self, session_id: str) -> PaymentId | None:
        return _payment_id(await self.connection.fetchval(SELECT_BY_SESSION, session_id))

    async def by_intent(self, intent_id: str) -> PaymentId | None:
        return _payment_id(await self.connection.fetchval(SELECT_BY_INTENT, intent_id))

    async def by_charge(self, charge_id: str) -> PaymentId | None:
        return _payment_id(await self.connection.fetchval(SELECT_BY_CHARGE, charge_id))

    async def add(self, payment: Payment) -> Payment:
        added = await self.connection.fetchval(
            INSERT,
            payment.id,
            payment.job_id,
            payment.amount.amount_minor,
            payment.amount.currency,
            breakdown_document(payment.breakdown),
            payment.created_at,
            payment.success_url,
            payment.cancel_url,
            payment.customer_email,
            payment.metadata,
            *_what_changes(payment),
        )
        if added is not None:
            await self._save_holds(payment, had_holds=False)
            await audit.append(self.connection, "payment", payment.id, payment.changes)
        return attrs.evolve(payment, changes=())

    async def save(self, payment: Payment) -> Payment:
        loaded_version = payment.version - len(payment.changes)
        saved = await self.connection.fetchrow(
            UPDATE_IF_UNCHANGED, payment.id, loaded_version, *_what_changes(payment)
        )
        if saved is None:
            raise StalePayment(payment.id)
        await self._save_holds(payment, had_holds=saved["had_holds"])
        await audit.append(self.connection, "payment", payment.id, payment.changes)
        return attrs.evolve(payment, changes=())

    async def _save_holds(self, payment: Payment, *, had_holds: bool) -> None:
        names = list(payment.holds)
        if had_holds:
            await self.connection.execute(DELETE_OTHER_HOLDS, payment.id, names)
        if names:
            since = [payment.holds[name] for name in names]
            await self.connection.execute(UPSERT_HOLDS, payment.id, names, since)

    async def check_due(self, now: datetime, limit: int) -> list[PaymentId]:
        rows = await self.connection.fetch(SELECT_CHECK_DUE, now, limit)
        return [PaymentId(row["id"]) for row in rows]


def _payment_id(found: str | None) -> PaymentId | None:
    return None if found is None else PaymentId(found)


def _what_changes(payment: Payment) -> tuple[object, ...]:
    session, captured = payment.session, payment.captured
    return (
        payment.state,
        payment.dispute,
        session and session.id,
        session and session.url,
        session and session.expires_at,
        payment.provider_status,
        payment.intent_id,
        payment.charge_id,
        captured.amount_minor if captured is not None else None,
        captured.currency if captured is not None else None,
        payment.mismatch_accepted,
        payment.returned_minor,
        payment.paid_at,
        payment.check_due_at,
        payment.checks,
        payment.version,
    )


def payment_from_row(row: asyncpg.Record, holds: Mapping[HoldName, datetime]) -> Payment:
    return Payment(
        id=PaymentId(row["id"]),
        job_id=JobId(row["job_id"]),
        amount=Money(row["amount_minor"], row["currency"]),
        breakdown=breakdown_of(row["breakdown"]),
        created_at=row["created_at"],
        success_url=row["success_url"],
        cancel_url=row["cancel_url"],
        customer_email=row["customer_email"],
        metadata=row["metadata"],
        state=PaymentState(row["state"]),
        dispute=DisputeState(row["dispute"]),
        holds=holds,
        session=_session(row),
        provider_status=row["provider_status"],
        intent_id=row["intent_id"],
        charge_id=row["charge_id"],
        captured=_captured(row),
        mismatch_accepted=row["mismatch_accepted"],
        returned_minor=row["returned_minor"],
        paid_at=row["paid_at"],
        check_due_at=row["check_due_at"],
        checks=row["checks"],
        version=row["version"],
    )


def _session(row: asyncpg.Record) -> Session | None:
    if row["session_id"] is None:
        return None
    return Session(
        id=row["session_id"], url=row["session_url"], expires_at=row["session_expires_at"]
    )


def _captured(row: asyncpg.Record) -> Money | None:
    if row["captured_minor"] is None:
        return None
    return Money(row["captured_minor"], row["captured_currency"])
