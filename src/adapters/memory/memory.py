"""A database in memory: what a unit of work decided is stored whole, or not at all."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from enum import Enum, auto
from typing import Any

import attrs

from adapters.memory.audit import MemoryAuditTrail
from adapters.memory.clock import MemoryClock
from adapters.memory.idempotency import MemoryIdempotencyKeys
from adapters.memory.inbox import MemoryInbox
from adapters.memory.installations import MemoryInstallations
from adapters.memory.jobs import MemoryJobRepository
from adapters.memory.ledger import MemoryLedger
from adapters.memory.offers import MemoryOfferRepository
from adapters.memory.outbox import MemoryOutbox
from adapters.memory.payments import MemoryPaymentRepository
from adapters.memory.refunds import MemoryRefundRepository
from adapters.memory.tables import Tables
from adapters.memory.unit_of_work import Draft
from adapters.memory.wakeups import MemoryWakeups
from domain.shared.clock import Moment
from domain.shared.errors import StorageUnavailable
from domain.shared.work import Result


class Interruption(Enum):
    """What a database may do to a unit of work."""

    ROLLED_BACK = auto()
    """It could not be brought in line with another, or the connection was lost before COMMIT."""
    ANSWER_LOST = auto()
    """It was committed, and the connection was lost before anybody heard of it."""
    UNREACHABLE = auto()


@attrs.frozen(kw_only=True)
class MemoryWork:
    """Everything a step may touch. Satisfies the work protocol of every concept."""

    moment: Moment
    jobs: MemoryJobRepository
    payments: MemoryPaymentRepository
    refunds: MemoryRefundRepository
    offers: MemoryOfferRepository
    outbox: MemoryOutbox
    inbox: MemoryInbox
    ledger: MemoryLedger
    audit: MemoryAuditTrail
    idempotency: MemoryIdempotencyKeys
    installations: MemoryInstallations

    @classmethod
    def on(cls, draft: Draft) -> MemoryWork:
        return cls(
            moment=draft.moment,
            jobs=MemoryJobRepository(draft),
            payments=MemoryPaymentRepository(draft),
            refunds=MemoryRefundRepository(draft),
            offers=MemoryOfferRepository(draft),
            outbox=MemoryOutbox(draft),
            inbox=MemoryInbox(draft),
            ledger=MemoryLedger(draft),
            audit=MemoryAuditTrail(draft),
            idempotency=MemoryIdempotencyKeys(draft),
            installations=MemoryInstallations(draft),
        )


@attrs.define(kw_only=True, repr=False)
class Memory:
    """One unit of work at a time, which is stricter than row locks.

    So this cannot show what only two at once can do: wait for each other's locks, deadlock (but
    see Draft), skip a locked row, or write on what another has read without a lock. The contract
    tests show that on the database. What it can show is a step that is run again: see *interrupt*
    and *runs_steps_twice*.
    """

    clock: MemoryClock = attrs.field(factory=MemoryClock)
    wakeups: MemoryWakeups = attrs.field(factory=MemoryWakeups)
    runs_steps_twice: bool = False
    tables: Tables = attrs.field(factory=Tables)
    _turn: asyncio.Lock = attrs.field(factory=asyncio.Lock)
    _inside: asyncio.Task[Any] | None = None
    _interruptions: deque[Interruption] = attrs.field(factory=deque)

    @property
    def moment(self) -> Moment:
        now = self.clock.lease_now
        return Moment(now=now + self.tables.clock_offset, lease_now=now)

    def interrupt(self, *interruptions: Interruption) -> None:
        """Let this happen to the next units of work, one each."""
        self._interruptions.extend(interruptions)

    def must_be_outside(self) -> None:
        """Whoever calls the network, or begins a unit of work, must not be inside one."""
        if self._inside is not None and self._inside is asyncio.current_task():
            raise RuntimeError("Not inside a unit of work: its locks would be held meanwhile")

    async def atomically(self, step: Callable[[MemoryWork], Awaitable[Result]]) -> Result:
        match self._next_interruption():
            case Interruption.UNREACHABLE:
                raise StorageUnavailable("the database cannot be reached")
            case Interruption.ROLLED_BACK:
                await self._run(step, commit=False)
            case Interruption.ANSWER_LOST:
                await self._run(step, commit=True)
            case None:
                pass
        return await self._run(step, commit=True)

    def _next_interruption(self) -> Interruption | None:
        if self._interruptions:
            return self._interruptions.popleft()
        return Interruption.ROLLED_BACK if self.runs_steps_twice else None

    async def _run(
        self, step: Callable[[MemoryWork], Awaitable[Result]], *, commit: bool
    ) -> Result:
        self.must_be_outside()
        async with self._turn:
            draft = Draft(self.tables.copied(), self.moment)
            self._inside = asyncio.current_task()
            try:
                result = await step(MemoryWork.on(draft))
            finally:
                self._inside = None
            if commit:
                self.tables = draft.tables
                self.wakeups.ring(draft.bells)
            return result
