from __future__ import annotations

from typing import Protocol

from domain.audit.model import Note


class AuditTrail(Protocol):
    """Append-only. Changes are written by the repository that saves the aggregate."""

    async def note(self, note: Note) -> None: ...
