"""What the stories begin with."""

from __future__ import annotations

from typing import TypeAlias

import asyncpg
import attrs

from adapters.postgres.unit_of_work import Postgres, PostgresWork
from domain.jobs.lifecycle import JobState
from domain.jobs.model import Job
from domain.payments.model import Payment
from domain.shared.ids import JobId
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


@attrs.define
class Steps:
    """Counts how often a step is begun."""

    begun: int = 0

    async def add_job(self, work: Work) -> None:
        self.begun += 1
        await work.jobs.add(an_order())

    async def pay(self, work: Work) -> JobState:
        """Safe to repeat, as every step is: what has happened already is not done again."""
        self.begun += 1
        job = await work.jobs.get(JobId("job_a"))
        if job.state is JobState.PENDING:
            job = await work.jobs.save(job.apply(payment_received()))
        return job.state


async def state_of(postgres: Postgres, job_id: str = "job_a") -> JobState:
    return (await postgres.atomically(lambda work: work.jobs.get(JobId(job_id)))).state


async def versions(raw: asyncpg.Connection[asyncpg.Record]) -> list[int]:
    rows = await raw.fetch("SELECT version FROM audit_changes WHERE entity_kind = 'job' ORDER BY 1")
    return [row["version"] for row in rows]
