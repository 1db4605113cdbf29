from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import asyncpg
import pytest

from adapters.postgres.pool import Pool, open_pool
from adapters.postgres.retries import Persistence
from adapters.postgres.unit_of_work import Postgres
from tests.adapters.postgres.proxy import Proxy
from tests.adapters.postgres.stage import Steps


@pytest.fixture
async def pool(database_dsn: str) -> AsyncIterator[Pool]:
    async with open_pool(database_dsn, size=10, role="api") as pool:
        yield pool


@pytest.fixture
def postgres(pool: Pool) -> Postgres:
    return quick(pool)


@pytest.fixture
async def raw(database_dsn: str) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
    """A connection beside the pool: for looking, and for standing in the way."""
    connection = await asyncpg.connect(database_dsn)
    yield connection
    await connection.close()


@pytest.fixture
async def proxy(database_dsn: str) -> AsyncIterator[Proxy]:
    async with AsyncExitStack() as stack:
        yield await stack.enter_async_context(Proxy.before(database_dsn))


@pytest.fixture
def steps() -> Steps:
    return Steps()


def quick(pool: Pool) -> Postgres:
    """One that does not wait between its tries."""
    never_waits = Persistence(reconnect=pool.expire_connections, jitter=lambda: 0.0)
    return Postgres(pool, persistently=never_waits)
