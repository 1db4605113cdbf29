from __future__ import annotations

from datetime import timedelta
from typing import Final

import asyncpg
import attrs

from adapters.postgres.documents import fingerprint, storable
from adapters.postgres.pool import Connection
from domain.outbox.errors import FencedOut
from domain.outbox.lifecycle import EffectState
from domain.outbox.model import Effect, Operation, Outcome
from domain.shared.clock import Moment
from domain.shared.ids import EffectId, PaymentId

# The notification is a hint, sent when, and only if, the unit of work commits.
INSERT: Final = """
    INSERT INTO outbox
        (id, operation, entity_id, payment_id, generation, idempotency_key, parameters,
         parameters_sha256, state, attempt, fence, staged_at, due_at, first_sent_at, lease_until,
         reason)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)
    ON CONFLICT (operation, entity_id, generation) DO NOTHING
    RETURNING pg_notify('counterfoil_outbox', '')
"""

# Only the first of a payment's rows that are ready may be taken, and none while another one is in
# flight or left behind: so a batch holds one per payment, and two claimers at once, who see
# different rows as locked, still agree which one is next.
CLAIM: Final = """
    WITH next AS (
        SELECT id, ready_at, ordinal
          FROM outbox AS row
         WHERE ready_at <= $1
           AND NOT EXISTS (
               SELECT FROM outbox AS other
                WHERE other.payment_id = row.payment_id
                  AND other.id <> row.id
                  AND other.ready_at IS NOT NULL
                  AND (
                      other.state = 'sending'
                      OR row.state = 'new'
                      AND other.state = 'new'
                      AND (other.ready_at, other.ordinal) < (row.ready_at, row.ordinal)
                  )
           )
         ORDER BY ready_at, ordinal
         LIMIT $2
           FOR UPDATE SKIP LOCKED
    ), taken AS (
        UPDATE outbox
           SET state = 'sending', attempt = attempt + 1, fence = fence + 1,
               first_sent_at = coalesce(first_sent_at, $3), lease_until = $1::timestamptz + $4
          FROM next
         WHERE outbox.id = next.id
        RETURNING outbox.*, next.ready_at AS was_ready_at
    )
    SELECT id, operation, entity_id, payment_id, generation, idempotency_key, parameters, state,
           attempt, fence, staged_at, due_at, first_sent_at, lease_until, reason
      FROM taken
     ORDER BY was_ready_at, ordinal
"""

CLAIM_ONE: Final = """
    UPDATE outbox
       SET state = 'sending', attempt = attempt + 1, fence = fence + 1,
           first_sent_at = coalesce(first_sent_at, $4), lease_until = $3::timestamptz + $5
     WHERE id = (
               SELECT id
                 FROM outbox
                WHERE operation = $1
                  AND entity_id = $2
                ORDER BY generation DESC
                LIMIT 1
                  FOR UPDATE
           )
       AND (state = 'new' OR state = 'sending' AND lease_until <= $3)
       AND NOT EXISTS (
               SELECT FROM outbox AS other
                WHERE other.payment_id = outbox.payment_id
                  AND other.id <> outbox.id
                  AND other.ready_at IS NOT NULL
                  AND other.state = 'sending'
           )
    RETURNING id, operation, entity_id, payment_id, generation, idempotency_key, parameters, state,
              attempt, fence, staged_at, due_at, first_sent_at, lease_until, reason
"""

RECORD: Final = """
    UPDATE outbox
       SET state = $3, reason = $4, due_at = coalesce($5, due_at), lease_until = NULL
     WHERE id = $1
       AND fence = $2
       AND state = 'sending'
    RETURNING id
"""

SELECT_FENCE: Final = "SELECT fence FROM outbox WHERE id = $1"


@attrs.frozen
class PostgresOutbox:
    connection: Connection
    moment: Moment

    async def stage(self, effect: Effect) -> None:
        await self.connection.execute(
            INSERT,
            effect.id,
            effect.operation,
            effect.entity_id,
            effect.payment_id,
            effect.generation,
            effect.idempotency_key,
            effect.parameters,
            fingerprint(effect.parameters),
            effect.state,
            effect.attempt,
            effect.fence,
            effect.staged_at,
            effect.due_at,
            effect.first_sent_at,
            effect.lease_until,
            effect.reason,
        )

    async def claim(self, *, limit: int, lease: timedelta) -> list[Effect]:
        moment = self.moment
        rows = await self.connection.fetch(CLAIM, moment.lease_now, limit, moment.now, lease)
        return [effect_from_row(row) for row in rows]

    async def claim_one(
        self, operation: Operation, entity_id: str, *, lease: timedelta
    ) -> Effect | None:
        moment = self.moment
        row = await self.connection.fetchrow(
            CLAIM_ONE, operation, entity_id, moment.lease_now, moment.now, lease
        )
        return None if row is None else effect_from_row(row)

    async def record(self, effect: Effect, outcome: Outcome) -> None:
        reason = None if outcome.reason is None else storable(outcome.reason)
        recorded = await self.connection.fetchval(
            RECORD, effect.id, effect.fence, outcome.state, reason, outcome.due_at
        )
        if recorded is None:
            await self._refuse_unless_recorded_already(effect)

    async def _refuse_unless_recorded_already(self, effect: Effect) -> None:
        # Under our own fence it can only be our own outcome, written before the answer to its
        # commit was lost.
        if await self.connection.fetchval(SELECT_FENCE, effect.id) != effect.fence:
            raise FencedOut(effect.id)


def effect_from_row(row: asyncpg.Record) -> Effect:
    return Effect(
        id=EffectId(row["id"]),
        operation=Operation(row["operation"]),
        entity_id=row["entity_id"],
        payment_id=PaymentId(row["payment_id"]),
        generation=row["generation"],
        idempotency_key=row["idempotency_key"],
        parameters=row["parameters"],
        state=EffectState(row["state"]),
        attempt=row["attempt"],
        fence=row["fence"],
        staged_at=row["staged_at"],
        due_at=row["due_at"],
        first_sent_at=row["first_sent_at"],
        lease_until=row["lease_until"],
        reason=row["reason"],
    )
