"""What a worker does with a paid job, and what happens when it does not."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import attrs

from domain.audit.model import SYSTEM, Actor, Note
from domain.fulfilment.model import Assignment
from domain.jobs import events as e
from domain.jobs.errors import LeaseNotCurrent
from domain.jobs.lifecycle import JobState
from domain.jobs.model import Job
from domain.jobs.policy import is_overdue, lease_until
from domain.ledger.policy import earning
from domain.refunds.model import RefundReason
from domain.refunds.policy import is_earned, refundable
from domain.refunds.ports import RefundWork
from domain.refunds.use_cases import StageAutomaticRefund
from domain.shared.errors import StorageUnavailable
from domain.shared.ids import IdFactory, JobId
from domain.shared.work import Atomically


@attrs.frozen(kw_only=True)
class LeaseJob:
    """Hand the job that has waited longest to a worker; None when there is none.

    *offers* names what the worker can do, None for anything.
    """

    atomically: Atomically[RefundWork]
    new_id: IdFactory

    async def __call__(
        self, *, offers: Sequence[str] | None, length: timedelta, by: Actor
    ) -> Assignment | None:
        token = self.new_id("lease")

        async def step(work: RefundWork) -> Assignment | None:
            # The answer to our own commit may have been lost, and this be the second run.
            mine = await work.jobs.leased_with(token)
            if mine is not None:
                return _assignment(mine)
            job = await work.jobs.claimable(offers)
            if job is None:
                return None
            if job.state is JobState.PROCESSING:
                job = job.apply(e.LeaseLost(at=work.moment.now, by=SYSTEM))
            started = e.WorkStarted(
                at=work.moment.now,
                by=by,
                lease=token,
                lease_length=length,
                lease_expires_at=lease_until(job, work.moment, length),
            )
            return _assignment(await work.jobs.save(job.apply(started)))

        return await self.atomically(step)


def _assignment(job: Job) -> Assignment:
    assert job.lease is not None  # noqa: S101  it was leased just now
    return Assignment(
        job_id=job.id,
        lease=job.lease.token,
        offer=job.offer,
        quantity=job.quantity,
        inputs=job.inputs,
        attempt=job.attempts,
        lease_expires_at=job.lease.expires_at,
        deadline_at=job.deadline_at,
    )


@attrs.frozen(kw_only=True)
class ExtendLease:
    """A worker says it is still at it. Revives a lease that ran out and was not taken over.

    Raises JobNotFound or LeaseNotCurrent.
    """

    atomically: Atomically[RefundWork]

    async def __call__(
        self, job_id: JobId, *, lease: str, progress: float | None, length: timedelta | None
    ) -> datetime:
        """Without a *length* the lease is renewed for as long as it was taken for."""

        async def step(work: RefundWork) -> datetime:
            job = await work.jobs.get(job_id)
            if not job.holds_lease(lease) or is_overdue(job, work.moment):
                raise LeaseNotCurrent(job_id)
            assert job.lease is not None  # noqa: S101  holds_lease has asked
            expires_at = lease_until(job, work.moment, length or job.lease.length)
            await work.jobs.save(job.beat(expires_at=expires_at, progress=progress))
            return expires_at

        return await self.atomically(step)


@attrs.frozen(kw_only=True)
class FinishJob:
    """The work is done: deliver it, and what was paid for it is earned.

    Repeating it with the same lease is harmless. With a lease that is over it raises
    LeaseNotCurrent; the attempt is recorded, and nothing is delivered.
    """

    atomically: Atomically[RefundWork]

    async def __call__(self, job_id: JobId, *, lease: str, result: object, by: Actor) -> JobState:
        async def step(work: RefundWork) -> JobState | None:
            job = await work.jobs.get(job_id)
            if job.delivered and job.had_lease(lease):
                return job.state
            if not job.holds_lease(lease) or is_overdue(job, work.moment):
                await _note_refusal(work, job, "complete", by)
                return None
            done = job.apply(e.WorkFinished(at=work.moment.now, by=by, result=result))
            await _earn(work, done)
            return (await work.jobs.save(done)).state

        return _or_refuse(job_id, await self.atomically(step))


async def _earn(work: RefundWork, job: Job) -> None:
    """What is not on its way back to the customer is ours from here on."""
    for payment in await work.payments.of_job(job.id):
        if not is_earned(job, payment):
            continue
        kept = refundable(payment, await work.refunds.of_payment(payment.id))
        if kept:
            await work.ledger.post(earning(payment.id, kept, work.moment.now))


@attrs.frozen(kw_only=True)
class FailJob:
    """A worker gives up: for now, and the job waits for another try; or for good, and the money
    goes back in the same commit.

    Repeating it with the same lease is harmless. Raises JobNotFound or LeaseNotCurrent.
    """

    atomically: Atomically[RefundWork]
    automatic: StageAutomaticRefund

    async def __call__(
        self, job_id: JobId, *, lease: str, reason: str, retryable: bool, by: Actor
    ) -> JobState:
        async def step(work: RefundWork) -> JobState | None:
            job = await work.jobs.get(job_id)
            if _has_failed_already(job, lease):
                return job.state
            if not job.holds_lease(lease) or is_overdue(job, work.moment):
                await _note_refusal(work, job, "fail", by)
                return None
            at = work.moment.now
            if retryable and job.attempts_left:
                run_at = work.moment.lease_now + job.terms.retry_delay
                deferred = e.WorkDeferred(at=at, by=by, reason=reason, run_at=run_at)
                return (await work.jobs.save(job.apply(deferred))).state
            failed = job.apply(e.WorkFailed(at=at, by=by, reason=reason))
            return (await fail(work, failed, self.automatic, RefundReason.WORK_FAILED)).state

        return _or_refuse(job_id, await self.atomically(step))


def _has_failed_already(job: Job, lease: str) -> bool:
    over = {JobState.PAID, JobState.FAILED, JobState.REFUNDED}
    return job.state in over and job.had_lease(lease) and not job.delivered


async def fail(
    work: RefundWork, job: Job, automatic: StageAutomaticRefund, reason: RefundReason
) -> Job:
    """Save a job that has failed, and give back all that was captured for it."""
    job = await work.jobs.save(job)
    for payment in await work.payments.of_job(job.id):
        if not payment.is_mismatched:
            await automatic(work, job=job, payment=payment, reason=reason)
    return job


async def _note_refusal(work: RefundWork, job: Job, what: str, by: Actor) -> None:
    """A result that comes too late is worth knowing of: somebody did the work."""
    note = Note(
        entity_kind="job",
        entity_id=job.id,
        at=work.moment.now,
        by=by,
        event="StaleLeaseRefused",
        facts={"asked": what, "state": job.state},
    )
    await work.audit.note(note)


def _or_refuse(job_id: JobId, state: JobState | None) -> JobState:
    # Raised after the commit, or the note would be rolled back with it.
    if state is None:
        raise LeaseNotCurrent(job_id)
    return state


@attrs.frozen(kw_only=True)
class FailOverdueJobs:
    """Fail jobs past their deadline, and jobs whose last lease ran out, and give the money back.

    Returns how many. One unit of work per job: one that cannot be failed keeps no other, and is
    raised, in an ExceptionGroup, after them.
    """

    atomically: Atomically[RefundWork]
    automatic: StageAutomaticRefund

    async def __call__(self, limit: int) -> int:
        overdue = await self.atomically(lambda work: work.jobs.overdue(limit))
        exhausted = await self.atomically(lambda work: work.jobs.exhausted(limit))
        failed, broken = 0, list[Exception]()
        for job_id in [*overdue, *exhausted]:
            try:
                failed += await self._fail(job_id)
            except StorageUnavailable:
                raise
            except Exception as error:  # noqa: BLE001  a bug about one job is raised after the rest
                broken.append(error)
        if broken:
            raise ExceptionGroup("some jobs could not be failed", broken)
        return failed

    async def _fail(self, job_id: JobId) -> bool:
        async def step(work: RefundWork) -> bool:
            job = await work.jobs.get(job_id)
            at = work.moment.now
            if job.state not in {JobState.PAID, JobState.PROCESSING}:
                return False
            if is_overdue(job, work.moment):
                missed = job.apply(e.DeadlineMissed(at=at, by=SYSTEM))
                await fail(work, missed, self.automatic, RefundReason.DEADLINE_MISSED)
                return True
            if not _is_exhausted(job, work):
                return False
            gone = e.WorkFailed(at=at, by=SYSTEM, reason="attempts_exhausted", revoked=True)
            await fail(work, job.apply(gone), self.automatic, RefundReason.WORK_FAILED)
            return True

        return await self.atomically(step)


def _is_exhausted(job: Job, work: RefundWork) -> bool:
    lost = job.lease is not None and job.lease.expires_at <= work.moment.lease_now
    return job.state is JobState.PROCESSING and lost and not job.attempts_left
