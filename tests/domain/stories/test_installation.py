"""One database, one provider account, one clock that may be moved where nothing is real."""

from __future__ import annotations

from datetime import timedelta

import pytest

from domain.installation.errors import ClockIsReal, WrongDatabase
from domain.installation.model import Installation
from domain.jobs.errors import LeaseNotCurrent
from tests.builders import HOUR, MINUTE
from tests.domain.stories.service import INSTALLATION
from tests.domain.stories.world import World


async def test_the_first_boot_stamps_and_the_next_finds_the_stamp(world: World) -> None:
    world.memory.tables.installation = None
    assert await world.find_installation(mode="sandbox") is None

    stamped = await world.stamp_installation(mode="sandbox", account_id="acct_1")
    again = await world.stamp_installation(mode="sandbox", account_id="acct_1")

    assert stamped == again == await world.find_installation(mode="sandbox")
    assert stamped.instance.startswith("inst_")


@pytest.mark.parametrize(("mode", "account"), [("live", "acct_memory"), ("sandbox", "acct_other")])
async def test_another_account_or_mode_is_refused(world: World, mode: str, account: str) -> None:
    with pytest.raises(WrongDatabase):
        await world.stamp_installation(mode=mode, account_id=account)

    assert world.memory.tables.installation == INSTALLATION


async def test_a_database_of_another_mode_is_not_even_opened(world: World) -> None:
    with pytest.raises(WrongDatabase, match="mode sandbox"):
        await world.find_installation(mode="live")


async def test_only_live_events_reach_a_live_installation() -> None:
    modes = [Installation(mode=mode, account_id="a", instance="i") for mode in ("live", "test")]

    assert [installation.livemode for installation in modes] == [True, False]


async def test_moving_the_clock_moves_deadlines_and_not_leases(world: World) -> None:
    bought = await world.buy_and_pay()
    assignment = await world.lease(10 * MINUTE)

    ahead = await world.advance_clock(30 * MINUTE)
    still = await world.extend_lease(
        assignment.job_id, lease=assignment.lease, progress=None, length=HOUR
    )

    assert ahead == timedelta(minutes=30)
    assert still == world.memory.clock.lease_now + 30 * MINUTE
    await world.advance_clock(30 * MINUTE)
    with pytest.raises(LeaseNotCurrent):
        await world.finish(assignment)
    await world.fail_overdue_jobs(9)
    await world.settle_down()
    assert world.states(bought)[0] == "refunded"


async def test_where_money_is_real_the_clock_is_not_moved(world: World) -> None:
    world.memory.tables.installation = Installation(mode="live", account_id="a", instance="i")

    with pytest.raises(ClockIsReal):
        await world.advance_clock(HOUR)
