from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from domain.audit.ports import AuditTrail
from domain.jobs.model import Job
from domain.jobs.policy import PagePurpose
from domain.shared.clock import Moment
from domain.shared.ids import JobId


class JobRepository(Protocol):
    async def get(self, job_id: JobId) -> Job:
        """Return the job, locked until the unit of work ends; raise JobNotFound."""
        ...

    async def add(self, job: Job) -> Job:
        """Store a new job with its changes; one that is there already is left alone.

        Returns it with no changes left to save.
        """
        ...

    async def save(self, job: Job) -> Job:
        """Store it and append its changes to the audit; raise StaleJob if it moved on.

        Returns it with no changes left to save.
        """
        ...

    async def leased_with(self, token: str) -> Job | None:
        """Lock and return the job whose lease is *token*, or None."""
        ...

    async def claimable(self, offers: Sequence[str] | None) -> Job | None:
        """Lock and return the job that has waited longest for a worker, or None.

        Waiting are paid jobs whose *run_at* has come, and jobs whose lease ran out with attempts
        left; never past their deadline; of any offer when *offers* is None. Skips locked rows.
        """
        ...

    async def overdue(self, limit: int) -> list[JobId]:
        """Paid or processing, and past their deadline."""
        ...

    async def exhausted(self, limit: int) -> list[JobId]:
        """Processing, the lease run out, and no attempts left."""
        ...


class AccessTokens(Protocol):
    """Proof that a guest owns a job: derived from the job, never stored."""

    def issue(self, job_id: JobId, generation: int) -> str: ...

    def proves(self, token: str, job_id: JobId, generation: int) -> bool:
        """Compare in constant time."""
        ...


class PageTickets(Protocol):
    """Proof that somebody came to one of our own pages by the address we gave them."""

    def issue(self, job_id: JobId, generation: int, purpose: PagePurpose) -> str:
        """Make one that holds for PAGE_TICKET_LIFE from now."""
        ...

    def purpose(self, ticket: str, job_id: JobId, generation: int) -> PagePurpose | None:
        """Tell what it was issued for; None if it is not for this job, or holds no longer.

        Compares in constant time.
        """
        ...


class JobWork(Protocol):
    @property
    def moment(self) -> Moment: ...
    @property
    def jobs(self) -> JobRepository: ...
    @property
    def audit(self) -> AuditTrail: ...
