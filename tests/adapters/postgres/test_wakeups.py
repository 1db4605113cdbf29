from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

import asyncpg
import pytest

from adapters.postgres.unit_of_work import Postgres
from adapters.postgres.wakeups import PostgresBell, PostgresWakeups
from tests.adapters.postgres.proxy import Proxy
from tests.adapters.postgres.stage import Work, a_paid_job, an_unpaid_job
from tests.builders import an_effect, an_entry

SOON_S: Final = 5.0
NOT_AT_ALL_S: Final = 0.2


async def settle(bell: PostgresBell) -> None:
    """Wait until it has rung for the beginning of the connection."""
    assert await bell.wait(SOON_S)


async def stage_an_effect(work: Work) -> None:
    await an_unpaid_job(work)
    await work.outbox.stage(an_effect())


async def add_an_event(work: Work) -> None:
    await work.inbox.add(an_entry())


async def pay_a_job(work: Work) -> None:
    await a_paid_job(work)


@pytest.mark.parametrize(
    ("channel", "step"),
    [("jobs", pay_a_job), ("inbox", add_an_event), ("outbox", stage_an_effect)],
)
async def test_committed_work_rings_its_own_bell_once(
    database_dsn: str,
    postgres: Postgres,
    channel: str,
    step: Callable[[Work], Awaitable[None]],
) -> None:
    others = {"jobs", "inbox", "outbox"} - {channel}
    async with (
        PostgresWakeups(database_dsn) as wakeups,
        wakeups.bell(channel) as bell,
        wakeups.bell(channel) as same,
        wakeups.bell(others.pop()) as another,
    ):
        for each in (bell, same, another):
            await settle(each)

        await postgres.atomically(step)

        assert await bell.wait(SOON_S)
        assert await same.wait(SOON_S)
        assert not await bell.wait(NOT_AT_ALL_S)
        assert not await another.wait(0)


async def test_work_that_was_rolled_back_rings_nothing(
    database_dsn: str, postgres: Postgres
) -> None:
    async def step(work: Work) -> None:
        await add_an_event(work)
        raise ZeroDivisionError

    async with PostgresWakeups(database_dsn) as wakeups, wakeups.bell("inbox") as bell:
        await settle(bell)
        with pytest.raises(ZeroDivisionError):
            await postgres.atomically(step)

        assert not await bell.wait(NOT_AT_ALL_S)


async def test_what_rang_while_nobody_waited_is_not_lost(
    database_dsn: str, postgres: Postgres
) -> None:
    async with PostgresWakeups(database_dsn) as wakeups, wakeups.bell("inbox") as bell:
        await settle(bell)
        await postgres.atomically(add_an_event)
        await asyncio.sleep(NOT_AT_ALL_S)

        assert await bell.wait(0.05)


async def test_a_terminated_listener_listens_again_and_wakes_everybody(
    database_dsn: str, postgres: Postgres, raw: asyncpg.Connection[asyncpg.Record]
) -> None:
    async with PostgresWakeups(database_dsn) as wakeups, wakeups.bell("inbox") as bell:
        for _ in range(3):
            await settle(bell)
            await raw.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND application_name = 'counterfoil wakeups'"
            )
        await settle(bell)

        await postgres.atomically(add_an_event)

        assert await bell.wait(SOON_S)


async def test_a_connection_that_died_in_silence_is_found_out(
    proxy: Proxy, postgres: Postgres
) -> None:
    wakeups = PostgresWakeups(proxy.dsn, check_every_s=0.1, answer_within_s=0.3)
    async with wakeups, wakeups.bell("inbox") as bell:
        await settle(bell)
        proxy.swallow_all()
        await postgres.atomically(add_an_event)
        assert not await bell.wait(0.05)

        assert await bell.wait(SOON_S)


async def test_without_a_database_waiting_ends_by_its_timeout_until_it_is_back(
    proxy: Proxy, postgres: Postgres
) -> None:
    proxy.go_down()
    async with PostgresWakeups(proxy.dsn) as wakeups, wakeups.bell("inbox") as bell:
        assert not await bell.wait(NOT_AT_ALL_S)

        proxy.up = True
        await settle(bell)
        await postgres.atomically(add_an_event)

        assert await bell.wait(SOON_S)
