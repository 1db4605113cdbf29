from __future__ import annotations

import attrs

from domain.idempotency.errors import KeyInUse, KeyReused
from domain.idempotency.model import KEPT_FOR, RUNNING_FOR_AT_MOST, Answer, KeyedRequest, KeyRecord
from domain.idempotency.ports import IdempotencyWork
from domain.shared.work import Atomically


@attrs.frozen(kw_only=True)
class ClaimKey:
    """Start, or recognise, a keyed request.

    Returns the record: with an answer, replay it; with a job id, resume that job; else run.
    Raises KeyReused for another body and KeyInUse while the first request runs.
    """

    atomically: Atomically[IdempotencyWork]

    async def __call__(self, request: KeyedRequest) -> KeyRecord:
        async def step(work: IdempotencyWork) -> KeyRecord:
            moment = work.moment
            known = await work.idempotency.find(request)
            if known is None or moment.now - known.first_used_at > KEPT_FOR:
                known = KeyRecord(request=request, first_used_at=moment.now, locked_until=None)
            if known.request.fingerprint != request.fingerprint:
                raise KeyReused
            if known.answer is not None:
                return known
            if known.locked_until is not None and known.locked_until > moment.lease_now:
                raise KeyInUse
            claimed = attrs.evolve(known, locked_until=moment.lease_now + RUNNING_FOR_AT_MOST)
            await work.idempotency.save(claimed)
            return claimed

        return await self.atomically(step)


@attrs.frozen(kw_only=True)
class SettleKey:
    """End a keyed request: keep its answer, or, without one, let a retry run it again."""

    atomically: Atomically[IdempotencyWork]

    async def __call__(self, request: KeyedRequest, answer: Answer | None) -> None:
        async def step(work: IdempotencyWork) -> None:
            if answer is None:
                await work.idempotency.release(request)
            else:
                await work.idempotency.store_answer(request, answer)

        await self.atomically(step)
