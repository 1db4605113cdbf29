"""People give money back: our own staff, the provider's dashboard, and the rest by itself."""

from __future__ import annotations

from functools import partial

import pytest

from domain.checkout.model import OpenedCheckout
from domain.jobs.errors import LeaseNotCurrent
from domain.outbox.model import Operation
from domain.payments.errors import PaymentNotFound
from domain.payments.events import DisputeOpened
from domain.payments.model import HoldName
from domain.refunds.errors import NothingCaptured, PaymentDisputed, RefundExceedsRemaining
from domain.refunds.model import RefundReason
from domain.shared.errors import DomainError, Invalid
from domain.shared.ids import PaymentId, RefundId
from domain.shared.money import Money
from tests.builders import ADMIN
from tests.domain.stories.world import World


async def test_an_admin_refunds_a_delivered_job_in_two_parts(world: World) -> None:
    bought = await world.buy_and_pay()
    await world.finish(await world.lease())

    await world.refund(bought, 50)
    await world.settle_down()
    assert world.states(bought) == ("completed", ["partially_refunded"], ["succeeded"])
    await world.refund(bought)
    await world.settle_down()

    assert world.states(bought) == ("refunded", ["refunded"], ["succeeded"] * 2)
    assert [refund.amount.amount_minor for refund in world.refunds_of(bought)] == [50, 149]
    assert world.account_totals() == {}


async def test_a_refund_says_what_is_left(world: World) -> None:
    bought = await world.buy_and_pay()

    refund, left = await world.request_refund(
        bought.payment_id, amount_minor=50, note="half pleased", by=ADMIN
    )

    assert (refund.amount, left) == (Money(50, "usd"), Money(149, "usd"))
    assert (refund.note, refund.requested_by) == ("half pleased", ADMIN)


async def test_a_refund_asked_for_twice_by_the_same_id_is_one(world: World) -> None:
    bought = await world.buy_and_pay()
    ask = partial(
        world.request_refund,
        bought.payment_id,
        amount_minor=50,
        note="once",
        by=ADMIN,
        refund_id=RefundId("ref_same"),
    )

    first = await ask()
    again = await ask()

    assert first[1] == again[1]
    assert len(world.refunds_of(bought)) == 1


@pytest.mark.parametrize(("amount_minor", "note"), [(0, "why"), (-1, "why"), (None, " ")])
async def test_a_refund_needs_an_amount_and_a_reason(
    world: World, amount_minor: int | None, note: str
) -> None:
    bought = await world.buy_and_pay()

    with pytest.raises(Invalid):
        await world.request_refund(
            bought.payment_id, amount_minor=amount_minor, note=note, by=ADMIN
        )


async def test_more_than_is_left_is_refused(world: World) -> None:
    bought = await world.buy_and_pay()
    await world.refund(bought, 150)

    with pytest.raises(RefundExceedsRemaining) as caught:
        await world.refund(bought, 50)

    assert caught.value.remaining == Money(49, "usd")
    assert len(world.refunds_of(bought)) == 1


async def test_nothing_is_left_after_everything(world: World) -> None:
    bought = await world.buy_and_pay()
    await world.refund(bought)

    with pytest.raises(RefundExceedsRemaining):
        await world.refund(bought)


@pytest.mark.parametrize(
    ("payment_id", "refused"),
    [("pay_nobody", PaymentNotFound), (None, NothingCaptured)],
)
async def test_nothing_goes_back_that_never_came(
    world: World, payment_id: str | None, refused: type[DomainError]
) -> None:
    bought = await world.buy()
    about = PaymentId(payment_id) if payment_id else bought.payment_id

    with pytest.raises(refused):
        await world.request_refund(about, amount_minor=None, note="why", by=ADMIN)


async def test_a_disputed_payment_is_the_banks_to_decide(world: World) -> None:
    bought = await world.buy_and_pay()
    await _dispute(world, bought)

    with pytest.raises(PaymentDisputed):
        await world.refund(bought)
    await world.fail(await world.lease())

    assert world.refunds_of(bought) == []
    assert world.holds(bought) == {HoldName.DISPUTE}


