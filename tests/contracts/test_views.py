"""What every CustomerViews promises."""

from __future__ import annotations

import attrs

from domain.audit.model import PROVIDER
from domain.checkout.model import HoldView, JobView, PaymentView, RefundView
from domain.jobs.events import WorkFailed
from domain.payments.events import ReturnedInPart
from domain.payments.model import HoldName
from domain.refunds.model import RefundReason
from domain.shared.ids import JobId, PaymentId, RefundId
from domain.shared.money import Money
from tests.builders import (
    HOUR,
    MINUTE,
    NOW,
    PRICE,
    WORKER,
    a_quote,
    a_refund_request,
    a_session,
    an_order,
    captured,
    payment_received,
    work_started,
)
from tests.contracts.conformance import EveryWork
from tests.contracts.steps import ordered
from tests.contracts.storage import Storage

JOB, SESSION = JobId("job_a"), "cs_a"


async def test_a_new_job_shows_what_is_known(storage: Storage) -> None:
    await storage.atomically(lambda work: work.jobs.add(an_order(owner="ada")))

    view = await storage.views.job(JOB)

    assert view == JobView(
        job_id=JOB,
        offer="thumbnail",
        owner="ada",
        token_generation=1,
        status="pending",
        progress=None,
        result=None,
        failure_reason=None,
        refund=None,
        hold=None,
        created_at=NOW,
        paid_at=None,
        started_at=None,
        completed_at=None,
        deadline_at=None,
    )


async def _a_failed_job(work: EveryWork) -> None:
    """With two refunds of two payments, and three holds."""
    failed = (
        an_order()
        .apply(payment_received())
        .apply(work_started())
        .beat(expires_at=NOW + MINUTE, progress=0.5)
        .apply(WorkFailed(at=NOW, by=WORKER, reason="broken"))
    )
    await work.jobs.add(failed)
    paid = a_quote("pay_a").apply(captured(intent_id="pi_1", charge_id="ch_1"))
    await work.payments.add(paid.hold(HoldName.REFUND_FAILED, NOW + MINUTE))
    paid = a_quote("pay_b").apply(captured(intent_id="pi_2", charge_id="ch_2"))
    paid = paid.hold(HoldName.REFUND_AWAITING_BALANCE, NOW).hold(HoldName.DISPUTE, NOW + HOUR)
    await work.payments.add(paid)
    await work.refunds.add(a_refund_request("ref_z"))
    latest = a_refund_request(
        "ref_a", payment_id="pay_b", amount=Money(50, "usd"), reason=RefundReason.REQUESTED
    )
    await work.refunds.add(latest)


async def test_a_job_shows_its_latest_refund_and_its_oldest_hold(storage: Storage) -> None:
    await storage.atomically(_a_failed_job)

    view = await storage.views.job(JOB)

    assert view is not None
    assert (view.status, view.failure_reason, view.progress) == ("failed", "broken", 0.5)
    assert (view.paid_at, view.started_at, view.deadline_at) == (NOW, NOW, NOW + HOUR)
    assert view.refund == RefundView(
        refund_id=RefundId("ref_a"),
        status="requested",
        amount=Money(50, "usd"),
        reason="requested",
    )
    assert view.hold == HoldView(name=HoldName.REFUND_AWAITING_BALANCE, since=NOW)


async def test_a_payment_is_shown_by_its_session(storage: Storage) -> None:
    returned = ReturnedInPart(at=NOW, by=PROVIDER, returned=Money(50, "usd"))

    async def step(work: EveryWork) -> None:
        await work.jobs.add(an_order(owner="ada"))
        paid = a_quote().apply(captured()).apply(returned)
        await work.payments.add(
            attrs.evolve(paid, session=a_session(SESSION), provider_status="paid")
        )

    await storage.atomically(step)

    assert await storage.views.payment(SESSION) == PaymentView(
        payment_id=PaymentId("pay_a"),
        job_id=JOB,
        owner="ada",
        token_generation=1,
        session_id=SESSION,
        status="partially_refunded",
        job_status="pending",
        provider_status="paid",
        amount=PRICE,
        refunded_minor=50,
        created_at=NOW,
    )


async def test_what_is_not_there_is_not_shown(storage: Storage) -> None:
    await ordered(storage, "job_a", "pay_a")

    assert await storage.views.job(JobId("job_nobody")) is None
    assert await storage.views.payment("cs_nobody") is None


async def test_what_is_not_committed_is_not_shown(storage: Storage) -> None:
    async def step(work: EveryWork) -> JobView | None:
        await work.jobs.add(an_order())
        return await storage.views.job(JOB)

    assert await storage.atomically(step) is None
    assert await storage.views.job(JOB) is not None
