from __future__ import annotations

from datetime import timedelta
from typing import Final

import asyncpg
import attrs

from adapters.postgres.documents import storable
from adapters.postgres.pool import Connection
from domain.outbox.errors import FencedOut
from domain.provider_events.lifecycle import EventState
from domain.provider_events.model import InboxEntry, Verdict
from domain.shared.clock import Moment

# The notification is a hint, sent when, and only if, the unit of work commits.
INSERT: Final = """
    INSERT INTO inbox
        (event_id, kind, object_id, livemode, account, api_version, created_at, payload,
         received_at, due_at, state, attempt, fence, lease_until, reason)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)
    ON CONFLICT (event_id) DO NOTHING
    RETURNING pg_notify('counterfoil_inbox', '')
"""

CLAIM: Final = """
    WITH next AS (
        SELECT event_id, ready_at
          FROM inbox
         WHERE ready_at <= $1
         ORDER BY ready_at, event_id
         LIMIT $2
           FOR UPDATE SKIP LOCKED
    ), taken AS (
        UPDATE inbox
           SET state = 'claimed', attempt = attempt + 1, fence = fence + 1,
               lease_until = $1::timestamptz + $3
          FROM next
         WHERE inbox.event_id = next.event_id
        RETURNING inbox.*, next.ready_at AS was_ready_at
    )
    SELECT event_id, kind, object_id, livemode, account, api_version, created_at, payload,
           received_at, due_at, state, attempt, fence, lease_until, reason
      FROM taken
     ORDER BY was_ready_at, event_id
"""

RECORD: Final = """
    UPDATE inbox
       SET state = $3, reason = $4, due_at = coalesce($5, due_at), lease_until = NULL
     WHERE event_id = $1
       AND fence = $2
       AND state = 'claimed'
    RETURNING event_id
"""

SELECT_FENCE: Final = "SELECT fence FROM inbox WHERE event_id = $1"


@attrs.frozen
class PostgresInbox:
    connection: Connection
    moment: Moment

    async def add(self, entry: InboxEntry) -> bool:
        added = await self.connection.fetchrow(
            INSERT,
            entry.event_id,
            entry.kind,
            entry.object_id,
            entry.livemode,
            entry.account,
            entry.api_version,
            entry.created_at,
            entry.payload,
            entry.received_at,
            entry.due_at,
            entry.state,
            entry.attempt,
            entry.fence,
            entry.lease_until,
            entry.reason,
        )
        return added is not None

    async def claim(self, *, limit: int, lease: timedelta) -> list[InboxEntry]:
        rows = await self.connection.fetch(CLAIM, self.moment.lease_now, limit, lease)
        return [entry_from_row(row) for row in rows]

    async def record(self, entry: InboxEntry, verdict: Verdict) -> None:
        reason = None if verdict.reason is None else storable(verdict.reason)
        recorded = await self.connection.fetchval(
            RECORD, entry.event_id, entry.fence, verdict.state, reason, verdict.due_at
        )
        if recorded is None:
            await self._refuse_unless_recorded_already(entry)

    async def _refuse_unless_recorded_already(self, entry: InboxEntry) -> None:
        # Under our own fence it can only be our own verdict, written before the answer to its
        # commit was lost.
        if await self.connection.fetchval(SELECT_FENCE, entry.event_id) != entry.fence:
            raise FencedOut(entry.event_id)


def entry_from_row(row: asyncpg.Record) -> InboxEntry:
    return InboxEntry(
        event_id=row["event_id"],
        kind=row["kind"],
        object_id=row["object_id"],
        livemode=row["livemode"],
        account=row["account"],
        api_version=row["api_version"],
        created_at=row["created_at"],
        payload=row["payload"],
        received_at=row["received_at"],
        due_at=row["due_at"],
        state=EventState(row["state"]),
        attempt=row["attempt"],
        fence=row["fence"],
        lease_until=row["lease_until"],
        reason=row["reason"],
    )
