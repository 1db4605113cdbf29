"""What workers do with paid jobs, and what happens when they do not."""

from __future__ import annotations

from datetime import timedelta

import attrs
import pytest

from domain.jobs.errors import JobNotFound, LeaseNotCurrent
from domain.jobs.lifecycle import JobState
from domain.outbox.model import Operation
from domain.shared.ids import JobId
from tests.builders import HOUR, MINUTE, WORKER, a_purchase
from tests.domain.stories.world import World


async def test_only_a_paid_job_is_handed_out_and_only_once(world: World) -> None:
    await world.buy()
    assert await world.lease_job(offers=None, length=MINUTE, by=WORKER) is None

    paid = await world.buy_and_pay()

    assert (await world.lease()).job_id == paid.job_id
    assert await world.lease_job(offers=None, length=MINUTE, by=WORKER) is None


async def test_a_worker_gets_what_it_can_do_and_what_has_waited_longest(world: World) -> None:
    first = await world.buy_and_pay()
    world.pass_time(MINUTE)
    second = await world.buy(a_purchase("render", amount_minor=500, inputs={"scene": 1}))
    world.provider.pay(second.session_id)
    await world.hear()

    rendered = await world.lease_job(offers=["render"], length=MINUTE, by=WORKER)
    nothing = await world.lease_job(offers=["render"], length=MINUTE, by=WORKER)

    assert rendered is not None
    assert (rendered.job_id, rendered.inputs) == (second.job_id, {"scene": 1})
    assert nothing is None
    assert (await world.lease()).job_id == first.job_id


async def test_a_job_that_failed_for_good_is_refunded_once_and_the_books_balance(
    world: World,
) -> None:
    bought = await world.buy_and_pay()
    await world.fail(await world.lease())

    await world.settle_down()
    await world.settle_down()

    assert world.states(bought) == ("refunded", ["refunded"], ["succeeded"])
    assert len(world.effects(Operation.REFUND_CREATE)) == 1
    assert [name for name, _ in world.provider.calls].count("create_refund") == 1
    assert (await world.shown(bought)).failure_reason == "broken"


async def test_the_refund_is_written_in_the_commit_that_fails_the_job(world: World) -> None:
    bought = await world.buy_and_pay()

    await world.fail(await world.lease())

    assert world.states(bought) == ("failed", ["paid"], ["requested"])
    assert world.effects(Operation.REFUND_CREATE)[0].parameters["failure_reason"] == "broken"


async def test_a_failure_worth_another_try_is_tried_again_after_the_delay(world: World) -> None:
    bought = await world.buy_and_pay()

    assert await world.fail(await world.lease(), retryable=True) is JobState.PAID
    too_early = await world.lease_job(offers=None, length=MINUTE, by=WORKER)
    world.pass_time(timedelta(seconds=10))
    again = await world.lease()

    assert too_early is None
    assert again.attempt == 2
    assert await world.finish(again) is JobState.COMPLETED
    assert world.job(bought).failure_reason is None


async def test_attempts_end_and_the_last_failure_is_for_good(world: World) -> None:
    bought = await world.buy_and_pay()

    for _ in range(3):
        await world.fail(await world.lease(), retryable=True)
        world.pass_time(timedelta(seconds=10))
    await world.settle_down()

    assert world.states(bought) == ("refunded", ["refunded"], ["succeeded"])


async def test_a_deadline_missed_fails_the_job_and_ends_its_lease(world: World) -> None:
    bought = await world.buy_and_pay()
    assignment = await world.lease(2 * HOUR)

    world.pass_time(HOUR)
    failed = await world.fail_overdue_jobs(100)
    await world.settle_down()

    assert failed == 1
    assert world.states(bought) == ("refunded", ["refunded"], ["succeeded"])
    assert world.job(bought).failure_reason == "deadline_missed"
    with pytest.raises(LeaseNotCurrent):
        await world.finish(assignment)


async def test_a_paid_job_nobody_takes_misses_its_deadline_too(world: World) -> None:
    bought = await world.buy_and_pay()

    world.pass_time(HOUR)
    nobody = await world.lease_job(offers=None, length=MINUTE, by=WORKER)
    await world.fail_overdue_jobs(100)
    await world.settle_down()

    assert nobody is None
    assert world.states(bought) == ("refunded", ["refunded"], ["succeeded"])


async def test_a_lease_never_reaches_past_the_deadline(world: World) -> None:
    bought = await world.buy_and_pay()
    world.pass_time(50 * MINUTE)

    assignment = await world.lease(timedelta(hours=1))
    until = await world.extend_lease(
        assignment.job_id, lease=assignment.lease, progress=None, length=HOUR
    )

    assert assignment.lease_expires_at == until == world.job(bought).deadline_at


