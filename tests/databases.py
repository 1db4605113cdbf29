"""A fresh, migrated database for each test that asks for one.

One server per session (and per worker of pytest-xdist): the embedded one, or, with
TEST_DATABASE_URL, wherever that leads and may create databases. What is migrated is a template,
once, and copied.

The adapters are imported where they are used: the domain's tests are collected with this too, and
must not wait for a database driver.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
import tempfile
from collections.abc import AsyncIterator, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import attrs
import pytest

DROPPED_AT_ONCE: Final = 16


@attrs.define
class DatabaseServer:
    """*dsn* may create and drop databases; *template* is the name of a migrated one.

    Dropping makes the server write everything to disk first, which takes as long for many as for
    one: so they are dropped together, some tests later.
    """

    dsn: str
    template: str
    _done_with: list[str] = attrs.field(factory=list)

    async def create(self, *, migrated: bool = True) -> tuple[str, str]:
        """The name and the DSN of a new database, which the caller drops."""
        from adapters.postgres.embedded import create_database

        name = f"cft_{secrets.token_hex(8)}"
        template = self.template if migrated else None
        return name, await create_database(self.dsn, name, template=template)

    async def drop(self, name: str) -> None:
        self._done_with.append(name)
        if len(self._done_with) >= DROPPED_AT_ONCE:
            await self.drop_all()

    async def drop_all(self) -> None:
        from adapters.postgres.embedded import drop_database

        names, self._done_with = self._done_with, []
        await asyncio.gather(*(drop_database(self.dsn, name) for name in names))


@pytest.fixture(scope="session")
def database_server() -> Iterator[DatabaseServer]:
    with _server() as dsn:
        server = DatabaseServer(dsn, f"cft_template_{secrets.token_hex(8)}")
        _run(_make_template(server))
        yield server
        _run(_clear(server))


@pytest.fixture
async def database_dsn(database_server: DatabaseServer) -> AsyncIterator[str]:
    """The DSN of a database of this test's own, migrated and empty."""
    name, dsn = await database_server.create()
    yield dsn
    await database_server.drop(name)


@pytest.fixture
async def bare_database_dsn(database_server: DatabaseServer) -> AsyncIterator[str]:
    """The same without any table."""
    name, dsn = await database_server.create(migrated=False)
    yield dsn
    await database_server.drop(name)


@contextmanager
def _server() -> Iterator[str]:
    from adapters.postgres.embedded import attach, remove

    given = os.environ.get("TEST_DATABASE_URL")
    if given:
        yield given
        return
    # Not pytest's own folder, which is closed to the user a root's server runs as.
    data_dir = Path(tempfile.mkdtemp(prefix="cft-"))
    data_dir.chmod(0o755)
    attachment = attach(data_dir, grace_s=1.0)
    try:
        yield attachment.dsn
    finally:
        attachment.close()
        remove(data_dir)
        shutil.rmtree(data_dir, ignore_errors=True)


async def _make_template(server: DatabaseServer) -> None:
    from adapters.postgres.embedded import create_database
    from adapters.postgres.migrate import migrate

    await migrate(await create_database(server.dsn, server.template))


async def _clear(server: DatabaseServer) -> None:
    await server.drop(server.template)
    await server.drop_all()


def _run(work: Coroutine[Any, Any, None]) -> None:
    """In a thread, so that the event loop of the tests is not touched."""
    with ThreadPoolExecutor(max_workers=1) as thread:
        thread.submit(asyncio.run, work).result()
