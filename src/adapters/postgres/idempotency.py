from __future__ import annotations

from typing import Final

import asyncpg
import attrs

from adapters.postgres.pool import Connection
from domain.idempotency.model import Answer, KeyedRequest, KeyRecord
from domain.shared.ids import JobId

# Of the key itself, for it must be locked also while there is no row to lock. In a statement of
# its own: one that waited would still see the row as it was before. Two keys with the same hash
# merely wait for each other. The first number keeps these locks apart from others.
LOCK_KEY: Final = """
    SELECT pg_advisory_xact_lock(1667331177, hashtext($1 || E'\\n' || $2))
"""

SELECT_FOR_UPDATE: Final = """
    SELECT scope, key, fingerprint, first_used_at, locked_until, job_id, answer_status, answer_body
      FROM idempotency_keys
     WHERE scope = $1
       AND key = $2
       FOR UPDATE
"""

UPSERT: Final = """
    INSERT INTO idempotency_keys
        (scope, key, fingerprint, first_used_at, locked_until, job_id, answer_status, answer_body)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
    ON CONFLICT (scope, key) DO UPDATE
       SET fingerprint = excluded.fingerprint, first_used_at = excluded.first_used_at,
           locked_until = excluded.locked_until, job_id = excluded.job_id,
           answer_status = excluded.answer_status, answer_body = excluded.answer_body
"""

REMEMBER_JOB: Final = """
    UPDATE idempotency_keys SET job_id = $3 WHERE scope = $1 AND key = $2
"""

STORE_ANSWER: Final = """
    UPDATE idempotency_keys
       SET answer_status = $3, answer_body = $4, locked_until = NULL
     WHERE scope = $1
       AND key = $2
"""

RELEASE: Final = """
    UPDATE idempotency_keys SET locked_until = NULL WHERE scope = $1 AND key = $2
"""


@attrs.frozen
class PostgresIdempotencyKeys:
    connection: Connection

    async def find(self, request: KeyedRequest) -> KeyRecord | None:
        await self.connection.execute(LOCK_KEY, request.scope, request.key)
        row = await self.connection.fetchrow(SELECT_FOR_UPDATE, request.scope, request.key)
        return None if row is None else _record(row)

    async def save(self, record: KeyRecord) -> None:
        answer = record.answer
        await self.connection.execute(
            UPSERT,
            record.request.scope,
            record.request.key,
            record.request.fingerprint,
            record.first_used_at,
            record.locked_until,
            record.job_id,
            answer and answer.status,
            answer and answer.body,
        )

    async def remember_job(self, request: KeyedRequest, job_id: JobId) -> None:
        await self.connection.execute(REMEMBER_JOB, request.scope, request.key, job_id)

    async def store_answer(self, request: KeyedRequest, answer: Answer) -> None:
        await self.connection.execute(
            STORE_ANSWER, request.scope, request.key, answer.status, answer.body
        )

    async def release(self, request: KeyedRequest) -> None:
        await self.connection.execute(RELEASE, request.scope, request.key)


def _record(row: asyncpg.Record) -> KeyRecord:
    return KeyRecord(
        request=KeyedRequest(scope=row["scope"], key=row["key"], fingerprint=row["fingerprint"]),
        first_used_at=row["first_used_at"],
        locked_until=row["locked_until"],
        job_id=None if row["job_id"] is None else JobId(row["job_id"]),
        answer=_answer(row),
    )


def _answer(row: asyncpg.Record) -> Answer | None:
    if row["answer_status"] is None:
        return None
    return Answer(status=row["answer_status"], body=row["answer_body"])
