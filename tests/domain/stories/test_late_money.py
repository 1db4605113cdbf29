"""Money that comes late, twice, slowly, or in another amount than was asked."""

from __future__ import annotations

import pytest

from domain.checkout.model import OpenedCheckout
from domain.jobs.errors import JobNotCancellable, JobNotPayable
from domain.payments.model import HoldName
from domain.refunds.model import RefundReason
from domain.shared.money import Money
from tests.builders import HOUR, MINUTE, WORKER
from tests.domain.stories.world import World, guest


async def test_a_declined_card_is_nothing_the_customer_may_try_another(world: World) -> None:
    bought = await world.buy()

    world.provider.decline(bought.session_id)
    await world.hear()
    assert world.states(bought) == ("pending", ["pending"], [])
    world.provider.pay(bought.session_id)
    await world.hear()

    assert world.states(bought) == ("paid", ["paid"], [])


async def test_a_session_that_expires_cancels_the_job(world: World) -> None:
    bought = await world.buy()

    world.provider.expire(bought.session_id)
    await world.hear()

    assert world.states(bought) == ("cancelled", ["expired"], [])


async def test_a_delayed_payment_is_not_paid_until_its_money_is_there(world: World) -> None:
    bought = await world.buy()

    world.provider.pay_later(bought.session_id)
    await world.hear()
    assert world.states(bought) == ("pending", ["awaiting_funds"], [])
    assert await world.lease_job(offers=None, length=MINUTE, by=WORKER) is None
    world.pass_time(48 * HOUR)
    world.provider.settle(bought.session_id)
    await world.hear()

    assert world.states(bought) == ("paid", ["paid"], [])


async def test_a_delayed_payment_that_fails_cancels_the_job(world: World) -> None:
    bought = await world.buy()
    world.provider.pay_later(bought.session_id)
    await world.hear()

    world.provider.fail_funds(bought.session_id)
    await world.hear()

    assert world.states(bought) == ("cancelled", ["failed"], [])


async def test_late_money_is_honoured_while_the_offer_is_sold(world: World) -> None:
    bought = await world.buy()
    world.provider.pay_later(bought.session_id)
    world.provider.fail_funds(bought.session_id)
    await world.hear()

    world.provider.settle(bought.session_id)
    await world.hear()
    await world.finish(await world.lease())

    assert world.states(bought) == ("completed", ["paid"], [])


async def test_late_money_for_an_offer_no_longer_sold_goes_back(world: World) -> None:
    bought = await world.buy()
    world.provider.pay_later(bought.session_id)
    world.provider.fail_funds(bought.session_id)
    await world.hear()
    await world.withdraw_all_offers()

    world.provider.settle(bought.session_id)
    await world.settle_down()

    assert world.states(bought) == ("refunded", ["refunded"], ["succeeded"])
    assert world.refunds_of(bought)[0].reason is RefundReason.NOT_HONOURABLE


async def _tried_twice(world: World) -> tuple[OpenedCheckout, OpenedCheckout]:
    """A job whose first payment came to nothing, and whose second is open."""
    first = await world.buy()
    world.provider.pay_later(first.session_id)
    world.provider.fail_funds(first.session_id)
    await world.hear()
    return first, await world.pay_for_job(first.job_id, caller=guest(first))


async def test_a_second_payment_is_given_back_and_the_job_does_not_move(world: World) -> None:
    first, second = await _tried_twice(world)
    world.provider.pay(second.session_id)
    await world.hear()

    world.provider.settle(first.session_id)
    await world.settle_down()

    assert world.states(first) == ("paid", ["refunded", "paid"], ["succeeded"])
    (refund,) = world.refunds_of(first)
    assert (refund.reason, refund.payment_id) == (RefundReason.DUPLICATE, first.payment_id)
    await world.finish(await world.lease())
    assert world.states(first)[0] == "completed"


async def test_a_second_payment_after_delivery_leaves_what_was_earned_alone(world: World) -> None:
    first, second = await _tried_twice(world)
    world.provider.pay(second.session_id)
    await world.hear()
    await world.finish(await world.lease())

    world.pass_time(HOUR)
    world.provider.settle(first.session_id)
    await world.settle_down()

    assert world.states(first) == ("completed", ["refunded", "paid"], ["succeeded"])
    assert world.account_totals() == {"provider_clearing": 199, "revenue": -199}


