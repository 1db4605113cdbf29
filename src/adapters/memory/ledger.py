from __future__ import annotations

import attrs

from adapters.memory.unit_of_work import Draft
from domain.ledger.model import Transfer


class PostedTwice(RuntimeError):
    """A bug: the same money event would have been counted twice."""


@attrs.frozen
class MemoryLedger:
    _draft: Draft

    async def post(self, transfer: Transfer) -> None:
        key = transfer.source_id, transfer.kind
        if key in self._draft.tables.transfers:
            raise PostedTwice(f"{transfer.kind} of {transfer.source_id}")
        self._draft.tables.transfers[key] = transfer
