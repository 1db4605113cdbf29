"""The process's own clock. Only signatures and tokens are judged by it; it is never stored."""

from __future__ import annotations

import time


def wall_clock() -> float:
    """Seconds since the epoch."""
    return time.time()
