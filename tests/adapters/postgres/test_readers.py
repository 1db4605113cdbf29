from __future__ import annotations

from datetime import timedelta

import attrs
import pytest

from adapters.postgres.pool import Pool
from adapters.postgres.readers import PostgresCustomerViews
from adapters.postgres.unit_of_work import Postgres
from domain.audit.model import SYSTEM
from domain.checkout.model import HoldView, RefundView
from domain.payments.model import HoldName
from domain.refunds.events import RefundSubmitted
from domain.shared.ids import JobId, RefundId
from domain.shared.money import Money
from tests.adapters.postgres.stage import Work, a_paid_job, an_unpaid_job
from tests.builders import NOW, PRICE, a_quote, a_refund_request

DAY = timedelta(days=1)


@pytest.fixture
def views(pool: Pool) -> PostgresCustomerViews:
    return PostgresCustomerViews(pool)


async def test_nothing_is_seen_of_what_is_not_there(views: PostgresCustomerViews) -> None:
    assert await views.job(JobId("job_a")) is None
    assert await views.payment("cs_a") is None


async def test_a_job_is_seen_as_it_is(postgres: Postgres, views: PostgresCustomerViews) -> None:
    job, _ = await postgres.atomically(a_paid_job)

    seen = await views.job(job.id)

    assert seen is not None
    for field in ("offer", "owner", "token_generation", "progress", "result", "failure_reason"):
        assert getattr(seen, field) == getattr(job, field)
    for field in ("created_at", "paid_at", "started_at", "completed_at", "deadline_at"):
        assert getattr(seen, field) == getattr(job, field)
    assert (seen.job_id, seen.status, seen.refund, seen.hold) == (job.id, "paid", None, None)


async def test_a_payment_is_seen_by_its_session(
    postgres: Postgres, views: PostgresCustomerViews
) -> None:
    job, payment = await postgres.atomically(a_paid_job)

    seen = await views.payment("cs_a")

    assert seen is not None
    assert (seen.payment_id, seen.job_id, seen.session_id) == (payment.id, job.id, "cs_a")
    assert (seen.status, seen.job_status, seen.provider_status) == ("paid", "paid", None)
    assert (seen.amount, seen.refunded_minor) == (PRICE, 0)


async def test_of_several_refunds_the_latest_is_shown(
    postgres: Postgres, views: PostgresCustomerViews
) -> None:
    async def step(work: Work) -> None:
        await a_paid_job(work)
        for name, at in (("old", NOW), ("new", NOW + DAY), ("same_instant", NOW + DAY)):
            await work.refunds.add(a_refund_request(f"ref_{name}", amount=Money(1, "usd"), at=at))
        old = await work.refunds.get(RefundId("ref_old"))
        await work.refunds.save(old.apply(RefundSubmitted(at=NOW + 2 * DAY, by=SYSTEM)))

    await postgres.atomically(step)

    seen = await views.job(JobId("job_a"))

    assert seen is not None
    assert seen.refund == RefundView(
        refund_id=RefundId("ref_same_instant"),
        status="requested",
        amount=Money(1, "usd"),
        reason="work_failed",
    )


async def test_of_several_holds_the_oldest_of_any_payment_is_shown(
    postgres: Postgres, views: PostgresCustomerViews
) -> None:
    async def step(work: Work) -> None:
        _, payment = await a_paid_job(work)
        payment = payment.hold(HoldName.REFUND_FAILED, NOW + DAY)
        await work.payments.save(payment.hold(HoldName.REFUND_AWAITING_BALANCE, NOW + 2 * DAY))
        other = await work.payments.add(a_quote("pay_b"))
        await work.payments.save(other.hold(HoldName.DISPUTE, NOW))
        await an_unpaid_job(work, "c")

    await postgres.atomically(step)

    seen, untouched = await views.job(JobId("job_a")), await views.job(JobId("job_c"))

    assert seen is not None
    assert seen.hold == HoldView(name=HoldName.DISPUTE, since=NOW)
    assert untouched is not None
    assert untouched.hold is None


async def test_a_hold_that_was_released_is_gone_and_one_that_moved_has_its_new_time(
    postgres: Postgres,
) -> None:
    async def step(work: Work) -> None:
        _, payment = await a_paid_job(work)
        payment = payment.hold(HoldName.REFUND_FAILED, NOW).hold(HoldName.DISPUTE, NOW)
        payment = await work.payments.save(payment)
        moved = attrs.evolve(payment, holds={HoldName.DISPUTE: NOW + DAY})
        assert await work.payments.save(moved) == await work.payments.get(payment.id)
        bare = attrs.evolve(payment, holds={})
        assert await work.payments.save(bare) == await work.payments.get(payment.id)

    await postgres.atomically(step)
