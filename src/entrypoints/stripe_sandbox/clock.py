"""The sandbox's clock: wall time plus an offset, and it only ever goes forward."""

import time
from datetime import UTC, datetime

from entrypoints.stripe_sandbox.books import Books

KIND = "_clock"
ID = "clock"


class Clock:
    """Drives expiry, settlement and retries. Signatures do not use it: they carry wall time."""

    def __init__(self, books: Books) -> None:
        self._books = books

    @property
    def offset_s(self) -> float:
        kept = self._books.get(KIND, ID)
        return float(kept["offset_s"]) if kept else 0.0

    def now(self) -> float:
        return time.time() + self.offset_s

    def epoch(self) -> int:
        return int(self.now())

    def advance(self, seconds: float) -> None:
        self._books.put(KIND, {"id": ID, "offset_s": self.offset_s + seconds})


def iso(epoch_s: float) -> str:
    return datetime.fromtimestamp(epoch_s, UTC).isoformat()
