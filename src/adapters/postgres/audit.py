from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Literal, TypeAlias

import attrs

from adapters.postgres.documents import plain_facts
from adapters.postgres.pool import Connection
from domain.audit.model import Change, Note

EntityKind: TypeAlias = Literal["job", "payment", "refund"]

INSERT_CHANGE: Final = """
    INSERT INTO audit_changes
        (entity_kind, entity_id, version, at, by, event, before, after, facts)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
"""

INSERT_NOTE: Final = """
    INSERT INTO audit_notes (entity_kind, entity_id, at, by, event, facts)
    VALUES ($1, $2, $3, $4, $5, $6)
"""


@attrs.frozen
class PostgresAuditTrail:
    connection: Connection

    async def note(self, note: Note) -> None:
        await self.connection.execute(
            INSERT_NOTE,
            note.entity_kind,
            note.entity_id,
            note.at,
            note.by,
            note.event,
            plain_facts(note.facts),
        )


async def append(
    connection: Connection, kind: EntityKind, entity_id: str, changes: Iterable[Change]
) -> None:
    """Add *changes* to the trail of one entity, in one round trip."""
    rows = [
        (
            kind,
            entity_id,
            change.version,
            change.at,
            change.by,
            change.event,
            change.before,
            change.after,
            plain_facts(change.facts),
        )
        for change in changes
    ]
    if rows:
        await connection.executemany(INSERT_CHANGE, rows)
