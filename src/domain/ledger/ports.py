from __future__ import annotations

from typing import Protocol

from domain.ledger.model import Transfer


class Ledger(Protocol):
    async def post(self, transfer: Transfer) -> None:
        """Append *transfer*. Posting the same (source_id, kind) twice is a bug and raises."""
        ...
