from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import asyncpg
import attrs

from adapters.postgres import audit
from adapters.postgres.pool import Connection
from domain.jobs.errors import JobNotFound, StaleJob
from domain.jobs.lifecycle import JobState
from domain.jobs.model import Job, Lease
from domain.offers.model import Terms
from domain.shared.clock import Moment
from domain.shared.ids import JobId

SELECT_FOR_UPDATE: Final = """
    SELECT id, offer, owner, inputs, quantity, max_attempts, retry_delay, delivery_time,
           created_at, state, token_generation, attempts, progress, result, failure_reason,
           lease_token, lease_expires_at, lease_length, run_at, paid_at, started_at, completed_at,
           deadline_at, version
      FROM jobs
     WHERE id = $1
       FOR UPDATE
"""

SELECT_LEASED: Final = """
    SELECT id, offer, owner, inputs, quantity, max_attempts, retry_delay, delivery_time,
           created_at, state, token_generation, attempts, progress, result, failure_reason,
           lease_token, lease_expires_at, lease_length, run_at, paid_at, started_at, completed_at,
           deadline_at, version
      FROM jobs
     WHERE lease_token = $1
       FOR UPDATE
"""

# What others hold is being worked on: it is passed over, not waited for.
SELECT_CLAIMABLE: Final = """
    SELECT id, offer, owner, inputs, quantity, max_attempts, retry_delay, delivery_time,
           created_at, state, token_generation, attempts, progress, result, failure_reason,
           lease_token, lease_expires_at, lease_length, run_at, paid_at, started_at, completed_at,
           deadline_at, version
      FROM jobs
     WHERE waits_since <= $1
       AND deadline_at > $2
       AND ($3::text[] IS NULL OR offer = ANY ($3))
     ORDER BY waits_since, id
     LIMIT 1
       FOR UPDATE SKIP LOCKED
"""

SELECT_OVERDUE: Final = """
    SELECT id
      FROM jobs
     WHERE state IN ('paid', 'processing')
       AND deadline_at <= $1
     ORDER BY deadline_at, id
     LIMIT $2
"""

SELECT_EXHAUSTED: Final = """
    SELECT id
      FROM jobs
     WHERE state = 'processing'
       AND attempts >= max_attempts
       AND lease_expires_at <= $1
     ORDER BY lease_expires_at, id
     LIMIT $2
"""

INSERT: Final = """
    INSERT INTO jobs
        (id, offer, owner, inputs, quantity, max_attempts, retry_delay, delivery_time, created_at,
         state, token_generation, attempts, progress, result, failure_reason, lease_token,
         lease_expires_at, run_at, paid_at, started_at, completed_at, deadline_at, version,
         lease_length)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19,
            $20, $21, $22, $23, $24)
    ON CONFLICT (id) DO NOTHING
    RETURNING CASE WHEN state = 'paid' THEN pg_notify('counterfoil_jobs', '') END
"""

# A hint for waiting workers, delivered when, and only if, the unit of work commits.
UPDATE_IF_UNCHANGED: Final = """
    UPDATE jobs
       SET state = $3, token_generation = $4, attempts = $5, progress = $6, result = $7,
           failure_reason = $8, lease_token = $9, lease_expires_at = $10, run_at = $11,
           paid_at = $12, started_at = $13, completed_at = $14, deadline_at = $15, version = $16,
           lease_length = $17
     WHERE id = $1
       AND version = $2
    RETURNING CASE WHEN state = 'paid' THEN pg_notify('counterfoil_jobs', '') END
"""


@attrs.frozen
class PostgresJobRepository:
    connection: Connection
    moment: Moment

    async def get(self, job_id: JobId) -> Job:
        row = await self.connection.fetchrow(SELECT_FOR_UPDATE, job_id)
        if row is None:
            raise JobNotFound(job_id)
        return job_from_row(row)

    async def add(self, job: Job) -> Job:
        added = await self.connection.fetchrow(
            INSERT,
            job.id,
            job.offer,
            job.owner,
            job.inputs,
            job.quantity,
            job.terms.max_attempts,
            job.terms.retry_delay,
            job.terms.delivery_time,
            job.created_at,
            *_what_changes(job),
        )
        if added is not None:
            await audit.append(self.connection, "job", job.id, job.changes)
        return attrs.evolve(job, changes=())

    async def save(self, job: Job) -> Job:
        loaded_version = job.version - len(job.changes)
        saved = await self.connection.fetchrow(
            UPDATE_IF_UNCHANGED, job.id, loaded_version, *_what_changes(job)
        )
        if saved is None:
            raise StaleJob(job.id)
        await audit.append(self.connection, "job", job.id, job.changes)
        return attrs.evolve(job, changes=())

    async def leased_with(self, token: str) -> Job | None:
        row = await self.connection.fetchrow(SELECT_LEASED, token)
        return None if row is None else job_from_row(row)

    async def claimable(self, offers: Sequence[str] | None) -> Job | None:
        moment = self.moment
        wanted = None if offers is None else list(offers)
        row = await self.connection.fetchrow(SELECT_CLAIMABLE, moment.lease_now, moment.now, wanted)
        return None if row is None else job_from_row(row)

    async def overdue(self, limit: int) -> list[JobId]:
        rows = await self.connection.fetch(SELECT_OVERDUE, self.moment.now, limit)
        return [JobId(row["id"]) for row in rows]

    async def exhausted(self, limit: int) -> list[JobId]:
        rows = await self.connection.fetch(SELECT_EXHAUSTED, self.moment.lease_now, limit)
        return [JobId(row["id"]) for row in rows]


def _what_changes(job: Job) -> tuple[object, ...]:
    return (
        job.state,
        job.token_generation,
        job.attempts,
        job.progress,
        job.result,
        job.failure_reason,
        job.lease and job.lease.token,
        job.lease and job.lease.expires_at,
        job.run_at,
        job.paid_at,
        job.started_at,
        job.completed_at,
        job.deadline_at,
        job.version,
        job.lease and job.lease.length,
    )


def job_from_row(row: asyncpg.Record) -> Job:
    return Job(
        id=JobId(row["id"]),
        offer=row["offer"],
        owner=row["owner"],
        inputs=row["inputs"],
        quantity=row["quantity"],
        terms=Terms(
            max_attempts=row["max_attempts"],
            retry_delay=row["retry_delay"],
            delivery_time=row["delivery_time"],
        ),
        created_at=row["created_at"],
        state=JobState(row["state"]),
        token_generation=row["token_generation"],
        attempts=row["attempts"],
        progress=row["progress"],
        result=row["result"],
        failure_reason=row["failure_reason"],
        lease=_lease(row),
        run_at=row["run_at"],
        paid_at=row["paid_at"],
        started_at=row["started_at"],
        completed_at=row["completed_at"],
        deadline_at=row["deadline_at"],
        version=row["version"],
    )


def _lease(row: asyncpg.Record) -> Lease | None:
    if row["lease_token"] is None:
        return None
    return Lease(
        token=row["lease_token"], expires_at=row["lease_expires_at"], length=row["lease_length"]
    )
