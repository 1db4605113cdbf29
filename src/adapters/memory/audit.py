from __future__ import annotations

import attrs

from adapters.memory.unit_of_work import Draft
from domain.audit.model import Change, Note


@attrs.frozen
class MemoryAuditTrail:
    _draft: Draft

    async def note(self, note: Note) -> None:
        self._draft.tables.notes += (note,)


def append(draft: Draft, kind: str, entity_id: str, changes: tuple[Change, ...]) -> None:
    """Add *changes* to the trail of one entity, each version once."""
    known = draft.tables.changes.get((kind, entity_id), ())
    versions = [change.version for change in (*known, *changes)]
    if versions != list(range(1, len(versions) + 1)):
        msg = f"The audit of {kind} {entity_id} would have versions {versions}"
        raise RuntimeError(msg)
    draft.tables.changes[kind, entity_id] = (*known, *changes)
