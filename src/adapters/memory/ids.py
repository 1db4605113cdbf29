from __future__ import annotations

import itertools
from collections.abc import Iterator

import attrs


@attrs.define
class SequentialIds:
    """An IdFactory whose ids a test can read: job_1, pay_2. Guessable, so for tests only."""

    _numbers: Iterator[int] = attrs.field(factory=lambda: itertools.count(1))

    def __call__(self, prefix: str) -> str:
        return f"{prefix}_{next(self._numbers)}"
