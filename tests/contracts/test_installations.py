"""What every Installations promises."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import attrs
import pytest

from domain.installation.errors import ClockIsReal
from domain.installation.model import Installation
from domain.installation.use_cases import AdvanceClock
from tests.contracts.steps import now
from tests.contracts.storage import Storage

FIRST = Installation(mode="sandbox", account_id="acct_a", instance="inst_a")


async def test_before_the_first_boot_there_is_none(storage: Storage) -> None:
    assert await storage.atomically(lambda work: work.installations.find()) is None


async def test_the_first_stamp_stays(storage: Storage) -> None:
    first = await storage.atomically(lambda work: work.installations.stamp(FIRST))
    other = attrs.evolve(FIRST, mode="live", account_id="acct_b", instance="inst_b")

    second = await storage.atomically(lambda work: work.installations.stamp(other))

    found = await storage.atomically(lambda work: work.installations.find())
    assert first == second == found == FIRST


async def test_processes_that_boot_at_once_agree(storage: Storage) -> None:
    async def boot(number: int) -> Installation:
        mine = attrs.evolve(FIRST, instance=f"inst_{number}")
        return await storage.atomically(lambda work: work.installations.stamp(mine))

    found = await asyncio.gather(*(boot(number) for number in range(4)))

    assert len(set(found)) == 1


@pytest.mark.parametrize("mode", ["test", "live"])
async def test_where_money_is_real_so_is_time(storage: Storage, mode: str) -> None:
    real = attrs.evolve(FIRST, mode=mode)
    await storage.atomically(lambda work: work.installations.stamp(real))

    with pytest.raises(RuntimeError, match="one clock"):
        await storage.atomically(
            lambda work: work.installations.advance_clock(timedelta(seconds=1))
        )
    with pytest.raises(ClockIsReal):
        await AdvanceClock(atomically=storage.atomically)(timedelta(seconds=1))

    moment = await now(storage)
    assert moment.now == moment.lease_now
