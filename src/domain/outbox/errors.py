from __future__ import annotations

from domain.shared.errors import Conflict


class FencedOut(Conflict):
    """Somebody else has claimed this row since: our result is not recorded, theirs will be."""

    code = "fenced_out"

    def __init__(self, row_id: str) -> None:
        super().__init__(f"{row_id} was claimed by somebody else meanwhile")
