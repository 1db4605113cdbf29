from __future__ import annotations

from typing import Protocol

from domain.idempotency.model import Answer, KeyedRequest, KeyRecord
from domain.shared.clock import Moment
from domain.shared.ids import JobId


class IdempotencyKeys(Protocol):
    async def find(self, request: KeyedRequest) -> KeyRecord | None:
        """Return what is known of the key, locked until the unit of work ends."""
        ...

    async def save(self, record: KeyRecord) -> None:
        """Insert or replace the record of its (scope, key)."""
        ...

    async def remember_job(self, request: KeyedRequest, job_id: JobId) -> None:
        """Bind the key to the job it made, so that a retry resumes that job."""
        ...

    async def store_answer(self, request: KeyedRequest, answer: Answer) -> None: ...

    async def release(self, request: KeyedRequest) -> None:
        """Unlock the key with no answer stored: the next request with it runs again."""
        ...


class IdempotencyWork(Protocol):
    @property
    def moment(self) -> Moment: ...
    @property
    def idempotency(self) -> IdempotencyKeys: ...
