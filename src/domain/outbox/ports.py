from __future__ import annotations

from datetime import timedelta
from typing import Protocol

from domain.outbox.model import Effect, Operation, Outcome
from domain.shared.clock import Moment


class Outbox(Protocol):
    """What we owe the outside world. Rows are the queue."""

    async def stage(self, effect: Effect) -> None:
        """Write *effect*, in the commit that decided on it. A row already there is left alone."""
        ...

    async def claim(self, *, limit: int, lease: timedelta) -> list[Effect]:
        """Take up to *limit* rows that are due, or whose lease ran out, oldest first.

        Skips rows others hold, and rows whose payment already has one in flight.
        """
        ...

    async def claim_one(
        self, operation: Operation, entity_id: str, *, lease: timedelta
    ) -> Effect | None:
        """Take this row now, due or not; None when it is done, dead or in flight.

        None as well while another row of its payment is in flight.
        """
        ...

    async def record(self, effect: Effect, outcome: Outcome) -> None:
        """Write what became of the attempt; raise FencedOut when *effect* was claimed again."""
        ...


class OutboxWork(Protocol):
    @property
    def moment(self) -> Moment: ...
    @property
    def outbox(self) -> Outbox: ...
