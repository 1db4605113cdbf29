"""Connections: how many, how long anything may take on them, and how documents travel."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from types import MappingProxyType
from typing import Final, Literal, TypeAlias

import asyncpg
import structlog

from adapters.postgres.retries import as_unavailable
from domain.shared.errors import StorageUnavailable

log = structlog.get_logger()

Role: TypeAlias = Literal["api", "background"]
Connection: TypeAlias = "asyncpg.pool.PoolConnectionProxy[asyncpg.Record]"
Pool: TypeAlias = "asyncpg.Pool[asyncpg.Record]"

STATEMENT_TIMEOUTS: Final[Mapping[Role, timedelta]] = MappingProxyType(
    {"api": timedelta(seconds=5), "background": timedelta(seconds=30)}
)
ANSWER_SLACK: Final = timedelta(seconds=5)
"""A server that has not even said that a statement took too long by then is gone."""
ACQUIRE_TIMEOUT_S: Final = 2.0
CLOSE_TIMEOUT_S: Final = 10.0


@asynccontextmanager
async def open_pool(dsn: str, *, size: int, role: Role) -> AsyncIterator[Pool]:
    """Hold up to *size* connections; raise StorageUnavailable when not even one can be had."""
    pool = asyncpg.create_pool(
        dsn,
        min_size=1,
        max_size=size,
        max_inactive_connection_lifetime=0,
        timeout=ANSWER_SLACK.total_seconds(),
        command_timeout=(STATEMENT_TIMEOUTS[role] + ANSWER_SLACK).total_seconds(),
        server_settings=settings_of(role),
        init=register_codecs,
        reset=_leave_as_it_is,
    )
    with as_unavailable():
        await pool
    try:
        yield pool
    finally:
        await _close(pool)


@asynccontextmanager
async def connection_of(pool: Pool) -> AsyncIterator[Connection]:
    """Borrow a connection; raise StorageUnavailable when none is free soon.

    This is not tried again: who waits longer adds to the crowd.
    """
    try:
        connection = await pool.acquire(timeout=ACQUIRE_TIMEOUT_S)
    except TimeoutError as error:
        msg = f"No connection to the database was free within {ACQUIRE_TIMEOUT_S:.0f} s"
        raise StorageUnavailable(msg) from error
    try:
        yield connection
    finally:
        await pool.release(connection)


def settings_of(role: Role) -> dict[str, str]:
    return {
        "application_name": f"counterfoil {role}",
        "timezone": "UTC",
        "statement_timeout": f"{_milliseconds(STATEMENT_TIMEOUTS[role])}ms",
        "lock_timeout": "2s",
        # Whoever sleeps inside a unit of work holds locks that others wait for.
        "idle_in_transaction_session_timeout": "10s",
        # Money: what was confirmed must survive the power going.
        "synchronous_commit": "on",
        # Our statements are small: compiling one costs more than it can save.
        "jit": "off",
    }


def _milliseconds(time: timedelta) -> int:
    return time // timedelta(milliseconds=1)


async def register_codecs(connection: asyncpg.Connection[asyncpg.Record]) -> None:
    """Let json columns take and give plain Python values. Any integer and float comes back whole;
    NaN and infinity, which are not JSON, raise ValueError.
    """
    for name in ("json", "jsonb"):
        await connection.set_type_codec(
            name, schema="pg_catalog", encoder=to_json, decoder=json.loads
        )


def to_json(value: object) -> str:
    return json.dumps(value, allow_nan=False, separators=(",", ":"), default=_as_dict)


def _as_dict(value: object) -> dict[object, object]:
    if isinstance(value, Mapping):
        return dict(value)
    msg = f"{type(value).__name__} is no JSON"
    raise TypeError(msg)


async def _leave_as_it_is(_: asyncpg.Connection[asyncpg.Record]) -> None:
    """Spare the round trip that resets a session: units of work leave nothing behind in it."""


async def _close(pool: Pool) -> None:
    try:
        async with asyncio.timeout(CLOSE_TIMEOUT_S):
            await pool.close()
    except TimeoutError:
        log.warning("pool.terminated", waited_s=CLOSE_TIMEOUT_S)
