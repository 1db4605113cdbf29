from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

import attrs

from adapters.memory import audit
from adapters.memory.constraints import check_job
from adapters.memory.unit_of_work import Draft
from domain.jobs.errors import JobNotFound, StaleJob
from domain.jobs.lifecycle import JobState
from domain.jobs.model import Job
from domain.jobs.policy import is_overdue
from domain.shared.ids import JobId

BELL = "jobs"


@attrs.frozen
class MemoryJobRepository:
    _draft: Draft

    async def get(self, job_id: JobId) -> Job:
        if job_id not in self._draft.tables.jobs:
            raise JobNotFound(job_id)
        self._draft.lock_job(job_id)
        return self._draft.tables.jobs[job_id]

    async def add(self, job: Job) -> Job:
        if job.id in self._draft.tables.jobs:
            return attrs.evolve(job, changes=())
        self._draft.lock_job(job.id)
        return self._store(job)

    async def save(self, job: Job) -> Job:
        known = self._draft.tables.jobs.get(job.id)
        if known is None or known.version != job.version - len(job.changes):
            raise StaleJob(job.id)
        self._draft.lock_job(job.id)
        return self._store(job)

    def _store(self, job: Job) -> Job:
        check_job(job)
        audit.append(self._draft, "job", job.id, job.changes)
        stored = attrs.evolve(job, changes=())
        self._draft.tables.jobs[job.id] = stored
        if stored.state is JobState.PAID:
            self._draft.bells.add(BELL)
        return stored

    async def leased_with(self, token: str) -> Job | None:
        for job in self._draft.tables.jobs.values():
            if job.lease is not None and job.lease.token == token:
                return await self.get(job.id)
        return None

    async def claimable(self, offers: Sequence[str] | None) -> Job | None:
        waiting = sorted(self._waiting(offers), key=lambda found: found[0])
        if not waiting:
            return None
        return await self.get(waiting[0][1].id)

    def _waiting(self, offers: Sequence[str] | None) -> Iterator[tuple[datetime, Job]]:
        """Yield every job a worker may take, with when it began to wait for one."""
        moment = self._draft.moment
        for job in self._draft.tables.jobs.values():
            since = _waits_since(job)
            wanted = offers is None or job.offer in offers
            due = since is not None and since <= moment.lease_now
            if since is not None and due and wanted and not is_overdue(job, moment):
                yield since, job

    async def overdue(self, limit: int) -> list[JobId]:
        at_work = {JobState.PAID, JobState.PROCESSING}
        found = [
            (job.deadline_at, job.id)
            for job in self._draft.tables.jobs.values()
            if job.state in at_work and job.deadline_at and is_overdue(job, self._draft.moment)
        ]
        return [job_id for _, job_id in sorted(found)][:limit]

    async def exhausted(self, limit: int) -> list[JobId]:
        found = [
            (job.lease.expires_at, job.id)
            for job in self._draft.tables.jobs.values()
            if job.state is JobState.PROCESSING and job.lease and not job.attempts_left
        ]
        lease_now = self._draft.moment.lease_now
        return [job_id for expires_at, job_id in sorted(found) if expires_at <= lease_now][:limit]


def _waits_since(job: Job) -> datetime | None:
    """When *job* may be, or might have been, given to a worker; None when it is not to be."""
    if job.state is JobState.PAID:
        return job.run_at
    if job.state is JobState.PROCESSING and job.attempts_left and job.lease is not None:
        return job.lease.expires_at
    return None
