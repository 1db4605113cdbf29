"""A connection lost at COMMIT says nothing: the step runs again, and must find what it did."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from adapters.memory.memory import Interruption
from domain.checkout.model import OpenedCheckout
from domain.idempotency.model import KeyedRequest
from domain.jobs.policy import ANYONE
from domain.outbox.model import Operation
from tests.builders import HOUR, a_purchase
from tests.domain.stories.world import World, guest


def _lose(world: World, *, answer_of: int = 1) -> None:
    """Lose the answer to the *answer_of*-th commit from now."""
    repeats = [Interruption.ROLLED_BACK] * (answer_of - 1)
    world.memory.interrupt(*repeats, Interruption.ANSWER_LOST)


async def test_a_purchase_is_written_once(world: World) -> None:
    _lose(world)

    bought = await world.buy()

    assert world.states(bought) == ("pending", ["pending"], [])
    assert len(world.memory.tables.jobs) == 1
    assert len(world.effects(Operation.CHECKOUT_OPEN)) == 1
    assert len(world.provider.sessions) == 1


async def test_the_session_is_recorded_once(world: World) -> None:
    _lose(world, answer_of=3)

    bought = await world.buy()

    assert world.payment(bought).session is not None
    assert len(world.memory.tables.changes["payment", bought.payment_id]) == 1


async def test_a_key_remembers_the_job_all_the_same(world: World) -> None:
    request = KeyedRequest(scope="ada", key="k" * 32, fingerprint="f")
    await world.claim_key(request)
    _lose(world)

    bought = await world.open_checkout(a_purchase(), caller=ANYONE, request=request)
    await world.settle_key(request, None)

    assert (await world.claim_key(request)).job_id == bought.job_id


async def test_a_capture_is_posted_once(world: World) -> None:
    bought = await world.buy()
    world.provider.pay(bought.session_id)
    report = await world.provider.fetch_checkout(bought.session_id)
    _lose(world)

    await world.apply_checkout(bought.payment_id, report)

    assert world.states(bought) == ("paid", ["paid"], [])
    assert world.account_totals() == {"provider_clearing": 199, "customer_prepaid": -199}


async def _finished(world: World) -> OpenedCheckout:
    bought = await world.buy_and_pay()
    assignment = await world.lease()
    _lose(world)
    await world.finish(assignment)
    return bought


async def _failed(world: World) -> OpenedCheckout:
    bought = await world.buy_and_pay()
    assignment = await world.lease()
    _lose(world)
    await world.fail(assignment)
    return bought


async def _failed_for_now(world: World) -> OpenedCheckout:
    bought = await world.buy_and_pay()
    assignment = await world.lease()
    _lose(world)
    await world.fail(assignment, retryable=True)
    return bought


async def _overdue(world: World) -> OpenedCheckout:
    bought = await world.buy_and_pay()
    world.pass_time(HOUR)
    _lose(world, answer_of=3)
    await world.fail_overdue_jobs(9)
    return bought


async def _refunded_by_an_admin(world: World) -> OpenedCheckout:
    bought = await world.buy_and_pay()
    _lose(world)
    await world.refund(bought)
    return bought


async def _adopted(world: World) -> OpenedCheckout:
    bought = await world.buy_and_pay()
    provider_id = world.provider.refund_by_hand(bought.session_id)
    report = await world.provider.fetch_refund(provider_id)
    _lose(world)
    await world.apply_refund(report)
    return bought


async def _cancelled(world: World) -> OpenedCheckout:
    bought = await world.buy()
    _lose(world, answer_of=2)
    await world.cancel_job(bought.job_id, caller=guest(bought))
    return bought


STORIES = [
    (_finished, ("completed", ["paid"], [])),
    (_failed, ("failed", ["paid"], ["requested"])),
    (_failed_for_now, ("paid", ["paid"], [])),
    (_overdue, ("failed", ["paid"], ["requested"])),
    (_refunded_by_an_admin, ("failed", ["paid"], ["requested"])),
    (_adopted, ("refunded", ["refunded"], ["succeeded"])),
    (_cancelled, ("cancelled", ["expired"], [])),
]


@pytest.mark.parametrize(
    ("story", "ending"), STORIES, ids=[story.__name__.strip("_") for story, _ in STORIES]
)
async def test_it_has_happened_once(
    world: World,
    story: Callable[[World], Awaitable[OpenedCheckout]],
    ending: tuple[str, list[str], list[str]],
) -> None:
    bought = await story(world)

    assert world.states(bought) == ending
    assert len(world.effects(Operation.REFUND_CREATE)) == ending[2].count("requested")


async def test_every_step_of_a_refund_may_lose_its_answer(world: World) -> None:
    bought = await _failed(world)
    effects = await world.claim_effects(9)

    world.memory.interrupt(*[Interruption.ANSWER_LOST] * 9)
    for effect in effects:
        await world.do(effect)
    await world.hear()

    assert world.states(bought) == ("refunded", ["refunded"], ["succeeded"])
    assert len(world.provider.refunds) == 1
    assert world.account_totals() == {}


async def test_a_worker_is_given_the_job_it_has_already_leased_and_no_other(world: World) -> None:
    first, second = await world.buy_and_pay(), await world.buy_and_pay()
    _lose(world)

    leased = await world.lease()

    assert leased.job_id == first.job_id
    assert (leased.attempt, world.job(second).state) == (1, "paid")
