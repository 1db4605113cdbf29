"""Bells that ring after a commit. A hint: whoever waits must look for work when none rang, too."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

import attrs


@attrs.frozen
class MemoryBell:
    _rung: asyncio.Event = attrs.field(factory=asyncio.Event)

    async def wait(self, timeout_s: float) -> bool:
        """Return True when it has rung since the last wait, or rings before *timeout_s* is over."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._rung.wait()
        except TimeoutError:
            return False
        self._rung.clear()
        return True

    def ring(self) -> None:
        self._rung.set()


@attrs.frozen
class MemoryWakeups:
    """Every listener of a channel has a bell of its own."""

    _listening: defaultdict[str, list[MemoryBell]] = attrs.field(factory=lambda: defaultdict(list))

    @asynccontextmanager
    async def bell(self, channel: str) -> AsyncIterator[MemoryBell]:
        bell = MemoryBell()
        self._listening[channel].append(bell)
        try:
            yield bell
        finally:
            self._listening[channel].remove(bell)

    def ring(self, channels: Iterable[str]) -> None:
        for channel in channels:
            for bell in self._listening[channel]:
                bell.ring()
