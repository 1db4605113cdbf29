from __future__ import annotations

from datetime import timedelta

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
        busy = {row.payment_id for row in self._draft.tables.effects.values() if self._flies(row)}
        claimed: list[Effect] = []
        for row in self._ready():
            if row.payment_id not in busy and len(claimed) < limit:
                busy.add(row.payment_id)
                claimed.append(self._take(row, lease))
        return claimed

    async def claim_one(
        self, operation: Operation, entity_id: str, *, lease: timedelta
    ) -> Effect | None:
        self._draft.lock_rows()
        for row in self._draft.tables.effects.values():
            wanted = row.operation is operation and row.entity_id == entity_id
            if wanted and (row.state is EffectState.NEW or self._is_lost(row)):
                return self._take(row, lease)
        return None

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

    def _ready(self) -> list[Effect]:
        now, rows = self._draft.moment.lease_now, self._draft.tables.effects.values()
        due = [row for row in rows if row.state is EffectState.NEW and row.due_at <= now]
        lost = [row for row in rows if self._is_lost(row)]
        return sorted([*due, *lost], key=lambda row: row.due_at)

    def _flies(self, row: Effect) -> bool:
        return row.state is EffectState.SENDING and not self._is_lost(row)

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
