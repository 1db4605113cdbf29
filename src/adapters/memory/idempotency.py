from __future__ import annotations

from typing import Any

import attrs

from adapters.memory.unit_of_work import Draft
from domain.idempotency.model import Answer, KeyedRequest, KeyRecord
from domain.shared.ids import JobId


@attrs.frozen
class MemoryIdempotencyKeys:
    _draft: Draft

    async def find(self, request: KeyedRequest) -> KeyRecord | None:
        return self._draft.tables.keys.get((request.scope, request.key))

    async def save(self, record: KeyRecord) -> None:
        self._draft.tables.keys[record.request.scope, record.request.key] = record

    async def remember_job(self, request: KeyedRequest, job_id: JobId) -> None:
        self._change(request, job_id=job_id)

    async def store_answer(self, request: KeyedRequest, answer: Answer) -> None:
        self._change(request, answer=answer, locked_until=None)

    async def release(self, request: KeyedRequest) -> None:
        self._change(request, locked_until=None)

    def _change(self, request: KeyedRequest, **facts: Any) -> None:
        key = request.scope, request.key
        if key in self._draft.tables.keys:
            self._draft.tables.keys[key] = attrs.evolve(self._draft.tables.keys[key], **facts)
