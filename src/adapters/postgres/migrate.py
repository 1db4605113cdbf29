"""Brings a database's tables up to what this program expects: each file once, in order."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib import resources
from typing import Final, TypeAlias

import asyncpg
import attrs
import structlog

from adapters.postgres.errors import MigrationChanged, SchemaOutdated
from adapters.postgres.retries import as_unavailable
from domain.shared.errors import StorageUnavailable

log = structlog.get_logger()

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
AnyConnection: TypeAlias = "Connection | asyncpg.pool.PoolConnectionProxy[asyncpg.Record]"

CONNECT_TIMEOUT_S: Final = 5.0
POLL_S: Final = 0.2

# Held by the session, so that it ends with whoever holds it, however they end.
LOCK: Final = "SELECT pg_advisory_lock(7166480411852960364)"
CREATE_HISTORY: Final = """
    CREATE TABLE IF NOT EXISTS schema_migrations (
        name       text        PRIMARY KEY,
        sha256     text        NOT NULL,
        applied_at timestamptz NOT NULL DEFAULT now()
    )
"""
HISTORY_EXISTS: Final = "SELECT to_regclass('schema_migrations') IS NOT NULL"
SELECT_HISTORY: Final = "SELECT name, sha256 FROM schema_migrations"
INSERT_HISTORY: Final = "INSERT INTO schema_migrations (name, sha256) VALUES ($1, $2)"


@attrs.frozen
class Migration:
    name: str
    sql: str

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.sql.encode()).hexdigest()


def all_migrations() -> list[Migration]:
    folder = resources.files("adapters.postgres") / "migrations"
    files = [file for file in folder.iterdir() if file.name.endswith(".sql")]
    in_order = sorted(files, key=lambda file: file.name)
    return [Migration(file.name, file.read_text(encoding="utf-8")) for file in in_order]


async def migrate(dsn: str) -> list[str]:
    """Apply what is missing and return its names. Safe to run at once, and to kill.

    Raises MigrationChanged before anything is applied, and StorageUnavailable.
    """
    async with _connected(dsn) as connection:
        await connection.execute(LOCK)
        await connection.execute(CREATE_HISTORY)
        missing = await _missing(connection)
        for migration in missing:
            await _apply(connection, migration)
    return [migration.name for migration in missing]


async def pending(dsn: str) -> list[str]:
    """Return the names of what `migrate` would apply. Raises as it does, and changes nothing."""
    async with _connected(dsn) as connection:
        return await pending_on(connection)


async def pending_on(connection: AnyConnection) -> list[str]:
    if not await connection.fetchval(HISTORY_EXISTS):
        return [migration.name for migration in all_migrations()]
    return [migration.name for migration in await _missing(connection)]


async def wait_for_schema(dsn: str, timeout_s: float = 60) -> None:
    """Return when the database is there and complete: whoever else has started may be at it.

    Raises StorageUnavailable or SchemaOutdated after *timeout_s*, MigrationChanged at once.
    """
    deadline, said = time.monotonic() + timeout_s, False
    while (objection := await _objection(dsn)) is not None:
        if time.monotonic() >= deadline:
            raise objection
        if not said:
            log.warning("database.awaited", reason=str(objection), at_most_s=timeout_s)
            said = True
        await asyncio.sleep(POLL_S)


async def _objection(dsn: str) -> StorageUnavailable | None:
    try:
        missing = await pending(dsn)
    except StorageUnavailable as error:
        return error
    return SchemaOutdated(missing) if missing else None


@asynccontextmanager
async def _connected(dsn: str) -> AsyncIterator[Connection]:
    # A migration takes the time it takes, and so does waiting for somebody else's.
    settings = {"application_name": "counterfoil migrate", "statement_timeout": "0"}
    with as_unavailable():
        connection = await asyncpg.connect(dsn, timeout=CONNECT_TIMEOUT_S, server_settings=settings)
        try:
            yield connection
        finally:
            await connection.close(timeout=CONNECT_TIMEOUT_S)


async def _missing(connection: AnyConnection) -> list[Migration]:
    """What is not applied yet. Unknown ones are fine: a newer program has been here."""
    history = {row["name"]: row["sha256"] for row in await connection.fetch(SELECT_HISTORY)}
    for migration in all_migrations():
        if history.get(migration.name, migration.sha256) != migration.sha256:
            raise MigrationChanged(migration.name)
    return [migration for migration in all_migrations() if migration.name not in history]


async def _apply(connection: Connection, migration: Migration) -> None:
    async with connection.transaction():
        await connection.execute(migration.sql)
        await connection.execute(INSERT_HISTORY, migration.name, migration.sha256)
    log.info("migration.applied", name=migration.name)
