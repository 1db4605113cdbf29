"""Whatever happens to a connection, a step happens once, or is known not to have happened."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Final

import asyncpg
import pytest
from structlog.testing import capture_logs

from adapters.postgres.errors import RefusedByDatabase
from adapters.postgres.pool import Pool, Role, open_pool
from adapters.postgres.retries import TRIES_MAX
from adapters.postgres.unit_of_work import (
    Postgres,
    inside_unit_of_work,
    must_be_outside_unit_of_work,
)
from domain.installation.model import Installation
from domain.jobs.errors import JobNotFound, StaleJob
from domain.jobs.lifecycle import JobState
from domain.ledger.policy import capture
from domain.shared.errors import StorageUnavailable
from domain.shared.ids import JobId
from tests.adapters.postgres.stage import (
    Steps,
    Work,
    a_paid_job,
    an_unpaid_job,
    state_of,
    versions,
)
from tests.builders import NOW, PRICE, an_order, payment_received

RAISE: Final = """
    DO $$ BEGIN RAISE EXCEPTION 'as planned' USING ERRCODE = '{}'; END $$
"""


# What a unit of work is


async def test_both_clocks_are_the_databases_and_stand_still_in_a_unit_of_work(
    postgres: Postgres,
) -> None:
    async def step(work: Work) -> None:
        assert work.moment.now == work.moment.lease_now
        await work.installations.stamp(
            Installation(mode="sandbox", account_id="acct", instance="inst")
        )
        await work.installations.advance_clock(timedelta(days=3, microseconds=1))
        assert work.moment.lease_now == await work.jobs.connection.fetchval("SELECT now()")

    await postgres.atomically(step)

    async def later(work: Work) -> timedelta:
        return work.moment.now - work.moment.lease_now

    assert await postgres.atomically(later) == timedelta(days=3, microseconds=1)


async def test_nothing_is_kept_of_a_step_that_raises(postgres: Postgres) -> None:
    async def step(work: Work) -> None:
        await work.jobs.add(an_order())
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await postgres.atomically(step)

    with pytest.raises(JobNotFound):
        await state_of(postgres)


async def test_a_unit_of_work_knows_that_it_is_one(postgres: Postgres) -> None:
    async def step(_: Work) -> None:
        assert inside_unit_of_work()
        with pytest.raises(RuntimeError, match="Not inside a unit of work"):
            must_be_outside_unit_of_work()
        with pytest.raises(RuntimeError, match="Not inside a unit of work"):
            await postgres.atomically(step)

    await postgres.atomically(step)

    assert not inside_unit_of_work()
    must_be_outside_unit_of_work()


async def test_two_who_save_the_same_version_do_not_both_succeed(postgres: Postgres) -> None:
    job, _ = await postgres.atomically(an_unpaid_job)
    paid = job.apply(payment_received())
    await postgres.atomically(lambda work: work.jobs.save(paid))

    with pytest.raises(StaleJob):
        await postgres.atomically(lambda work: work.jobs.save(paid))


async def test_what_a_constraint_refuses_is_a_bug_and_not_an_outage(postgres: Postgres) -> None:
    async def step(work: Work) -> None:
        _, payment = await a_paid_job(work)
        for _ in range(2):
            await work.ledger.post(capture(payment.id, PRICE, NOW))

    with pytest.raises(RefusedByDatabase, match="ledger_transfers_posted_once"):
        await postgres.atomically(step)


@pytest.mark.parametrize("role", ["api", "background"])
async def test_a_session_waits_for_nothing_for_ever(database_dsn: str, role: Role) -> None:
    async with open_pool(database_dsn, size=1, role=role) as pool:
        rows = await pool.fetch("SELECT name, setting, unit FROM pg_settings")

    found = {row["name"]: row["setting"] for row in rows}
    assert found["statement_timeout"] == {"api": "5000", "background": "30000"}[role]
    assert found["lock_timeout"] == "2000"
    assert found["idle_in_transaction_session_timeout"] == "10000"
    assert found["synchronous_commit"] == "on"
    assert found["TimeZone"] == "UTC"
    assert found["application_name"] == f"counterfoil {role}"


# What is repeated

CAUSES: Final = [
    # sqlstate  and it passes   tries
    ("40001", "serialization failure", True),
    ("40P01", "deadlock", True),
    ("08006", "connection failure", True),
    ("57P01", "shut down", True),
    ("57P03", "starting up", True),
    ("55P03", "lock timeout", True),
    ("57014", "statement timeout", True),
    ("25P03", "idle in transaction", True),
    ("53300", "too many connections", True),
    ("53100", "disk full", False),
    ("25006", "read-only", False),
    ("28P01", "not let in", False),
]


@pytest.mark.parametrize(("sqlstate", "_what", "repeated"), CAUSES)
async def test_a_failure_that_passes_by_itself_is_not_noticed(
    postgres: Postgres, steps: Steps, sqlstate: str, _what: str, repeated: bool
) -> None:
    async def step(work: Work) -> None:
        await steps.add_job(work)
        if steps.begun == 1:
            await work.jobs.connection.execute(RAISE.format(sqlstate))

    if repeated:
        with capture_logs() as logs:
            await postgres.atomically(step)
        assert steps.begun == 2
        assert [(log["event"], log["sqlstate"]) for log in logs] == [
            ("unit_of_work.repeated", sqlstate)
        ]
        assert postgres.persistently.repeated.total() == 1
    else:
        with pytest.raises(StorageUnavailable):
            await postgres.atomically(step)
        assert steps.begun == 1


@pytest.mark.parametrize("sqlstate", [sqlstate for sqlstate, _, repeated in CAUSES if repeated])
async def test_a_failure_that_does_not_pass_is_storage_unavailable(
    postgres: Postgres, steps: Steps, sqlstate: str
) -> None:
    async def step(work: Work) -> None:
        await steps.add_job(work)
        await work.jobs.connection.execute(RAISE.format(sqlstate))

    with pytest.raises(StorageUnavailable):
        await postgres.atomically(step)

    assert steps.begun == TRIES_MAX


LOST: Final = [
    asyncpg.ConnectionDoesNotExistError("connection was closed in the middle of operation"),
    asyncpg.InterfaceError("cannot perform operation: connection is closed"),
    # What the driver says of one that was told to end and has not been closed yet.
    asyncpg.InternalClientError("cannot switch to state 15; another operation is in progress"),
    asyncpg.OutdatedSchemaCacheError("a type was changed"),
    asyncpg.InvalidCachedStatementError("cached plan must not change result type"),
    ConnectionResetError(),
    FileNotFoundError("the socket is gone"),
    TimeoutError(),
]


@pytest.mark.parametrize("lost", LOST, ids=repr)
async def test_however_the_driver_says_that_a_connection_is_lost_the_step_is_repeated(
    postgres: Postgres, steps: Steps, lost: Exception
) -> None:
    async def step(work: Work) -> None:
        await steps.add_job(work)
        if steps.begun == 1:
            raise lost

    await postgres.atomically(step)

    assert steps.begun == 2


async def test_a_bug_is_not_repeated(postgres: Postgres, steps: Steps) -> None:
    async def step(work: Work) -> None:
        await steps.add_job(work)
        await work.jobs.connection.execute("SELECT nonsense")

    with pytest.raises(asyncpg.UndefinedColumnError):
        await postgres.atomically(step)

    assert steps.begun == 1


async def test_a_connection_terminated_between_statements_is_replaced(
    postgres: Postgres, raw: asyncpg.Connection[asyncpg.Record], steps: Steps
) -> None:
    async def step(work: Work) -> None:
        await steps.add_job(work)
        if steps.begun == 1:
            pid = work.jobs.connection.get_server_pid()
            await raw.execute("SELECT pg_terminate_backend($1)", pid)
        await work.payments.by_session("cs_a")

    await postgres.atomically(step)

    assert steps.begun == 2
    assert await state_of(postgres) is JobState.PENDING
    assert await versions(raw) == [1]


async def test_every_connection_of_the_pool_terminated_at_once_is_not_noticed(
    postgres: Postgres, raw: asyncpg.Connection[asyncpg.Record]
) -> None:
    await asyncio.gather(*(state_of(postgres) for _ in range(10)), return_exceptions=True)

    await raw.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND application_name = 'counterfoil api'"
    )

    for _ in range(10):
        with pytest.raises(JobNotFound):
            await state_of(postgres)


async def test_two_who_lock_in_opposite_orders_both_get_through(postgres: Postgres) -> None:
    async def two_jobs(work: Work) -> None:
        await an_unpaid_job(work, "a")
        await an_unpaid_job(work, "b")

    await postgres.atomically(two_jobs)
    both_hold_one = asyncio.Barrier(2)
    tries = 0

    async def lock(*names: str) -> None:
        first_try = True

        async def step(work: Work) -> None:
            nonlocal first_try, tries
            tries += 1
            await work.jobs.get(JobId(names[0]))
            if first_try:
                first_try = False
                await both_hold_one.wait()
            await work.jobs.get(JobId(names[1]))

        await postgres.atomically(step)

    await asyncio.gather(lock("job_a", "job_b"), lock("job_b", "job_a"))

    assert tries == 3


async def test_under_serializable_isolation_whoever_came_second_is_repeated(pool: Pool) -> None:
    postgres = Postgres(pool, isolation="serializable")
    await postgres.atomically(an_unpaid_job)
    await postgres.atomically(lambda work: an_unpaid_job(work, "b"))
    both_have_looked = asyncio.Barrier(2)
    tries = 0

    async def pay_if_the_other_is_unpaid(mine: str, other: str) -> None:
        first_try = True

        async def step(work: Work) -> None:
            nonlocal first_try, tries
            tries += 1
            query = "SELECT state FROM jobs WHERE id = $1"
            seen = await work.jobs.connection.fetchval(query, other)
            if first_try:
                first_try = False
                await both_have_looked.wait()
            if seen == JobState.PENDING:
                job = await work.jobs.get(JobId(mine))
                await work.jobs.save(job.apply(payment_received()))

        await postgres.atomically(step)

    await asyncio.gather(
        pay_if_the_other_is_unpaid("job_a", "job_b"), pay_if_the_other_is_unpaid("job_b", "job_a")
    )

    assert tries == 3
    assert {await state_of(postgres), await state_of(postgres, "job_b")} == {
        JobState.PAID,
        JobState.PENDING,
    }
