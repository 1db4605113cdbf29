"""Small units of work, as the contracts need them to set something up or to look at it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import attrs

from domain.jobs.model import Job
from domain.outbox.model import Effect
from domain.payments.model import Payment
from domain.refunds.model import Refund
from domain.shared.clock import Moment
from domain.shared.ids import JobId, PaymentId, RefundId
from tests.builders import (
    HOUR,
    MINUTE,
    a_quote,
    a_refund_request,
    an_order,
    captured,
    payment_received,
    work_started,
)
from tests.contracts.conformance import EveryWork
from tests.contracts.storage import Storage


async def now(storage: Storage) -> Moment:
    async def step(work: EveryWork) -> Moment:
        return work.moment

    return await storage.atomically(step)


async def ordered(storage: Storage, job_id: str = "job_a", *payment_ids: str) -> Job:
    """Store a new job, with payments of these ids; all but the last have come to nothing."""

    async def step(work: EveryWork) -> Job:
        job = await work.jobs.add(an_order(job_id))
        for payment_id in payment_ids:
            await work.payments.add(a_quote(payment_id, job_id=job_id))
        return job

    return await storage.atomically(step)


async def paid(
    storage: Storage,
    job_id: str = "job_a",
    *,
    run_in: timedelta = -MINUTE,
    deadline_in: timedelta = HOUR,
    offer: str = "thumbnail",
) -> Job:
    """Store a paid job that may be leased since a minute ago."""

    async def step(work: EveryWork) -> Job:
        received = payment_received(
            run_at=work.moment.lease_now + run_in, deadline_at=work.moment.now + deadline_in
        )
        return await work.jobs.add(an_order(job_id, offer=offer).apply(received))

    return await storage.atomically(step)


async def leased(
    storage: Storage,
    job_id: str = "job_a",
    *,
    expires_in: timedelta = MINUTE,
    attempts: int = 1,
    deadline_in: timedelta = HOUR,
) -> Job:
    """Store a job that is being worked on, in its *attempts*-th attempt of three."""

    async def step(work: EveryWork) -> Job:
        received = payment_received(
            run_at=work.moment.lease_now - HOUR, deadline_at=work.moment.now + deadline_in
        )
        expires_at = work.moment.lease_now + expires_in
        started = work_started(f"lease_of_{job_id}", lease_expires_at=expires_at)
        job = an_order(job_id).apply(received).apply(started)
        return await work.jobs.add(attrs.evolve(job, attempts=attempts))

    return await storage.atomically(step)


async def bought(storage: Storage, payment_id: str = "pay_a", *, job_id: str = "job_a") -> Payment:
    """Store a job with a payment that was captured."""
    names: dict[str, Any] = {"intent_id": f"pi_of_{payment_id}", "charge_id": f"ch_of_{payment_id}"}

    async def step(work: EveryWork) -> Payment:
        await work.jobs.add(an_order(job_id))
        quote = a_quote(payment_id, job_id=job_id)
        return await work.payments.add(quote.apply(captured(**names)))

    return await storage.atomically(step)


async def refunded(storage: Storage, refund_id: str = "ref_a", **facts: Any) -> Refund:
    async def step(work: EveryWork) -> Refund:
        return await work.refunds.add(a_refund_request(refund_id, **facts))

    return await storage.atomically(step)


async def the_job(storage: Storage, job_id: str = "job_a") -> Job:
    return await storage.atomically(lambda work: work.jobs.get(JobId(job_id)))


async def the_payment(storage: Storage, payment_id: str = "pay_a") -> Payment:
    return await storage.atomically(lambda work: work.payments.get(PaymentId(payment_id)))


async def the_refund(storage: Storage, refund_id: str = "ref_a") -> Refund:
    return await storage.atomically(lambda work: work.refunds.get(RefundId(refund_id)))


async def staged(storage: Storage, *effects: Effect) -> None:
    async def step(work: EveryWork) -> None:
        for effect in effects:
            await work.outbox.stage(effect)

    await storage.atomically(step)