async def test_late_money_ends_the_checkout_that_was_opened_meanwhile(world: World) -> None:
    first, second = await _tried_twice(world)

    world.provider.settle(first.session_id)
    await world.settle_down()

    assert world.states(first) == ("paid", ["paid", "expired"], [])
    assert world.provider.sessions[second.session_id].status == "expired"


MISMATCHES = [Money(198, "usd"), Money(200, "usd"), Money(199, "eur")]


@pytest.mark.parametrize("taken", MISMATCHES, ids=str)
async def test_money_of_another_amount_is_held_and_buys_nothing(world: World, taken: Money) -> None:
    bought = await world.buy()

    world.provider.pay(bought.session_id, amount=taken)
    await world.settle_down()

    assert world.states(bought) == ("pending", ["held"], [])
    assert await world.lease_job(offers=None, length=MINUTE, by=WORKER) is None
    hold = (await world.shown(bought)).hold
    assert hold is not None
    assert (hold.name, hold.since) == (HoldName.AMOUNT_MISMATCH, world.memory.moment.now)
    with pytest.raises(JobNotPayable, match="on hold"):
        await world.pay_for_job(bought.job_id, caller=guest(bought))
    with pytest.raises(JobNotCancellable, match="on hold"):
        await world.cancel_job(bought.job_id, caller=guest(bought))


@pytest.mark.parametrize("taken", MISMATCHES, ids=str)
async def test_a_refund_releases_held_money_and_the_job_is_refunded(
    world: World, taken: Money
) -> None:
    bought = await world.buy()
    world.provider.pay(bought.session_id, amount=taken)
    await world.hear()

    refund = await world.refund(bought)
    await world.settle_down()

    assert refund.amount == taken
    assert world.states(bought) == ("refunded", ["refunded"], ["succeeded"])
    assert (await world.shown(bought)).hold is None


async def test_held_money_is_held_again_when_its_refund_fails_later(world: World) -> None:
    bought = await world.buy()
    world.provider.pay(bought.session_id, amount=Money(150, "usd"))
    await world.hear()
    await world.refund(bought, 100)
    await world.settle_down()
    assert world.states(bought) == ("pending", ["partially_refunded"], ["succeeded"])

    world.provider.fail_refund(_provider_id(world))
    await world.settle_down()

    assert world.states(bought) == ("pending", ["held"], ["failed"])
    assert set(world.payment(bought).holds) == {HoldName.AMOUNT_MISMATCH, HoldName.REFUND_FAILED}


def _provider_id(world: World) -> str:
    return next(iter(world.provider.refunds))


async def test_held_money_keeps_a_job_pending_when_its_other_checkout_ends(world: World) -> None:
    first, _ = await _tried_twice(world)

    world.provider.settle(first.session_id, amount=Money(150, "usd"))
    await world.settle_down()
    assert world.states(first) == ("pending", ["held", "expired"], [])
    await world.refund(first)
    await world.settle_down()

    assert world.states(first) == ("refunded", ["refunded", "expired"], ["succeeded"])


async def test_nor_does_it_matter_which_of_the_two_ends_first(world: World) -> None:
    first, second = await _tried_twice(world)
    world.provider.settle(first.session_id, amount=Money(150, "usd"))
    await world.hear()
    refund = await world.refund(first)
    elsewhere = {"intent": world.payment(first).intent_id, "amount": 150, "refund_id": refund.id}
    await world.apply_refund(await world.provider.create_refund(elsewhere, key="k"))
    assert world.states(first) == ("pending", ["refunded", "pending"], ["succeeded"])

    world.provider.expire(second.session_id)
    await world.settle_down()

    assert world.states(first) == ("refunded", ["refunded", "expired"], ["succeeded"])


async def test_money_held_for_a_mismatch_is_never_earned_nor_given_back_out_of_revenue(
    world: World,
) -> None:
    first, second = await _tried_twice(world)
    world.provider.settle(first.session_id, amount=Money(100, "usd"))
    world.provider.pay(second.session_id)
    await world.hear()

    await world.finish(await world.lease())
    assert world.states(first) == ("completed", ["held", "paid"], [])
    assert world.account_totals() == {
        "provider_clearing": 299,
        "customer_prepaid": -100,
        "revenue": -199,
    }

    await world.refund(first)
    await world.settle_down()
    assert world.account_totals() == {"provider_clearing": 199, "revenue": -199}
