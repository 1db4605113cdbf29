"""A wire that can be cut at COMMIT, on either side of it, or altogether."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from enum import Enum, auto
from urllib.parse import parse_qs, urlsplit

import attrs

CHUNK_BYTES = 65_536


class Cut(Enum):
    """What becomes of the next COMMIT. The client cannot tell the first two apart."""

    BEFORE = auto()
    """It never reaches the server."""
    AFTER = auto()
    """The server commits, and its answer is lost."""
    STALL = auto()
    """It reaches the server only when *go_on* is set."""


@attrs.define
class Proxy:
    """Stands between a client and the server of *target*; whoever connects to *dsn* goes through.

    *up* False refuses everybody, and whoever is connected is cut off at once.
    """

    target: str
    dsn: str = ""
    plan: deque[Cut] = attrs.field(factory=deque)
    go_on: asyncio.Event = attrs.field(factory=asyncio.Event)
    up: bool = True
    _silent: set[asyncio.StreamWriter] = attrs.field(factory=set)
    _serving: set[asyncio.Task[None]] = attrs.field(factory=set)
    _wires: set[asyncio.StreamWriter] = attrs.field(factory=set)

    @classmethod
    @asynccontextmanager
    async def before(cls, target: str) -> AsyncIterator[Proxy]:
        proxy = cls(target)
        server = await asyncio.start_server(proxy._accept, "127.0.0.1", 0)
        parts = urlsplit(target)
        user = parts.netloc.rpartition("@")[0] or "postgres"
        port = server.sockets[0].getsockname()[1]
        proxy.dsn = f"postgresql://{user}@127.0.0.1:{port}{parts.path}?sslmode=disable"
        try:
            yield proxy
        finally:
            server.close()
            proxy.go_on.set()
            proxy.cut_all()
            await asyncio.gather(*proxy._serving, return_exceptions=True)

    def cut_all(self) -> None:
        for wire in [*self._wires]:
            wire.close()

    def swallow_all(self) -> None:
        """From here on nothing said on today's wires arrives, and nobody is told."""
        self._silent |= self._wires

    def go_down(self) -> None:
        self.up = False
        self.cut_all()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._serving.add(asyncio.create_task(self._serve(reader, writer)))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not self.up:
            writer.close()
            return
        server_reader, server_writer = await self._connect()
        self._wires |= {writer, server_writer}
        muted = asyncio.Event()
        with suppress(ConnectionError):
            await asyncio.gather(
                self._upstream(reader, server_writer, muted),
                self._downstream(server_reader, writer, muted),
            )
        for wire in (writer, server_writer):
            wire.close()
            self._wires.discard(wire)

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        parts = urlsplit(self.target)
        query = parse_qs(parts.query)
        if folder := query.get("host"):
            port = query.get("port", ["5432"])[0]
            return await asyncio.open_unix_connection(f"{folder[0]}/.s.PGSQL.{port}")
        return await asyncio.open_connection(parts.hostname, parts.port or 5432)

    async def _upstream(
        self, reader: asyncio.StreamReader, server: asyncio.StreamWriter, muted: asyncio.Event
    ) -> None:
        while data := await reader.read(CHUNK_BYTES):
            cut = self.plan.popleft() if b"COMMIT;" in data and self.plan else None
            if cut is Cut.BEFORE:
                raise ConnectionAbortedError
            if cut is Cut.AFTER:
                muted.set()
            if cut is Cut.STALL:
                await self.go_on.wait()
            if server not in self._silent:
                server.write(data)
        server.write_eof()

    async def _downstream(
        self, server: asyncio.StreamReader, writer: asyncio.StreamWriter, muted: asyncio.Event
    ) -> None:
        while data := await server.read(CHUNK_BYTES):
            if muted.is_set():
                raise ConnectionAbortedError
            if writer not in self._silent:
                writer.write(data)
        writer.close()
