from __future__ import annotations

import attrs

from domain.jobs.policy import PagePurpose
from domain.shared.ids import JobId


@attrs.frozen
class MemoryPageTickets:
    """Tickets that say what they prove, for ever, and to tests only."""

    def issue(self, job_id: JobId, generation: int, purpose: PagePurpose) -> str:
        return f"cfp_{purpose}_{job_id}_{generation}"

    def purpose(self, ticket: str, job_id: JobId, generation: int) -> PagePurpose | None:
        proven = (p for p in PagePurpose if ticket == self.issue(job_id, generation, p))
        return next(proven, None)
