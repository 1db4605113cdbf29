"""Bells ring after the commit that made work, and only then."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from tests.builders import an_effect, an_entry
from tests.contracts.conformance import EveryWork
from tests.contracts.steps import bought, ordered, paid
from tests.contracts.storage import Bell, Storage

LONG_S = 5.0
"""Never waited in full, unless the test is to fail."""
SHORT_S = 0.05


async def _pay(storage: Storage) -> None:
    await paid(storage)


async def _receive(storage: Storage) -> None:
    await storage.atomically(lambda work: work.inbox.add(an_entry()))


async def _stage(storage: Storage) -> None:
    await bought(storage)
    await storage.atomically(lambda work: work.outbox.stage(an_effect()))


Act = Callable[[Storage], Awaitable[None]]
CAUSES = [("jobs", _pay), ("inbox", _receive), ("outbox", _stage)]


async def _quiet(storage: Storage, bell: Bell) -> None:
    """Wait out the ringing with which a bell on a fresh connection begins."""
    while await bell.wait(0.2):
        pass


@pytest.mark.parametrize(("channel", "act"), CAUSES, ids=[channel for channel, _ in CAUSES])
async def test_new_work_rings_its_bell_and_no_other(
    storage: Storage, channel: str, act: Act
) -> None:
    others = {"jobs", "inbox", "outbox"} - {channel}
    async with storage.wakeups.bell(channel) as bell, storage.wakeups.bell(others.pop()) as other:
        await _quiet(storage, bell)
        await _quiet(storage, other)

        await act(storage)

        assert await bell.wait(LONG_S)
        assert not await bell.wait(SHORT_S)
        assert not await other.wait(SHORT_S)


async def test_a_bell_rung_before_the_wait_is_heard(storage: Storage) -> None:
    async with storage.wakeups.bell("inbox") as bell:
        await _quiet(storage, bell)
        await _receive(storage)
        await asyncio.sleep(SHORT_S)

        assert await bell.wait(LONG_S)


async def test_work_that_was_rolled_back_rings_nothing(storage: Storage) -> None:
    async def step(work: EveryWork) -> None:
        await work.inbox.add(an_entry())
        raise LookupError

    async with storage.wakeups.bell("inbox") as bell:
        await _quiet(storage, bell)
        with pytest.raises(LookupError):
            await storage.atomically(step)

        assert not await bell.wait(SHORT_S)


async def test_what_is_no_new_work_rings_nothing(storage: Storage) -> None:
    await _receive(storage)

    async with storage.wakeups.bell("inbox") as inbox, storage.wakeups.bell("jobs") as jobs:
        await _quiet(storage, inbox)
        await _quiet(storage, jobs)
        await _receive(storage)
        await ordered(storage)

        assert not await inbox.wait(SHORT_S)
        assert not await jobs.wait(SHORT_S)


async def test_everybody_who_listens_hears(storage: Storage) -> None:
    async with storage.wakeups.bell("jobs") as one, storage.wakeups.bell("jobs") as other:
        await _quiet(storage, one)
        await _quiet(storage, other)
        await _pay(storage)

        assert await one.wait(LONG_S)
        assert await other.wait(LONG_S)
