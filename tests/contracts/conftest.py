from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from adapters.memory.clock import MemoryClock
from adapters.memory.memory import Memory
from adapters.postgres.pool import open_pool
from adapters.postgres.wakeups import PostgresWakeups
from tests.builders import HOUR, NOW
from tests.contracts.storage import MemoryStorage, PostgresStorage, Storage


@pytest.fixture
def memory_storage() -> Storage:
    # As for a database, whatever the builders stamp with NOW is long past.
    return MemoryStorage(Memory(clock=MemoryClock(NOW + 24 * HOUR)))


@pytest.fixture
async def postgres_storage(database_dsn: str) -> AsyncIterator[Storage]:
    async with (
        open_pool(database_dsn, size=4, role="background") as pool,
        PostgresWakeups(database_dsn) as wakeups,
    ):
        yield PostgresStorage(pool, wakeups)


@pytest.fixture(params=["memory", "postgres"])
def storage(request: pytest.FixtureRequest) -> Storage:
    """Every implementation of the storage ports, one after the other."""
    # Not a coroutine: an async fixture can only be asked for while no loop is running.
    found: Storage = request.getfixturevalue(f"{request.param}_storage")
    return found
