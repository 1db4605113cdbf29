"""Bells that ring when another process has committed work. A hint: polling remains the truth."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from types import TracebackType
from typing import Final, Self

import asyncpg
import attrs
import structlog

log = structlog.get_logger()

PREFIX: Final = "counterfoil_"
CHANNELS: Final = ("jobs", "inbox", "outbox")
STILL_THERE: Final = "SELECT 1"
BACK_OFF_FIRST_S: Final = 0.1
BACK_OFF_MAX_S: Final = 5.0


@attrs.frozen
class PostgresBell:
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


@attrs.define
class PostgresWakeups:
    """Listens on a connection of its own, for as long as it is entered.

    A lost connection is replaced, and then every bell rings, for what was notified meanwhile is
    lost. One that is silently dead is found by asking every *check_every_s*. While there is none,
    bells do not ring and waiting ends by its timeout.
    """

    dsn: str
    check_every_s: float = attrs.field(default=5.0, kw_only=True)
    answer_within_s: float = attrs.field(default=5.0, kw_only=True)
    _listening: defaultdict[str, list[PostgresBell]] = attrs.field(
        factory=lambda: defaultdict(list), init=False
    )
    _listener: asyncio.Task[None] | None = attrs.field(default=None, init=False)
    _failures: int = attrs.field(default=0, init=False)

    async def __aenter__(self) -> Self:
        self._listener = asyncio.create_task(self._listen_for_ever())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        assert self._listener is not None  # noqa: S101  it was entered
        self._listener.cancel()
        with suppress(asyncio.CancelledError):
            await self._listener

    @asynccontextmanager
    async def bell(self, channel: str) -> AsyncIterator[PostgresBell]:
        """A bell of one's own on "jobs", "inbox" or "outbox". It does not ring for the past."""
        assert channel in CHANNELS, channel  # noqa: S101  a slip here would never be noticed
        bell = PostgresBell()
        self._listening[channel].append(bell)
        try:
            yield bell
        finally:
            self._listening[channel].remove(bell)

    async def _listen_for_ever(self) -> None:
        while True:
            try:
                await self._listen()
            except Exception as error:  # noqa: BLE001  whatever it is, hints must come again
                log.warning("wakeups.lost", cause=type(error).__name__, failures=self._failures)
            await asyncio.sleep(min(BACK_OFF_FIRST_S * 2**self._failures, BACK_OFF_MAX_S))
            self._failures = min(self._failures + 1, 16)

    async def _listen(self) -> None:
        settings = {"application_name": "counterfoil wakeups"}
        connection = await asyncpg.connect(
            self.dsn,
            timeout=self.answer_within_s,
            command_timeout=self.answer_within_s,
            server_settings=settings,
        )
        gone = asyncio.Event()
        connection.add_termination_listener(lambda _: gone.set())
        try:
            for channel in CHANNELS:
                await connection.add_listener(PREFIX + channel, self._notified)
            self._failures = 0
            self._ring(*CHANNELS)
            await self._stay(connection, gone)
        finally:
            # Not close(): of a connection that may be dead nothing is asked any more.
            connection.terminate()

    async def _stay(
        self, connection: asyncpg.Connection[asyncpg.Record], gone: asyncio.Event
    ) -> None:
        while not gone.is_set():
            await connection.execute(STILL_THERE)
            with suppress(TimeoutError):
                async with asyncio.timeout(self.check_every_s):
                    await gone.wait()

    def _notified(self, _connection: object, _pid: int, channel: str, _payload: object) -> None:
        self._ring(channel.removeprefix(PREFIX))

    def _ring(self, *channels: str) -> None:
        for channel in channels:
            for bell in self._listening[channel]:
                bell.ring()
