"""What will happen by itself, on the sandbox's clock: expiry, settlement, slow refunds.

A timer is kept in the books with the change that set it, so a restart forgets none.
"""

import asyncio
import heapq
from collections.abc import Callable
from contextlib import suppress
from typing import Final

import structlog

from entrypoints.stripe_sandbox.books import Books, Json
from entrypoints.stripe_sandbox.clock import Clock
from entrypoints.stripe_sandbox.ids import new_id

TIMER: Final = "_timer"
LONGEST_SLEEP_S: Final = 3600.0

log = structlog.get_logger(__name__)
Act = Callable[[str, str], None]


class Agenda:
    """*act* is called with an action's name and the id of what it is about, inside a unit."""

    def __init__(self, books: Books, clock: Clock, act: Act) -> None:
        self._books = books
        self._clock = clock
        self._act = act
        self._due: list[tuple[float, str]] = []
        self._changed = asyncio.Event()
        books.watch(TIMER, self._note)

    def set(self, action: str, target: str, *, at: float) -> None:
        timer = {"id": new_id("tmr"), "due": at, "action": action, "target": target}
        self._books.put(TIMER, timer)

    def run_due(self) -> None:
        """Everything due by now, in order, each in a unit of its own."""
        while self._due and self._due[0][0] <= self._clock.now():
            _, timer_id = heapq.heappop(self._due)
            timer = self._books.get(TIMER, timer_id)
            if timer is not None:
                self._run(timer)

    def wake(self) -> None:
        self._changed.set()

    async def run(self) -> None:
        while True:
            self.run_due()
            self._changed.clear()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), self._until_next())

    def _note(self, timer: Json) -> None:
        heapq.heappush(self._due, (timer["due"], timer["id"]))
        self._changed.set()

    def _until_next(self) -> float:
        if not self._due:
            return LONGEST_SLEEP_S
        return min(LONGEST_SLEEP_S, max(0.0, self._due[0][0] - self._clock.now()))

    def _run(self, timer: Json) -> None:
        try:
            with self._books.unit():
                self._books.delete(TIMER, timer["id"])
                self._act(timer["action"], timer["target"])
        except Exception:
            # One broken timer must not stop the others, nor come back for ever.
            log.exception("timer.failed", action=timer["action"], target=timer["target"])
            with self._books.unit():
                self._books.delete(TIMER, timer["id"])
