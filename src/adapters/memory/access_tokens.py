from __future__ import annotations

import attrs

from domain.shared.ids import JobId


@attrs.frozen
class MemoryAccessTokens:
    """Tokens that say what they prove. No secret is in them, so they prove it to tests only."""

    def issue(self, job_id: JobId, generation: int) -> str:
        return f"cft_{job_id}_{generation}"

    def proves(self, token: str, job_id: JobId, generation: int) -> bool:
        return token == self.issue(job_id, generation)