async def test_a_result_after_the_deadline_is_refused_though_nobody_has_swept_yet(
    world: World,
) -> None:
    bought = await world.buy_and_pay()
    assignment = await world.lease(HOUR)
    world.pass_time(HOUR)

    with pytest.raises(LeaseNotCurrent):
        await world.finish(assignment)

    assert world.job(bought).result is None
    await world.fail_overdue_jobs(100)
    assert world.states(bought)[0] == "failed"


async def test_workers_that_die_use_up_the_attempts(world: World) -> None:
    bought = await world.buy_and_pay()

    for _ in range(3):
        await world.lease()
        world.pass_time(MINUTE)
    nobody = await world.lease_job(offers=None, length=MINUTE, by=WORKER)
    await world.fail_overdue_jobs(100)
    await world.settle_down()

    assert nobody is None
    assert world.states(bought) == ("refunded", ["refunded"], ["succeeded"])
    assert world.job(bought).failure_reason == "attempts_exhausted"


async def test_a_lost_lease_goes_to_another_and_fences_out_the_first(world: World) -> None:
    bought = await world.buy_and_pay()
    first = await world.lease()
    world.pass_time(MINUTE)

    second = await world.lease()
    with pytest.raises(LeaseNotCurrent):
        await world.finish(first, result="too late")
    with pytest.raises(LeaseNotCurrent):
        await world.fail(first)
    with pytest.raises(LeaseNotCurrent):
        await world.extend_lease(first.job_id, lease=first.lease, progress=None, length=MINUTE)

    assert await world.finish(second, result="in time") is JobState.COMPLETED
    assert world.job(bought).result == "in time"
    notes = world.memory.tables.notes
    assert [note.facts["asked"] for note in notes] == ["complete", "fail"]
    assert {note.event for note in notes} == {"StaleLeaseRefused"}


async def test_until_somebody_else_takes_the_job_a_late_worker_is_welcome(world: World) -> None:
    late = await world.buy_and_pay()
    assignment = await world.lease()
    world.pass_time(2 * MINUTE)

    await world.extend_lease(assignment.job_id, lease=assignment.lease, progress=0.9, length=MINUTE)
    revived = await world.lease_job(offers=None, length=MINUTE, by=WORKER)
    world.pass_time(2 * MINUTE)

    assert revived is None
    assert await world.finish(assignment) is JobState.COMPLETED
    assert world.states(late)[0] == "completed"


async def test_completing_twice_is_harmless_and_keeps_the_first_result(world: World) -> None:
    bought = await world.buy_and_pay()
    assignment = await world.lease()

    await world.finish(assignment, result=1)
    again = await world.finish(assignment, result=2)

    assert again is JobState.COMPLETED
    assert world.job(bought).result == 1


async def test_failing_twice_is_harmless(world: World) -> None:
    bought = await world.buy_and_pay()
    assignment = await world.lease()

    first = await world.fail(assignment)
    await world.settle_down()
    again = await world.fail(assignment)

    assert (first, again) == (JobState.FAILED, JobState.REFUNDED)
    assert len(world.refunds_of(bought)) == 1


async def test_a_worker_that_gave_up_for_now_cannot_finish_after_all(world: World) -> None:
    await world.buy_and_pay()
    assignment = await world.lease()

    await world.fail(assignment, retryable=True)
    again = await world.fail(assignment, retryable=True)

    assert again is JobState.PAID
    with pytest.raises(LeaseNotCurrent):
        await world.finish(assignment)


async def test_overdue_jobs_are_failed_a_few_at_a_time(world: World) -> None:
    bought = [await world.buy_and_pay() for _ in range(3)]
    world.pass_time(HOUR)

    failed = await world.fail_overdue_jobs(2)
    failed += await world.fail_overdue_jobs(2)

    assert failed == 3
    assert {world.states(each)[0] for each in bought} == {"failed"}


async def test_one_broken_job_keeps_no_other_from_being_failed(world: World) -> None:
    broken, *others = [await world.buy_and_pay() for _ in range(3)]
    audit = world.memory.tables.changes
    intact, audit["job", broken.job_id] = audit["job", broken.job_id], ()
    world.pass_time(HOUR)

    with pytest.raises(ExceptionGroup, match="could not be failed"):
        await world.fail_overdue_jobs(9)

    assert {world.states(each)[0] for each in others} == {"failed"}
    world.memory.tables.changes["job", broken.job_id] = intact
    await world.fail_overdue_jobs(9)
    assert world.states(broken)[0] == "failed"


async def test_a_job_nobody_has_heard_of_is_not_found(world: World) -> None:
    await world.buy_and_pay()
    assignment = await world.lease()

    with pytest.raises(JobNotFound):
        await world.finish(attrs.evolve(assignment, job_id=JobId("job_nobody")))
