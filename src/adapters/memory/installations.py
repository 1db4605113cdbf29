from __future__ import annotations

from datetime import timedelta

import attrs

from adapters.memory.unit_of_work import Draft
from domain.installation.model import Installation


@attrs.frozen
class MemoryInstallations:
    _draft: Draft

    async def find(self) -> Installation | None:
        return self._draft.tables.installation

    async def stamp(self, installation: Installation) -> Installation:
        found = self._draft.tables.installation or installation
        self._draft.tables.installation = found
        return found

    async def advance_clock(self, by: timedelta) -> timedelta:
        found = self._draft.tables.installation
        if found is None or found.mode != "sandbox":
            raise RuntimeError("Outside sandbox mode there is one clock")
        self._draft.tables.clock_offset += by
        return self._draft.tables.clock_offset
