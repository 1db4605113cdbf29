"""A clock that stands still until somebody moves it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

import attrs

EPOCH: Final = datetime(2025, 1, 6, 9, 0, tzinfo=UTC)


@attrs.define
class MemoryClock:
    """The lease clock. The business clock is this plus the offset kept with the installation."""

    lease_now: datetime = EPOCH

    def tick(self, by: timedelta) -> None:
        """Let time pass, for both clocks."""
        self.lease_now += by
