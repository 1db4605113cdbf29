from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import asyncpg
import pytest

from adapters.postgres.embedded import create_database, database_dsn, drop_database
from adapters.postgres.errors import MigrationChanged, SchemaOutdated
from adapters.postgres.health import is_ready
from adapters.postgres.migrate import all_migrations, migrate, pending, wait_for_schema
from adapters.postgres.pool import Pool, open_pool
from domain.shared.errors import StorageUnavailable
from tests.databases import DatabaseServer

SOURCES: Final = str(Path(__file__).parents[3] / "src")
MIGRATE: Final = """
import asyncio, sys
from adapters.postgres.migrate import migrate
applied = asyncio.run(migrate(sys.argv[1]))
print("applied:" + ",".join(applied))
"""
ALL: Final = [migration.name for migration in all_migrations()]


async def start_migrating(dsn: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", MIGRATE, dsn),
        env={"PYTHONPATH": SOURCES},
        stdout=asyncio.subprocess.PIPE,
        start_new_session=True,
    )


async def applied_by(process: asyncio.subprocess.Process) -> list[str]:
    output, _ = await process.communicate()
    assert process.returncode == 0
    names = output.decode().rpartition("applied:")[2].strip()
    return names.split(",") if names else []


@asynccontextmanager
async def connected(dsn: str) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
    connection = await asyncpg.connect(dsn)
    try:
        yield connection
    finally:
        await connection.close()


async def test_every_file_is_applied_once_and_in_order(bare_database_dsn: str) -> None:
    assert await pending(bare_database_dsn) == ALL

    assert await migrate(bare_database_dsn) == ALL

    assert await pending(bare_database_dsn) == []
    assert await migrate(bare_database_dsn) == []


async def test_five_first_starts_at_once_apply_every_file_once(bare_database_dsn: str) -> None:
    processes = [await start_migrating(bare_database_dsn) for _ in range(5)]

    applied = [await applied_by(process) for process in processes]

    assert sorted(applied, key=len) == [[], [], [], [], ALL]


@pytest.mark.parametrize(
    ("waits_for", "not_applied"), [("jobs", ALL), ("outbox", ALL[1:]), ("audit_changes", ALL[2:])]
)
async def test_killed_in_the_middle_of_a_file_nothing_of_that_file_is_kept(
    bare_database_dsn: str, waits_for: str, not_applied: list[str]
) -> None:
    async with connected(bare_database_dsn) as rival:
        in_the_way = rival.transaction()
        await in_the_way.start()
        await rival.execute(f"CREATE TABLE {waits_for} ()")
        process = await start_migrating(bare_database_dsn)
        await until_somebody_waits(bare_database_dsn)

        process.send_signal(signal.SIGKILL)
        await process.communicate()
        await in_the_way.rollback()

    assert await migrate(bare_database_dsn) == not_applied
    assert await pending(bare_database_dsn) == []


async def until_somebody_waits(dsn: str) -> None:
    # Of this database only: the server may be shared with other tests.
    waiting = """
        SELECT count(*)
          FROM pg_locks
          JOIN pg_stat_activity USING (pid)
         WHERE NOT granted AND locktype = 'transactionid' AND datname = current_database()
    """
    async with connected(dsn) as connection, asyncio.timeout(30):
        while not await connection.fetchval(waiting):  # noqa: ASYNC110  the server sets no event
            await asyncio.sleep(0.02)


async def test_a_file_changed_after_it_was_applied_is_refused_and_nothing_is_applied(
    bare_database_dsn: str,
) -> None:
    await migrate(bare_database_dsn)
    async with connected(bare_database_dsn) as connection:
        await connection.execute(
            "UPDATE schema_migrations SET sha256 = 'other' WHERE name = $1", ALL[0]
        )
        await connection.execute("DELETE FROM schema_migrations WHERE name = $1", ALL[-1])

    for attempt in (migrate, pending, wait_for_schema):
        with pytest.raises(MigrationChanged, match=ALL[0]):
            await attempt(bare_database_dsn)


async def test_what_a_newer_program_has_applied_is_left_alone(database_dsn: str) -> None:
    async with connected(database_dsn) as connection:
        await connection.execute("INSERT INTO schema_migrations VALUES ('9999_later.sql', 'x')")

    assert await migrate(database_dsn) == []
    await wait_for_schema(database_dsn)


async def test_waiting_for_a_schema_outlasts_that_there_is_no_database_yet(
    database_server: DatabaseServer,
) -> None:
    dsn = database_dsn(database_server.dsn, "cft_created_later")
    waiting = asyncio.create_task(wait_for_schema(dsn))
    await asyncio.sleep(0.3)
    assert not waiting.done()

    await create_database(database_server.dsn, "cft_created_later")
    await asyncio.sleep(0.3)
    assert not waiting.done()

    await migrate(dsn)
    async with asyncio.timeout(5):
        await waiting
    await drop_database(database_server.dsn, "cft_created_later")


async def test_waiting_for_a_schema_ends(bare_database_dsn: str) -> None:
    with pytest.raises(SchemaOutdated, match=ALL[0]):
        await wait_for_schema(bare_database_dsn, timeout_s=0.1)


async def test_no_server_is_storage_unavailable() -> None:
    nowhere = "postgresql://nobody@127.0.0.1:1/nothing"

    for attempt in (migrate, pending):
        with pytest.raises(StorageUnavailable):
            await attempt(nowhere)
    with pytest.raises(StorageUnavailable):
        async with open_pool(nowhere, size=1, role="api"):
            pass


async def test_a_complete_schema_is_ready(pool: Pool) -> None:
    await is_ready(pool)


async def test_an_older_schema_is_not_ready(pool: Pool) -> None:
    await pool.execute("DELETE FROM schema_migrations WHERE name = $1", ALL[-1])

    with pytest.raises(SchemaOutdated, match=ALL[-1]):
        await is_ready(pool)


async def test_a_database_that_takes_no_writes_is_not_ready(bare_database_dsn: str) -> None:
    await migrate(bare_database_dsn)
    async with connected(bare_database_dsn) as connection:
        name = await connection.fetchval("SELECT current_database()")
        await connection.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on")

    async with open_pool(bare_database_dsn, size=1, role="api") as pool:
        with pytest.raises(StorageUnavailable):
            await is_ready(pool)
