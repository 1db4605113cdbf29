"""What a unit of work promises: all of it or nothing, one instant, and never one in another."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import attrs
import pytest

from domain.audit.model import SYSTEM, Note
from domain.idempotency.model import KeyedRequest, KeyRecord
from domain.installation.model import Installation
from domain.jobs.errors import JobNotFound
from domain.jobs.model import Job
from domain.ledger.policy import capture
from domain.shared.clock import Moment
from domain.shared.ids import JobId, PaymentId, RefundId
from tests.builders import (
    NOW,
    PRICE,
    a_quote,
    a_refund_request,
    an_effect,
    an_entry,
    an_offer,
    an_order,
)
from tests.contracts.conformance import EveryWork
from tests.contracts.steps import now, ordered, the_job
from tests.contracts.storage import Storage

REQUEST = KeyedRequest(scope="ada", key="k" * 32, fingerprint="f")
SANDBOX = Installation(mode="sandbox", account_id="acct_a", instance="inst_a")


class ChangedTheirMind(Exception):
    pass


async def _touch_everything(work: EveryWork) -> None:
    await work.installations.stamp(SANDBOX)
    await work.offers.replace_all([an_offer()])
    await work.jobs.add(an_order())
    await work.payments.add(a_quote())
    await work.refunds.add(a_refund_request())
    await work.ledger.post(capture(PaymentId("pay_a"), PRICE, NOW))
    await work.audit.note(
        Note(entity_kind="job", entity_id="job_a", at=NOW, by=SYSTEM, event="Noted")
    )
    await work.outbox.stage(an_effect())
    await work.inbox.add(an_entry())
    await work.idempotency.save(KeyRecord(request=REQUEST, first_used_at=NOW, locked_until=None))


async def _what_is_there(storage: Storage) -> list[object]:
    async def step(work: EveryWork) -> list[object]:
        return [
            await work.installations.find(),
            *await work.offers.active(),
            await work.payments.job_of(PaymentId("pay_a")),
            await work.refunds.whose(RefundId("ref_a")),
            await work.idempotency.find(REQUEST),
            *await work.outbox.claim(limit=9, lease=timedelta(seconds=1)),
            *await work.inbox.claim(limit=9, lease=timedelta(seconds=1)),
        ]

    found = await storage.atomically(step)
    audit = [*await storage.changes("job", "job_a"), *await storage.notes()]
    return [*(thing for thing in found if thing is not None), *audit, *await storage.balances()]


async def test_what_a_step_did_is_there_afterwards(storage: Storage) -> None:
    await storage.atomically(_touch_everything)

    assert len(await _what_is_there(storage)) == 11
    assert (await the_job(storage)).id == "job_a"


async def test_a_step_that_raises_leaves_no_trace_of_anything(storage: Storage) -> None:
    async def step(work: EveryWork) -> None:
        await _touch_everything(work)
        raise ChangedTheirMind

    with pytest.raises(ChangedTheirMind):
        await storage.atomically(step)

    assert await _what_is_there(storage) == []
    with pytest.raises(JobNotFound):
        await the_job(storage)


async def test_a_step_sees_what_it_has_done_itself(storage: Storage) -> None:
    async def step(work: EveryWork) -> Job:
        await work.jobs.add(an_order())
        return await work.jobs.get(JobId("job_a"))

    assert await storage.atomically(step) == an_order()


async def test_one_unit_of_work_has_one_instant(storage: Storage) -> None:
    async def step(work: EveryWork) -> list[Moment]:
        first = work.moment
        await asyncio.sleep(0.005)
        return [first, work.moment]

    first, second = await storage.atomically(step)

    assert first == second
    assert first.now == first.lease_now
    assert first.now.tzinfo is not None


async def test_the_business_clock_may_run_ahead_and_the_lease_clock_never_does(
    storage: Storage,
) -> None:
    await storage.atomically(lambda work: work.installations.stamp(SANDBOX))

    first = await storage.atomically(
        lambda work: work.installations.advance_clock(timedelta(days=3))
    )
    ahead = await storage.atomically(
        lambda work: work.installations.advance_clock(timedelta(hours=1))
    )
    moment = await now(storage)

    assert (first, ahead) == (timedelta(days=3), timedelta(days=3, hours=1))
    assert moment.now - moment.lease_now == ahead


async def test_a_unit_of_work_inside_another_is_a_bug(storage: Storage) -> None:
    async def step(work: EveryWork) -> Moment:
        return await now(storage)

    with pytest.raises(RuntimeError, match="Not inside a unit of work"):
        await storage.atomically(step)


async def test_two_at_once_take_turns_on_the_same_job(storage: Storage) -> None:
    await ordered(storage)
    seen: list[int] = []

    async def count_up(work: EveryWork) -> None:
        job = await work.jobs.get(JobId("job_a"))
        seen.append(job.attempts)
        await asyncio.sleep(0.005)
        await work.jobs.save(attrs.evolve(job, attempts=job.attempts + 1))

    await asyncio.gather(*(storage.atomically(count_up) for _ in range(3)))

    assert sorted(seen) == [0, 1, 2]
    assert (await the_job(storage)).attempts == 3
