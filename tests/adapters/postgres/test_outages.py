"""What nobody can know, and what takes too long: the step happens once, or the caller is told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest

from adapters.postgres.pool import connection_of, open_pool
from adapters.postgres.retries import TRIES_MAX
from adapters.postgres.unit_of_work import Postgres
from domain.jobs.lifecycle import JobState
from domain.shared.errors import StorageUnavailable
from tests.adapters.postgres.conftest import quick
from tests.adapters.postgres.proxy import Cut, Proxy
from tests.adapters.postgres.stage import Steps, Work, an_unpaid_job, state_of, versions

# What is not known


@pytest.fixture
async def behind_proxy(proxy: Proxy) -> AsyncIterator[Postgres]:
    async with open_pool(proxy.dsn, size=2, role="api") as pool:
        yield quick(pool)


@pytest.mark.parametrize("cut", [Cut.BEFORE, Cut.AFTER])
async def test_a_connection_lost_at_commit_says_nothing_and_the_step_happens_once(
    behind_proxy: Postgres,
    proxy: Proxy,
    raw: asyncpg.Connection[asyncpg.Record],
    steps: Steps,
    cut: Cut,
) -> None:
    await behind_proxy.atomically(an_unpaid_job)
    proxy.plan.append(cut)

    assert await behind_proxy.atomically(steps.pay) is JobState.PAID

    assert steps.begun == 2
    assert await versions(raw) == [1, 2]


@pytest.mark.parametrize("cut", [Cut.BEFORE, Cut.AFTER])
async def test_the_same_when_something_was_added(
    behind_proxy: Postgres,
    proxy: Proxy,
    raw: asyncpg.Connection[asyncpg.Record],
    steps: Steps,
    cut: Cut,
) -> None:
    proxy.plan.append(cut)

    await behind_proxy.atomically(steps.add_job)

    assert steps.begun == 2
    assert await versions(raw) == [1]


async def test_a_task_cancelled_at_commit_is_never_repeated(
    behind_proxy: Postgres, proxy: Proxy, steps: Steps
) -> None:
    proxy.plan.append(Cut.STALL)

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.3):
            await behind_proxy.atomically(steps.add_job)
    proxy.go_on.set()
    await asyncio.sleep(0.2)

    assert steps.begun == 1


async def test_a_database_that_is_away_is_storage_unavailable_and_its_return_is_noticed(
    behind_proxy: Postgres, proxy: Proxy, steps: Steps
) -> None:
    await behind_proxy.atomically(an_unpaid_job)
    proxy.go_down()

    with pytest.raises(StorageUnavailable):
        await behind_proxy.atomically(steps.pay)
    assert steps.begun == 0

    proxy.up = True
    assert await behind_proxy.atomically(steps.pay) is JobState.PAID


# What takes too long


async def test_an_exhausted_pool_is_storage_unavailable_within_two_seconds(
    database_dsn: str, steps: Steps
) -> None:
    async with open_pool(database_dsn, size=1, role="api") as pool, connection_of(pool):
        async with asyncio.timeout(2.9):
            with pytest.raises(StorageUnavailable, match="No connection"):
                await Postgres(pool).atomically(steps.add_job)

    assert steps.begun == 0


async def test_a_lock_somebody_keeps_is_storage_unavailable(
    postgres: Postgres, raw: asyncpg.Connection[asyncpg.Record], steps: Steps
) -> None:
    await postgres.atomically(an_unpaid_job)

    async def impatient(work: Work) -> None:
        await work.jobs.connection.execute("SET LOCAL lock_timeout = '20ms'")
        await steps.pay(work)

    async with raw.transaction():
        await raw.execute("SELECT FROM jobs FOR UPDATE")
        with pytest.raises(StorageUnavailable):
            await postgres.atomically(impatient)

    assert steps.begun == TRIES_MAX
    assert await state_of(postgres) is JobState.PENDING


async def test_a_database_gone_read_only_is_left_for_the_one_that_took_over(
    postgres: Postgres, raw: asyncpg.Connection[asyncpg.Record], steps: Steps
) -> None:
    name = await raw.fetchval("SELECT current_database()")
    await raw.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    await postgres.pool.expire_connections()

    with pytest.raises(StorageUnavailable):
        await postgres.atomically(steps.add_job)
    assert steps.begun == 1

    await raw.execute(f"ALTER DATABASE {name} RESET default_transaction_read_only")
    await postgres.atomically(steps.add_job)
