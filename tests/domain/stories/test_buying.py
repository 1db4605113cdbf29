"""Buy, pay, have it done."""

from __future__ import annotations

from datetime import timedelta

import pytest

from domain.checkout.model import Purchase
from domain.jobs.policy import Caller
from domain.ledger.model import Account
from domain.offers.errors import OfferInactive, OfferNotFound
from domain.offers.model import FixedPrice
from domain.outbox.lifecycle import EffectState
from domain.outbox.model import Operation
from domain.shared.errors import Invalid
from domain.shared.money import Money
from tests.builders import MINUTE, a_purchase, an_offer
from tests.domain.stories.invariants import balances
from tests.domain.stories.world import World


async def test_a_job_is_bought_paid_worked_on_and_delivered(world: World) -> None:
    bought = await world.buy(a_purchase(quantity=2))

    world.provider.pay(bought.session_id)
    await world.hear()
    assignment = await world.lease()
    await world.finish(assignment, result={"url": "https://files.example/1"})

    job = world.job(bought)
    assert world.states(bought) == ("completed", ["paid"], [])
    assert (job.result, job.progress, job.attempts) == ({"url": "https://files.example/1"}, 1.0, 1)
    assert bought.amount == Money(398, "usd")
    assert balances(world.memory.tables)[bought.payment_id] == {
        Account.PROVIDER_CLEARING: 398,
        Account.CUSTOMER_PREPAID: 0,
        Account.REVENUE: -398,
    }


async def test_what_is_bought_is_written_down_before_the_provider_is_asked(world: World) -> None:
    bought = await world.buy()

    (effect,) = world.effects(Operation.CHECKOUT_OPEN)

    assert effect.idempotency_key == f"cf1:sandbox:checkout.open:{bought.payment_id}:g1"
    assert effect.state is EffectState.DONE
    assert world.provider.sessions[bought.session_id].parameters == effect.parameters


async def test_a_guest_gets_a_token_and_a_signed_in_buyer_none(world: World) -> None:
    as_guest = await world.buy()
    as_ada = await world.buy(caller=Caller(subject="ada"))

    assert as_guest.access_token is not None
    assert as_ada.access_token is None
    assert world.job(as_ada).owner == "ada"


async def test_the_customer_comes_back_to_the_page_that_was_asked_for(world: World) -> None:
    bought = await world.buy(a_purchase(success_url="https://shop.example/done?cart=7&payment=x"))

    parameters = world.provider.sessions[bought.session_id].parameters

    assert parameters["success_url"] == (
        f"https://shop.example/done?cart=7&payment=success&job_id={bought.job_id}"
    )
    assert parameters["cancel_url"] == (
        f"https://pay.example/payment/cancel?payment=cancel&job_id={bought.job_id}"
        f"&ticket=cfp_cancel_{bought.job_id}_1"
    )


async def test_a_waiting_customer_is_not_overtaken_by_the_background_process(world: World) -> None:
    bought = await world.buy()
    (effect,) = world.effects(Operation.CHECKOUT_OPEN)

    waits = effect.due_at - world.memory.clock.lease_now

    assert bought.session_id
    assert timedelta(seconds=10) < waits < MINUTE


@pytest.mark.parametrize(
    ("purchase", "refused"),
    [
        (a_purchase("nothing"), OfferNotFound),
        (a_purchase(quantity=0), Invalid),
        (a_purchase(currency="gbp"), Invalid),
        (a_purchase(amount_minor=1), Invalid),
        (a_purchase(success_url="https://evil.example/"), Invalid),
        (a_purchase(metadata={"job_id": "job_x"}), Invalid),
        (a_purchase(customer_email="nobody"), Invalid),
        (a_purchase("render", amount_minor=49), Invalid),
    ],
)
async def test_a_refused_purchase_leaves_nothing_behind(
    world: World, purchase: Purchase, refused: type[Exception]
) -> None:
    with pytest.raises(refused):
        await world.buy(purchase)

    assert world.memory.tables.jobs == {}
    assert world.memory.tables.payments == {}
    assert world.memory.tables.effects == {}
    assert world.provider.calls == []


async def test_every_flaw_is_listed_at_once(world: World) -> None:
    wrong = a_purchase(
        quantity=99,
        currency="gbp",
        success_url="//evil.example",
        customer_email="nobody",
        metadata={"app": "x"},
        inputs={"extra": 1},
    )

    with pytest.raises(Invalid) as caught:
        await world.buy(wrong)

    assert {flaw.pointer for flaw in caught.value.flaws} == {
        "/quantity",
        "/currency",
        "/success_url",
        "/customer_email",
        "/metadata/app",
        "/inputs/extra",
    }


async def test_what_the_provider_cannot_charge_is_refused_before_anything_is_written(
    world: World,
) -> None:
    await world.load_offers([an_offer("cheap", pricing=FixedPrice(prices={"usd": 49}))])

    with pytest.raises(Invalid, match="less than 50 cannot be charged"):
        await world.buy(a_purchase("cheap"))

    assert world.memory.tables.jobs == {}


async def test_a_withdrawn_offer_is_not_sold_and_keeps_its_promises(world: World) -> None:
    bought = await world.buy_and_pay()
    await world.withdraw_all_offers()

    with pytest.raises(OfferInactive):
        await world.buy()
    await world.finish(await world.lease())

    assert await world.list_offers() == []
    assert world.states(bought) == ("completed", ["paid"], [])


async def test_the_buyer_follows_the_job_from_beginning_to_end(world: World) -> None:
    seen: list[object] = []
    bought = await world.buy()
    seen.append((await world.shown(bought)).status)
    world.provider.pay(bought.session_id)
    await world.hear()
    seen.append((await world.shown(bought)).status)
    assignment = await world.lease()
    await world.extend_lease(assignment.job_id, lease=assignment.lease, progress=0.4, length=MINUTE)
    seen.append((await world.shown(bought)).progress)
    await world.finish(assignment)
    seen.append((await world.shown(bought)).status)

    assert seen == ["pending", "paid", 0.4, "completed"]
