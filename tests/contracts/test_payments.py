"""What every PaymentRepository promises."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import attrs
import pytest

from domain.audit.model import PROVIDER
from domain.offers.model import Breakdown
from domain.payments.errors import PaymentNotFound, StalePayment
from domain.payments.events import DisputeOpened, FundsAwaited, SessionExpired
from domain.payments.model import HoldName, Payment
from domain.shared.ids import JobId, PaymentId
from domain.shared.money import Money
from tests.builders import HOUR, MINUTE, NOW, a_quote, a_session, an_order, captured
from tests.contracts.conformance import EveryWork
from tests.contracts.steps import bought, now, ordered, the_payment
from tests.contracts.storage import Storage

EXPIRED = SessionExpired(at=NOW, by=PROVIDER)


async def _added(storage: Storage, payment: Payment) -> Payment:
    async def step(work: EveryWork) -> Payment:
        await work.jobs.add(an_order(payment.job_id))
        return await work.payments.add(payment)

    return await storage.atomically(step)


async def test_what_was_added_comes_back(storage: Storage) -> None:
    payment = a_quote(
        amount=Money(1234, "jpy"),
        breakdown=Breakdown(
            rule="per_unit", quantity=2, unit_amount_minor=617, facts={"units": "1/3", "n": 7}
        ),
        customer_email="ada@example.org",
        metadata={"cart": "7", "note": "\N{SNOWMAN}"},
    )

    added = await _added(storage, payment)

    assert added == await the_payment(storage) == payment
    assert added.changes == ()


async def test_so_does_a_payment_with_everything_known(storage: Storage) -> None:
    payment = attrs.evolve(
        a_quote().apply(FundsAwaited(at=NOW, by=PROVIDER)).apply(captured()),
        session=attrs.evolve(a_session(), url=None),
        provider_status="paid",
        returned_minor=50,
        check_due_at=NOW + HOUR,
        checks=3,
    )
    payment = payment.hold(HoldName.REFUND_FAILED, NOW).apply_dispute(
        DisputeOpened(at=NOW + MINUTE, by=PROVIDER)
    )

    await _added(storage, payment)

    assert await the_payment(storage) == payment


async def test_what_was_saved_comes_back_and_holds_come_and_go(storage: Storage) -> None:
    payment = await bought(storage)
    held = attrs.evolve(payment, check_due_at=NOW, checks=1).hold(HoldName.REFUND_FAILED, NOW)

    saved = await storage.atomically(lambda work: work.payments.save(held))
    assert saved == await the_payment(storage) == held
    other = saved.release(HoldName.REFUND_FAILED).hold(HoldName.REFUND_AWAITING_BALANCE, NOW)
    await storage.atomically(lambda work: work.payments.save(other))

    assert await the_payment(storage) == other


async def test_adding_what_is_there_changes_nothing(storage: Storage) -> None:
    payment = await bought(storage)

    again = await storage.atomically(lambda work: work.payments.add(a_quote()))

    assert again.changes == ()
    assert await the_payment(storage) == payment
    assert len(await storage.changes("payment", "pay_a")) == 2


async def test_a_payment_that_moved_on_cannot_be_saved(storage: Storage) -> None:
    stale = await _added(storage, a_quote())
    await storage.atomically(lambda work: work.payments.save(stale.apply(captured())))

    with pytest.raises(StalePayment):
        await storage.atomically(lambda work: work.payments.save(stale.apply(EXPIRED)))

    assert (await the_payment(storage)).state == "paid"


async def test_a_payment_nobody_added_is_neither_found_nor_saved(storage: Storage) -> None:
    with pytest.raises(PaymentNotFound):
        await the_payment(storage, "pay_nobody")
    with pytest.raises(StalePayment):
        await storage.atomically(
            lambda work: work.payments.save(a_quote("pay_nobody").apply(EXPIRED))
        )


async def test_the_payments_of_a_job_come_oldest_first(storage: Storage) -> None:
    first = await _added(storage, a_quote("pay_z").apply(EXPIRED))
    second = await _added(storage, a_quote("pay_y").apply(EXPIRED))
    third = await _added(storage, a_quote("pay_x", at=NOW + MINUTE))
    await _added(storage, a_quote("pay_other", job_id="job_b"))

    mine = await storage.atomically(lambda work: work.payments.of_job(JobId("job_a")))
    nobodys = await storage.atomically(lambda work: work.payments.of_job(JobId("job_c")))

    assert mine == [first, second, third]
    assert nobodys == []


async def test_a_payment_is_found_by_what_the_provider_calls_it(storage: Storage) -> None:
    payment = await bought(storage)
    await storage.atomically(
        lambda work: work.payments.save(attrs.evolve(payment, session=a_session()))
    )
    await bought(storage, "pay_b", job_id="job_b")

    async def step(work: EveryWork) -> list[str | None]:
        payments = work.payments
        return [
            await payments.by_session("cs_a"),
            await payments.by_intent("pi_of_pay_a"),
            await payments.by_charge("ch_of_pay_a"),
            await payments.job_of(PaymentId("pay_a")),
            await payments.by_session("cs_nobody"),
            await payments.by_intent("ch_of_pay_a"),
            await payments.by_charge("pi_of_pay_a"),
            await payments.job_of(PaymentId("pay_nobody")),
        ]

    found = await storage.atomically(step)

    assert found == ["pay_a", "pay_a", "pay_a", "job_a", None, None, None, None]


async def test_due_to_be_checked_is_what_is_live_has_a_session_and_is_due(
    storage: Storage,
) -> None:
    moment = (await now(storage)).now
    due: dict[str, Any] = {"check_due_at": moment - MINUTE}

    async def quote(name: str, **facts: object) -> None:
        payment = a_quote(f"pay_{name}", job_id=f"job_{name}")
        session = a_session(f"cs_{name}")
        await _added(storage, _with(payment, {"session": session, **due, **facts}))

    await quote("due")
    await quote("due_longer", check_due_at=moment - 2 * MINUTE)
    await quote("later", check_due_at=moment + MINUTE)
    await quote("never", check_due_at=None)
    await quote("unopened", session=None)
    await _added(storage, _with(a_quote("pay_gone", job_id="job_gone").apply(EXPIRED), due))

    everything = await storage.atomically(lambda work: work.payments.check_due(moment, 9))
    some = await storage.atomically(lambda work: work.payments.check_due(moment, 1))

    assert everything == ["pay_due_longer", "pay_due"]
    assert some == ["pay_due_longer"]


def _with(payment: Payment, facts: dict[str, Any]) -> Payment:
    return attrs.evolve(payment, **facts)


async def test_a_job_never_has_two_live_payments(storage: Storage) -> None:
    await ordered(storage, "job_a", "pay_a")

    with pytest.raises(RuntimeError, match="live"):
        await storage.atomically(lambda work: work.payments.add(a_quote("pay_b")))


@pytest.mark.parametrize("name", ["session", "intent_id", "charge_id"])
async def test_two_payments_never_share_what_the_provider_calls_one(
    storage: Storage, name: str
) -> None:
    one = attrs.evolve(await bought(storage), session=a_session())
    await storage.atomically(lambda work: work.payments.save(one))
    other = await bought(storage, "pay_b", job_id="job_b")
    thief = _with(other, {name: getattr(one, name)})

    with pytest.raises(RuntimeError):
        await storage.atomically(lambda work: work.payments.save(thief))


async def test_a_locked_payment_is_waited_for(storage: Storage) -> None:
    await _added(storage, a_quote())

    async def count_up(work: EveryWork) -> int:
        payment = await work.payments.get(PaymentId("pay_a"))
        await asyncio.sleep(0.005)
        more = attrs.evolve(payment, checks=payment.checks + 1)
        return (await work.payments.save(more)).checks

    counted = await asyncio.gather(*(storage.atomically(count_up) for _ in range(3)))

    assert sorted(counted) == [1, 2, 3]


async def test_the_check_moves_with_the_business_clock(storage: Storage) -> None:
    moment = (await now(storage)).now
    payment = attrs.evolve(a_quote(), session=a_session(), check_due_at=moment + HOUR)
    await _added(storage, payment)

    later = await storage.atomically(
        lambda work: work.payments.check_due(moment + timedelta(hours=2), 9)
    )

    assert later == ["pay_a"]
