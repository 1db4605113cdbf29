from __future__ import annotations

from datetime import datetime, timedelta

import attrs

from adapters.memory.unit_of_work import Draft
from domain.outbox.errors import FencedOut
from domain.outbox.lifecycle import EffectState
from domain.outbox.model import Effect, Operation, Outcome

BELL = "outbox"


@attrs.frozen
class MemoryOutbox:
    _draft: Draft

    async def stage(self, effect: Effect) -> None:
        known = self._draft.tables.effects
        if any(_intent(row) == _intent(effect) for row in known.values()):
            return
        known[effect.id] = effect
        self._draft.bells.add(BELL)

    async def claim(self, *, limit: int, lease: timedelta) -> list[Effect]:
        self._draft.lock_rows()
        claimed: list[Effect] = []
        for ready_at, row in self._open():
            due = ready_at <= self._draft.moment.lease_now
            if due and len(claimed) < limit and not self._is_in_flight_beside(row):
                claimed.append(self._take(row, lease))
        return claimed

    async def claim_one(
        self, operation: Operation, entity_id: str, *, lease: timedelta
    ) -> Effect | None:
        self._draft.lock_rows()
        rows = self._draft.tables.effects.values()
        wanted = [r for r in rows if r.operation is operation and r.entity_id == entity_id]
        row = max(wanted, key=lambda row: row.generation, default=None)
        if row is None or self._is_in_flight_beside(row):
            return None
        return (
            self._take(row, lease) if row.state is EffectState.NEW or self._is_lost(row) else None
        )

    async def record(self, effect: Effect, outcome: Outcome) -> None:
        self._draft.lock_rows()
        row = self._draft.tables.effects[effect.id]
        if row.fence != effect.fence:
            raise FencedOut(effect.id)
        if row.state is not EffectState.SENDING:
            # Our own, repeated because the answer to its commit was lost.
            return
        self._draft.tables.effects[row.id] = attrs.evolve(
            row,
            state=outcome.state,
            reason=outcome.reason,
            due_at=outcome.due_at or row.due_at,
            lease_until=None,
        )

    def _open(self) -> list[tuple[datetime, Effect]]:
        """Every row that is, or will be, to be claimed, by the instant it may be."""
        rows = self._draft.tables.effects.values()
        new = [(row.due_at, row) for row in rows if row.state is EffectState.NEW]
        sending = [(row.lease_until, row) for row in rows if row.lease_until is not None]
        return sorted([*new, *sending], key=lambda found: found[0])

    def _is_in_flight_beside(self, row: Effect) -> bool:
        """Whether another row of the same payment is being sent, or was left by its claimer."""
        return any(
            other.payment_id == row.payment_id
            and other.id != row.id
            and other.state is EffectState.SENDING
            for other in self._draft.tables.effects.values()
        )

    def _is_lost(self, row: Effect) -> bool:
        """Whether its claimer has had all the time it asked for."""
        over = row.lease_until is not None and row.lease_until <= self._draft.moment.lease_now
        return row.state is EffectState.SENDING and over

    def _take(self, row: Effect, lease: timedelta) -> Effect:
        moment = self._draft.moment
        taken = row.claimed(now=moment.now, lease_now=moment.lease_now, lease=lease)
        self._draft.tables.effects[row.id] = taken
        return taken


def _intent(effect: Effect) -> tuple[Operation, str, int]:
    return effect.operation, effect.entity_id, effect.generation
