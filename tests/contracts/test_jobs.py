"""What every JobRepository promises."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from domain.audit.model import SYSTEM
from domain.jobs.errors import JobNotFound, StaleJob
from domain.jobs.events import LeaseLost, PaymentAbandoned, WorkFinished
from domain.jobs.model import Job
from domain.offers.model import Terms
from domain.shared.ids import JobId
from tests.builders import (
    HOUR,
    MINUTE,
    NOW,
    WORKER,
    an_order,
    payment_received,
    work_started,
)
from tests.contracts.conformance import EveryWork
from tests.contracts.steps import leased, ordered, paid, the_job
from tests.contracts.storage import Storage

RESULTS = [
    None,
    True,
    0,
    1.5,
    'text with \N{SNOWMAN} and \\ and "quotes"',
    [1, [2, {"deep": None}]],
    {"url": "https://files.example/1", "sizes": [1, 2], "nothing": None},
]


async def test_what_was_added_comes_back(storage: Storage) -> None:
    job = an_order(
        owner="ada",
        inputs={"width": 4000, "url": "https://x.example/?a=b", "nested": {"list": [1, None]}},
        quantity=3,
        terms=Terms(
            max_attempts=7,
            retry_delay=timedelta(seconds=1.5),
            delivery_time=timedelta(days=2, minutes=1),
        ),
    )

    added = await storage.atomically(lambda work: work.jobs.add(job))

    assert added == await the_job(storage) == job
    assert added.changes == ()


async def test_so_does_a_job_with_everything_known(storage: Storage) -> None:
    job = (
        an_order()
        .apply(payment_received())
        .apply(work_started())
        .beat(expires_at=NOW + 2 * MINUTE, progress=0.25)
    )

    await storage.atomically(lambda work: work.jobs.add(job))

    assert await the_job(storage) == job


@pytest.mark.parametrize("result", RESULTS, ids=repr)
async def test_a_result_comes_back_as_the_worker_gave_it(storage: Storage, result: object) -> None:
    done = (
        an_order()
        .apply(payment_received())
        .apply(work_started())
        .apply(WorkFinished(at=NOW, by=WORKER, result=result))
    )

    await storage.atomically(lambda work: work.jobs.add(done))

    assert (await the_job(storage)).result == result


async def test_what_was_saved_comes_back(storage: Storage) -> None:
    job = await ordered(storage)
    changed = job.apply(payment_received()).apply(work_started())

    saved = await storage.atomically(lambda work: work.jobs.save(changed))

    assert saved == await the_job(storage) == changed
    assert saved.changes == ()


async def test_adding_what_is_there_changes_nothing(storage: Storage) -> None:
    paid_already = await paid(storage)

    again = await storage.atomically(lambda work: work.jobs.add(an_order()))

    assert again.changes == ()
    assert await the_job(storage) == paid_already
    assert len(await storage.changes("job", "job_a")) == 2


async def test_a_job_that_moved_on_cannot_be_saved(storage: Storage) -> None:
    stale = await ordered(storage)
    moved = stale.apply(payment_received())
    await storage.atomically(lambda work: work.jobs.save(moved))
    abandoned = stale.apply(PaymentAbandoned(at=NOW, by=WORKER, payment_id="pay_a", reason="x"))

    with pytest.raises(StaleJob):
        await storage.atomically(lambda work: work.jobs.save(abandoned))

    assert await the_job(storage) == moved
    assert [change.after for change in await storage.changes("job", "job_a")] == ["pending", "paid"]


async def test_nor_can_the_same_change_be_saved_twice(storage: Storage) -> None:
    changed = (await ordered(storage)).apply(payment_received())
    await storage.atomically(lambda work: work.jobs.save(changed))

    with pytest.raises(StaleJob):
        await storage.atomically(lambda work: work.jobs.save(changed))


async def test_a_job_nobody_added_is_neither_found_nor_saved(storage: Storage) -> None:
    with pytest.raises(JobNotFound):
        await the_job(storage, "job_nobody")
    with pytest.raises(StaleJob):
        await storage.atomically(
            lambda work: work.jobs.save(an_order("job_nobody").apply(payment_received()))
        )


# What a worker may be given.


async def _claimable(storage: Storage, *offers: str) -> JobId | None:
    async def step(work: EveryWork) -> JobId | None:
        job = await work.jobs.claimable(offers or None)
        return job.id if job else None

    return await storage.atomically(step)


async def test_the_job_that_has_waited_longest_is_given_first(storage: Storage) -> None:
    await paid(storage, "job_b", run_in=-1 * MINUTE)
    await paid(storage, "job_a", run_in=-3 * MINUTE)
    await leased(storage, "job_c", expires_in=-2 * MINUTE)

    order = []
    for _ in range(4):
        order.append(given := await _claimable(storage))
        if given is not None:
            await _take(storage, given)

    assert order == ["job_a", "job_c", "job_b", None]


async def _take(storage: Storage, job_id: JobId) -> None:
    """As a worker does: nobody else is given it for an hour."""

    async def step(work: EveryWork) -> Job:
        job = await work.jobs.get(job_id)
        if job.lease is not None:
            job = job.apply(LeaseLost(at=NOW, by=SYSTEM))
        until = work.moment.lease_now + HOUR
        return await work.jobs.save(
            job.apply(work_started(f"again_{job_id}", lease_expires_at=until))
        )

    await storage.atomically(step)


@pytest.mark.parametrize(
    ("offers", "given"),
    [
        ((), "job_a"),
        (("thumbnail",), "job_a"),
        (("render",), "job_b"),
        (("thumbnail", "render"), "job_a"),
        (("nothing",), None),
    ],
)
async def test_only_jobs_of_the_offers_asked_for_are_given(
    storage: Storage, offers: tuple[str, ...], given: str | None
) -> None:
    await paid(storage, "job_a", run_in=-2 * MINUTE)
    await paid(storage, "job_b", offer="render")

    assert await _claimable(storage, *offers) == given


async def test_no_offers_at_all_means_no_job_at_all(storage: Storage) -> None:
    await paid(storage)

    nothing = await storage.atomically(lambda work: work.jobs.claimable([]))

    assert nothing is None


async def test_an_unpaid_job_is_not_given(storage: Storage) -> None:
    await ordered(storage)

    assert await _claimable(storage) is None


async def test_nor_one_whose_time_to_run_has_not_come(storage: Storage) -> None:
    await paid(storage, run_in=MINUTE)

    assert await _claimable(storage) is None


async def test_nor_one_past_its_deadline(storage: Storage) -> None:
    await paid(storage, "job_a", deadline_in=-MINUTE)
    await leased(storage, "job_b", expires_in=-MINUTE, deadline_in=-MINUTE)

    assert await _claimable(storage) is None


async def test_nor_one_somebody_works_on(storage: Storage) -> None:
    await leased(storage, expires_in=MINUTE)

    assert await _claimable(storage) is None


@pytest.mark.parametrize(("attempts", "given"), [(1, "job_a"), (2, "job_a"), (3, None)])
async def test_one_whose_lease_ran_out_is_given_while_attempts_are_left(
    storage: Storage, attempts: int, given: str | None
) -> None:
    await leased(storage, expires_in=-MINUTE, attempts=attempts)

    assert await _claimable(storage) == given


async def test_workers_who_ask_at_once_are_given_different_jobs(storage: Storage) -> None:
    for job_id in ("job_a", "job_b", "job_c"):
        await paid(storage, job_id)

    async def lease(token: str) -> str | None:
        async def step(work: EveryWork) -> Job | None:
            job = await work.jobs.claimable(None)
            if job is None:
                return None
            await asyncio.sleep(0.005)
            expires_at = work.moment.lease_now + MINUTE
            return await work.jobs.save(job.apply(work_started(token, lease_expires_at=expires_at)))

        job = await storage.atomically(step)
        return job.id if job else None

    given = await asyncio.gather(*(lease(f"lease_{n}") for n in range(4)))

    assert sorted(job_id for job_id in given if job_id) == ["job_a", "job_b", "job_c"]


# What has to be failed.


async def test_overdue_is_what_is_paid_or_processing_past_its_deadline_earliest_first(
    storage: Storage,
) -> None:
    await ordered(storage, "job_unpaid")
    await paid(storage, "job_in_time")
    await leased(storage, "job_late", deadline_in=-MINUTE)
    await paid(storage, "job_later", deadline_in=-2 * MINUTE)
    await paid(storage, "job_latest", deadline_in=-3 * MINUTE)

    everything = await storage.atomically(lambda work: work.jobs.overdue(9))
    some = await storage.atomically(lambda work: work.jobs.overdue(2))

    assert everything == ["job_latest", "job_later", "job_late"]
    assert some == everything[:2]


async def test_exhausted_is_what_lost_its_last_lease(storage: Storage) -> None:
    await leased(storage, "job_at_work", attempts=3)
    await leased(storage, "job_with_attempts_left", attempts=2, expires_in=-MINUTE)
    await leased(storage, "job_b", attempts=3, expires_in=-1 * MINUTE)
    await leased(storage, "job_a", attempts=3, expires_in=-2 * MINUTE)
    await paid(storage, "job_paid")

    everything = await storage.atomically(lambda work: work.jobs.exhausted(9))
    some = await storage.atomically(lambda work: work.jobs.exhausted(1))

    assert everything == ["job_a", "job_b"]
    assert some == ["job_a"]
