"""The background process: drains inbox and outbox, and keeps the schedule.

Its tasks live and die together: one that ends unasked ends the process, and whoever runs it
starts it again. Nothing is lost by that, for every row it held is claimed again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

import structlog

from domain.shared.errors import DomainError, StorageUnavailable
from entrypoints.application import BackgroundWork
from entrypoints.background.handlers import handle_effect, handle_event
from entrypoints.background.schedule import every_so_often

log: structlog.stdlib.BoundLogger = structlog.get_logger()

BATCH: Final = 20
POLL_S: Final = 1.0
"""How often the queues are looked at without a hint: hints may be lost."""
DRAIN_S: Final = 25.0
"""How long a stop may take: below what orchestrators grant before they kill."""

Row = TypeVar("Row")


async def run_background(work: BackgroundWork, stopping: asyncio.Event) -> None:
    """Work until *stopping* is set, then finish what is in hand, within 25 s."""
    async with asyncio.TaskGroup() as tasks:
        loops = [
            tasks.create_task(_drain(work, "inbox", work.claim_events, handle_event, stopping)),
            tasks.create_task(_drain(work, "outbox", work.claim_effects, handle_effect, stopping)),
            tasks.create_task(every_so_often(work, stopping)),
        ]
        await stopping.wait()
        _, late = await asyncio.wait(loops, timeout=DRAIN_S)
        for task in late:
            # What it held is claimed again by somebody else when its lease runs out.
            task.cancel()
    log.info("background.stopped", unfinished=len(late))


async def _drain(
    work: BackgroundWork,
    channel: str,
    claim: Callable[[int], Awaitable[list[Row]]],
    handle: Callable[[BackgroundWork, Row], Awaitable[None]],
    stopping: asyncio.Event,
) -> None:
    async with work.wakeups.bell(channel) as bell:
        while not stopping.is_set():
            rows = await _claimed(channel, claim)
            await asyncio.gather(*(handle(work, row) for row in rows))
            if not rows:
                await _first(bell.wait(POLL_S), stopping.wait())


async def _claimed(channel: str, claim: Callable[[int], Awaitable[list[Row]]]) -> list[Row]:
    try:
        return await claim(BATCH)
    except StorageUnavailable as error:
        log.warning("queue.unreachable", queue=channel, error=str(error))
    except DomainError:
        log.exception("queue.broken", queue=channel)
    return []


async def _first(*awaitables: Awaitable[object]) -> None:
    """Wait for whichever comes first, and drop the others."""
    waiting = [asyncio.ensure_future(awaitable) for awaitable in awaitables]
    try:
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
