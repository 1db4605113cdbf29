from __future__ import annotations

from datetime import timedelta
from typing import Final

import attrs

from adapters.memory.unit_of_work import Draft
from domain.outbox.errors import FencedOut
from domain.provider_events.lifecycle import EventState
from domain.provider_events.model import InboxEntry, Verdict

BELL = "inbox"
WAITING: Final = frozenset({EventState.NEW, EventState.PARKED})


@attrs.frozen
class MemoryInbox:
    _draft: Draft

    async def add(self, entry: InboxEntry) -> bool:
        if entry.event_id in self._draft.tables.inbox:
            return False
        self._draft.tables.inbox[entry.event_id] = entry
        self._draft.bells.add(BELL)
        return True

    async def claim(self, *, limit: int, lease: timedelta) -> list[InboxEntry]:
        self._draft.lock_rows()
        moment = self._draft.moment
        claimed = [
            row.claimed(lease_now=moment.lease_now, lease=lease) for row in self._ready()[:limit]
        ]
        self._draft.tables.inbox.update({row.event_id: row for row in claimed})
        return claimed

    def _ready(self) -> list[InboxEntry]:
        """What is due, or was left by its claimer, by the instant from which it was so."""
        rows = self._draft.tables.inbox.values()
        waiting = [(row.due_at, row) for row in rows if row.state in WAITING]
        claimed = [(row.lease_until, row) for row in rows if row.lease_until is not None]
        by_instant = sorted([*waiting, *claimed], key=lambda found: (found[0], found[1].event_id))
        return [row for at, row in by_instant if at <= self._draft.moment.lease_now]

    async def record(self, entry: InboxEntry, verdict: Verdict) -> None:
        self._draft.lock_rows()
        row = self._draft.tables.inbox[entry.event_id]
        if row.fence != entry.fence:
            raise FencedOut(entry.event_id)
        if row.state is not EventState.CLAIMED:
            # Our own, repeated because the answer to its commit was lost.
            return
        self._draft.tables.inbox[row.event_id] = attrs.evolve(
            row,
            state=verdict.state,
            reason=verdict.reason,
            due_at=verdict.due_at or row.due_at,
            lease_until=None,
        )
