"""Fetch a customer's picture without being sent anywhere we should not go.

A worker that fetches whatever address it is given can be made to read what only it can reach.
So: http and https only, hosts on a list only, no redirects, no more bytes and no more time than
agreed, and nothing is unpacked on the way.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Final

import aiohttp
import attrs
from yarl import URL

BYTES_MAX: Final = 40 * 1024 * 1024
TIMEOUT_S: Final = 60.0
CHUNK_BYTES: Final = 64 * 1024
OK: Final = 200
SERVER_ERROR: Final = 500
COME_BACK_LATER: Final = frozenset({408, 425, 429})
LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})


class NoSource(Exception):
    """The picture cannot be had; *retryable* says whether it may be had later."""

    def __init__(self, reason: str, *, retryable: bool) -> None:
        super().__init__(reason)
        self.reason = reason
        self.retryable = retryable


@attrs.frozen
class Fetcher:
    hosts: Collection[str] = LOOPBACK
    bytes_max: int = BYTES_MAX
    timeout_s: float = TIMEOUT_S

    async def fetch(self, address: str, target: Path) -> None:
        """Write what is at *address* to *target*; raise NoSource."""
        url = self._allowed(address)
        timeout = aiohttp.ClientTimeout(total=self.timeout_s)
        try:
            async with (
                aiohttp.ClientSession(timeout=timeout, auto_decompress=False) as session,
                session.get(
                    url, allow_redirects=False, headers={"Accept-Encoding": "identity"}
                ) as answer,
            ):
                _check_status(answer.status)
                await self._store(answer, target)
        except (aiohttp.ClientError, TimeoutError):
            raise NoSource("source_unreachable", retryable=True) from None

    def _allowed(self, address: str) -> URL:
        try:
            url = URL(address)
        except ValueError:
            raise NoSource("source_not_allowed", retryable=False) from None
        if url.scheme not in {"http", "https"} or url.host not in self.hosts:
            raise NoSource("source_not_allowed", retryable=False)
        return url

    async def _store(self, answer: aiohttp.ClientResponse, target: Path) -> None:
        received = 0
        with target.open("wb") as file:
            async for chunk in answer.content.iter_chunked(CHUNK_BYTES):
                received += len(chunk)
                if received > self.bytes_max:
                    raise NoSource("too_large", retryable=False)
                file.write(chunk)


def _check_status(status: int) -> None:
    if status == OK:
        return
    later = status >= SERVER_ERROR or status in COME_BACK_LATER
    raise NoSource(f"source_answered_{status}", retryable=later)