async def _dispute(world: World, bought: OpenedCheckout) -> None:
    disputed = world.payment(bought).apply_dispute(DisputeOpened(at=bought.expires_at, by=ADMIN))
    await world.memory.atomically(lambda work: work.payments.save(disputed))


async def test_a_full_refund_ends_the_work_in_the_same_commit(world: World) -> None:
    bought = await world.buy_and_pay()
    assignment = await world.lease()

    await world.refund(bought)

    assert world.states(bought) == ("failed", ["paid"], ["requested"])
    assert world.job(bought).failure_reason == "refund_requested"
    with pytest.raises(LeaseNotCurrent):
        await world.finish(assignment)
    await world.settle_down()
    assert world.states(bought) == ("refunded", ["refunded"], ["succeeded"])


async def test_a_partial_refund_lets_the_work_go_on_and_the_rest_is_earned(world: World) -> None:
    bought = await world.buy_and_pay()
    await world.refund(bought, 50)
    await world.settle_down()

    await world.finish(await world.lease())

    assert world.states(bought) == ("completed", ["partially_refunded"], ["succeeded"])
    assert world.account_totals() == {"provider_clearing": 149, "revenue": -149}


async def test_after_a_partial_refund_a_failure_gives_back_the_rest(world: World) -> None:
    bought = await world.buy_and_pay()
    await world.refund(bought, 50)
    await world.fail(await world.lease())

    while await world.work_outbox():
        await world.hear()

    assert world.states(bought) == ("refunded", ["refunded"], ["succeeded"] * 2)
    assert [refund.amount.amount_minor for refund in world.refunds_of(bought)] == [50, 149]


async def test_a_failed_refund_of_a_delivered_job_is_made_good_by_another(world: World) -> None:
    bought = await world.buy_and_pay()
    await world.finish(await world.lease())
    await world.refund(bought, 50)
    await world.settle_down()
    world.provider.fail_refund(world.last_refund())
    await world.settle_down()
    assert world.states(bought) == ("completed", ["paid"], ["failed"])
    assert world.holds(bought) == {HoldName.REFUND_FAILED}

    await world.refund(bought, 50)
    await world.settle_down()

    assert world.states(bought) == ("completed", ["partially_refunded"], ["failed", "succeeded"])
    assert world.holds(bought) == set()
    assert world.account_totals() == {"provider_clearing": 149, "revenue": -149}


async def test_a_refund_made_in_the_dashboard_is_adopted(world: World) -> None:
    bought = await world.buy_and_pay()
    await world.finish(await world.lease())

    world.provider.refund_by_hand(bought.session_id, 50)
    await world.settle_down()

    (refund,) = world.refunds_of(bought)
    assert world.states(bought) == ("completed", ["partially_refunded"], ["succeeded"])
    assert (refund.reason, refund.amount) == (RefundReason.ADOPTED, Money(50, "usd"))
    assert world.effects(Operation.REFUND_CREATE) == []


async def test_a_full_one_on_a_job_in_progress_ends_the_work(world: World) -> None:
    bought = await world.buy_and_pay()
    assignment = await world.lease()

    world.provider.refund_by_hand(bought.session_id)
    await world.settle_down()

    assert world.states(bought) == ("refunded", ["refunded"], ["succeeded"])
    with pytest.raises(LeaseNotCurrent):
        await world.finish(assignment)


async def test_a_failure_after_a_dashboard_refund_gives_back_only_the_rest(world: World) -> None:
    bought = await world.buy_and_pay()
    world.provider.refund_by_hand(bought.session_id, 50)
    await world.settle_down()

    await world.fail(await world.lease())
    await world.settle_down()

    assert world.states(bought) == ("refunded", ["refunded"], ["succeeded"] * 2)
    assert world.provider.returned_minor(bought.session_id) == 199


async def test_a_dashboard_refund_nobody_told_us_of_is_found_when_ours_is_refused(
    world: World,
) -> None:
    bought = await world.buy_and_fail()
    world.provider.refund_by_hand(bought.session_id)
    world.provider.announced.clear()

    await world.work_outbox()

    assert world.states(bought) == ("refunded", ["refunded"], ["failed", "succeeded"])
    assert world.provider.returned_minor(bought.session_id) == 199
