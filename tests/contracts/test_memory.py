"""What the memory shows beyond the ports: steps run again, and locks taken in another order."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from adapters.memory.memory import Interruption, Memory, MemoryWork
from adapters.memory.unit_of_work import LockedOutOfOrder
from domain.shared.errors import StorageUnavailable
from domain.shared.ids import JobId, PaymentId
from tests.builders import HOUR, MINUTE, NOW, a_quote, a_refund_request, an_entry, an_order

JOB, PAYMENT = JobId("job_a"), PaymentId("pay_a")


async def _set_up(work: MemoryWork) -> None:
    await work.jobs.add(an_order())
    await work.payments.add(a_quote())
    await work.refunds.add(a_refund_request())


async def _payment_first(work: MemoryWork) -> None:
    await work.payments.get(PAYMENT)
    await work.jobs.get(JOB)


async def _refund_first(work: MemoryWork) -> None:
    await work.refunds.of_payment(PAYMENT)
    await work.payments.get(PAYMENT)


async def _refund_before_job(work: MemoryWork) -> None:
    await work.refunds.of_payment(PAYMENT)
    await work.jobs.get(JOB)


async def _queue_first(work: MemoryWork) -> None:
    await work.outbox.claim(limit=1, lease=MINUTE)
    await work.jobs.get(JOB)


async def _in_order(work: MemoryWork) -> None:
    await work.jobs.get(JOB)
    await work.refunds.of_payment(PAYMENT)
    await work.payments.of_job(JOB)
    await work.inbox.claim(limit=1, lease=MINUTE)
    await work.payments.get(PAYMENT)
    await work.jobs.get(JOB)


@pytest.mark.parametrize("step", [_payment_first, _refund_first, _refund_before_job, _queue_first])
async def test_locks_taken_out_of_order_are_a_bug(
    step: Callable[[MemoryWork], Awaitable[None]],
) -> None:
    memory = Memory()
    await memory.atomically(_set_up)

    with pytest.raises(LockedOutOfOrder):
        await memory.atomically(step)


async def test_who_holds_the_job_may_take_the_rest_as_it_likes() -> None:
    memory = Memory()
    await memory.atomically(_set_up)

    await memory.atomically(_in_order)


@pytest.mark.parametrize(
    ("interruption", "stored"),
    [(Interruption.ROLLED_BACK, [True]), (Interruption.ANSWER_LOST, [False])],
)
async def test_an_interrupted_step_is_run_again(
    interruption: Interruption, stored: list[bool]
) -> None:
    memory = Memory()
    runs: list[bool] = []

    async def step(work: MemoryWork) -> None:
        runs.append(await work.inbox.add(an_entry()))

    memory.interrupt(interruption)
    await memory.atomically(step)

    assert runs == [True, *stored]
    assert len(memory.tables.inbox) == 1


async def test_every_step_may_be_run_twice() -> None:
    memory = Memory(runs_steps_twice=True)
    runs: list[bool] = []

    async def step(work: MemoryWork) -> None:
        runs.append(await work.inbox.add(an_entry()))

    await memory.atomically(step)

    assert runs == [True, True]


async def test_a_database_that_is_not_there_runs_nothing() -> None:
    memory = Memory()
    memory.interrupt(Interruption.UNREACHABLE)

    with pytest.raises(StorageUnavailable):
        await memory.atomically(_set_up)

    assert memory.tables.jobs == {}
    await memory.atomically(_set_up)
    assert list(memory.tables.jobs) == [JOB]


async def test_time_stands_still_until_it_is_moved() -> None:
    memory = Memory()
    before = memory.moment

    memory.clock.tick(HOUR)

    assert (before.now, memory.moment.now) == (NOW, NOW + HOUR)
