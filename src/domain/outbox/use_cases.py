"""Writing down what became of an attempt."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Final

import attrs

from domain.outbox import policy
from domain.outbox.lifecycle import EffectState
from domain.outbox.model import Effect, Outcome
from domain.outbox.ports import OutboxWork
from domain.shared.work import Atomically

LEASE: Final = timedelta(seconds=60)
"""Longer than any one call to the provider may take, with slack."""


@attrs.frozen(kw_only=True)
class ClaimEffects:
    atomically: Atomically[OutboxWork]

    async def __call__(self, limit: int) -> list[Effect]:
        async def step(work: OutboxWork) -> list[Effect]:
            return await work.outbox.claim(limit=limit, lease=LEASE)

        return await self.atomically(step)


@attrs.frozen(kw_only=True)
class FinishEffect:
    """The effect has happened, or is not wanted any more. Raises FencedOut."""

    atomically: Atomically[OutboxWork]

    async def __call__(self, effect: Effect, *, reason: str | None = None) -> None:
        async def step(work: OutboxWork) -> None:
            await work.outbox.record(effect, Outcome(state=EffectState.DONE, reason=reason))

        await self.atomically(step)


@attrs.frozen(kw_only=True)
class RetryEffect:
    """Nobody knows whether it happened: try again later, with the same key. Raises FencedOut.

    *jitter* returns a number in [0, 1).
    """

    atomically: Atomically[OutboxWork]
    jitter: Callable[[], float]

    async def __call__(self, effect: Effect, *, reason: str) -> None:
        jitter = self.jitter()

        async def step(work: OutboxWork) -> None:
            moment = work.moment
            outcome = policy.try_again(
                effect, reason, now=moment.now, lease_now=moment.lease_now, jitter=jitter
            )
            await work.outbox.record(effect, outcome)

        await self.atomically(step)
