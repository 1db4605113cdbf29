"""What is due by the clock: deadlines, and the questions the safety net asks."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

import attrs
import structlog

from domain.shared.errors import DomainError
from entrypoints.application import BackgroundWork

log: structlog.stdlib.BoundLogger = structlog.get_logger()

BATCH: Final = 50


@attrs.frozen(kw_only=True)
class Chore:
    name: str
    every_s: float
    do: Callable[[int], Awaitable[int]]


def chores(work: BackgroundWork) -> list[Chore]:
    return [
        Chore(name="overdue_jobs", every_s=1.0, do=work.fail_overdue_jobs),
        Chore(name="open_payments", every_s=2.0, do=work.check_payments),
        Chore(name="undecided_refunds", every_s=2.0, do=work.check_refunds),
    ]


async def every_so_often(work: BackgroundWork, stopping: asyncio.Event) -> None:
    async with asyncio.TaskGroup() as tasks:
        for chore in chores(work):
            tasks.create_task(_repeat(chore, stopping))


async def _repeat(chore: Chore, stopping: asyncio.Event) -> None:
    while not stopping.is_set():
        await _once(chore)
        try:
            async with asyncio.timeout(chore.every_s):
                await stopping.wait()
        except TimeoutError:
            continue


async def _once(chore: Chore) -> None:
    """Do it; a chore that breaks is logged, and done again in its turn."""
    try:
        done = await chore.do(BATCH)
    except DomainError as error:
        log.warning("chore.postponed", chore=chore.name, reason=str(error))
    except Exception:
        log.exception("chore.crashed", chore=chore.name)
    else:
        if done:
            log.info("chore.done", chore=chore.name, count=done)
