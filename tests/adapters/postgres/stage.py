"""What the stories begin with."""

from __future__ import annotations

from typing import TypeAlias

import attrs

from adapters.postgres.unit_of_work import PostgresWork
from domain.jobs.model import Job
from domain.payments.model import Payment
from tests.builders import (
    a_quote,
    a_session,
    an_order,
    captured,
    payment_received,
)

Work: TypeAlias = PostgresWork


async def an_unpaid_job(work: Work, name: str = "a") -> tuple[Job, Payment]:
    job = await work.jobs.add(an_order(f"job_{name}"))
    quoted = a_quote(f"pay_{name}", job_id=job.id)
    session = a_session(f"cs_{name}")
    return job, await work.payments.add(attrs.evolve(quoted, session=session))


async def a_paid_job(work: Work, name: str = "a") -> tuple[Job, Payment]:
    job, payment = await an_unpaid_job(work, name)
    money = captured(intent_id=f"pi_{name}", charge_id=f"ch_{name}")
    payment = await work.payments.save(payment.apply(money))
    now = work.moment
    paid = payment_received(
        payment_id=payment.id, run_at=now.lease_now, deadline_at=now.now + job.terms.delivery_time
    )
    return await work.jobs.save(job.apply(paid)), payment
