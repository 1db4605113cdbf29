"""A storage to judge: what the ports offer, and a way to look at what they do not show."""

from __future__ import annotations

import json
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Protocol

import asyncpg
import attrs

from adapters.memory.memory import Memory
from adapters.memory.views import MemoryCustomerViews
from adapters.memory.wakeups import MemoryWakeups
from adapters.postgres.inbox import entry_from_row
from adapters.postgres.outbox import effect_from_row
from adapters.postgres.pool import Pool, connection_of
from adapters.postgres.readers import PostgresCustomerViews
from adapters.postgres.unit_of_work import Postgres
from adapters.postgres.wakeups import PostgresWakeups
from domain.audit.model import Change, Note
from domain.checkout.ports import CustomerViews
from domain.outbox.model import Effect
from domain.provider_events.model import InboxEntry
from domain.shared.work import Atomically
from tests.contracts.conformance import EveryWork


class Bell(Protocol):
    async def wait(self, timeout_s: float) -> bool: ...


class Wakeups(Protocol):
    def bell(self, channel: str) -> AbstractAsyncContextManager[Bell]: ...


class Storage(Protocol):
    @property
    def atomically(self) -> Atomically[EveryWork]: ...
    @property
    def views(self) -> CustomerViews: ...
    @property
    def wakeups(self) -> Wakeups: ...

    async def changes(self, kind: str, entity_id: str) -> list[Change]:
        """The audit of one entity, in order, with its facts as JSON holds them."""
        ...

    async def notes(self) -> list[Note]: ...

    async def effect(self, effect_id: str) -> Effect: ...

    async def entry(self, event_id: str) -> InboxEntry: ...

    async def balances(self) -> dict[str, int]:
        """Of every account of the ledger with anything posted to it."""
        ...


@attrs.frozen
class MemoryStorage:
    memory: Memory

    @property
    def atomically(self) -> Atomically[EveryWork]:
        return self.memory.atomically

    @property
    def views(self) -> CustomerViews:
        return MemoryCustomerViews(self.memory)

    @property
    def wakeups(self) -> MemoryWakeups:
        return self.memory.wakeups

    async def changes(self, kind: str, entity_id: str) -> list[Change]:
        changes = self.memory.tables.changes.get((kind, entity_id), ())
        return [attrs.evolve(change, facts=_as_json(change.facts)) for change in changes]

    async def notes(self) -> list[Note]:
        return list(self.memory.tables.notes)

    async def effect(self, effect_id: str) -> Effect:
        effects = self.memory.tables.effects.values()
        return next(effect for effect in effects if effect.id == effect_id)

    async def entry(self, event_id: str) -> InboxEntry:
        return self.memory.tables.inbox[event_id]

    async def balances(self) -> dict[str, int]:
        totals: dict[str, int] = {}
        for transfer in self.memory.tables.transfers.values():
            for leg in transfer.entries:
                totals[leg.account] = totals.get(leg.account, 0) + leg.amount_minor
        return totals


def _as_json(facts: object) -> dict[str, object]:
    plain: dict[str, object] = json.loads(json.dumps(facts, default=datetime.isoformat))
    return plain


@attrs.frozen
class PostgresStorage:
    pool: Pool
    wakeups: PostgresWakeups

    @property
    def atomically(self) -> Atomically[EveryWork]:
        return Postgres(self.pool).atomically

    @property
    def views(self) -> CustomerViews:
        return PostgresCustomerViews(self.pool)

    async def changes(self, kind: str, entity_id: str) -> list[Change]:
        rows = await self._rows(
            "SELECT version, at, by, event, before, after, facts FROM audit_changes"
            " WHERE entity_kind = $1 AND entity_id = $2 ORDER BY version",
            kind,
            entity_id,
        )
        return [Change(**dict(row)) for row in rows]

    async def notes(self) -> list[Note]:
        rows = await self._rows(
            "SELECT entity_kind, entity_id, at, by, event, facts FROM audit_notes ORDER BY id"
        )
        return [Note(**dict(row)) for row in rows]

    async def effect(self, effect_id: str) -> Effect:
        (row,) = await self._rows("SELECT * FROM outbox WHERE id = $1", effect_id)
        return effect_from_row(row)

    async def entry(self, event_id: str) -> InboxEntry:
        (row,) = await self._rows("SELECT * FROM inbox WHERE event_id = $1", event_id)
        return entry_from_row(row)

    async def balances(self) -> dict[str, int]:
        rows = await self._rows(
            "SELECT account, sum(amount_minor)::bigint AS amount FROM ledger_entries GROUP BY 1"
        )
        return {row["account"]: row["amount"] for row in rows}

    async def _rows(self, query: str, *arguments: object) -> list[asyncpg.Record]:
        async with connection_of(self.pool) as connection:
            return await connection.fetch(query, *arguments)
