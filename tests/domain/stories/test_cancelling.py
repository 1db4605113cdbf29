"""A customer gives up an unpaid job. The checkout is ended at the provider first."""

from __future__ import annotations

import pytest

from adapters.memory.provider import Trouble
from domain.checkout.errors import CheckoutBusy
from domain.jobs.errors import JobNotCancellable
from domain.jobs.lifecycle import JobState
from domain.jobs.policy import Caller
from domain.outbox.model import Operation
from domain.payments.errors import CheckoutDelayed, ProviderUnavailable
from domain.shared.ids import JobId
from tests.builders import MINUTE
from tests.domain.stories.world import World, guest


async def test_the_checkout_is_ended_and_the_job_cancelled(world: World) -> None:
    bought = await world.buy()

    state = await world.cancel_job(bought.job_id, caller=guest(bought))

    assert state is JobState.CANCELLED
    assert world.states(bought) == ("cancelled", ["expired"], [])
    assert world.provider.sessions[bought.session_id].status == "expired"


async def test_cancelling_twice_is_harmless(world: World) -> None:
    bought = await world.buy()

    await world.cancel_job(bought.job_id, caller=guest(bought))
    calls = len(world.provider.calls)

    assert await world.cancel_job(bought.job_id, caller=guest(bought)) is JobState.CANCELLED
    assert len(world.provider.calls) == calls


async def test_a_customer_who_paid_at_the_last_moment_has_bought(world: World) -> None:
    bought = await world.buy()
    world.provider.pay(bought.session_id)

    with pytest.raises(JobNotCancellable, match="it is paid"):
        await world.cancel_job(bought.job_id, caller=guest(bought))

    assert world.states(bought) == ("paid", ["paid"], [])


async def test_one_whose_money_is_on_the_way_has_too(world: World) -> None:
    bought = await world.buy()
    world.provider.pay_later(bought.session_id)

    with pytest.raises(JobNotCancellable, match="on the way"):
        await world.cancel_job(bought.job_id, caller=guest(bought))

    assert world.states(bought) == ("pending", ["awaiting_funds"], [])


@pytest.mark.parametrize("trouble", [Trouble.NOT_REACHED, Trouble.ANSWER_LOST, Trouble.REFUSED])
async def test_while_the_provider_is_silent_nothing_is_cancelled_and_later_it_is_by_itself(
    world: World, trouble: Trouble
) -> None:
    bought = await world.buy()
    world.provider.trouble(trouble)

    with pytest.raises(ProviderUnavailable):
        await world.cancel_job(bought.job_id, caller=guest(bought))
    assert world.states(bought) == ("pending", ["pending"], [])
    world.pass_time(MINUTE)
    await world.work_outbox()

    assert world.states(bought) == ("cancelled", ["expired"], [])


async def test_a_checkout_nobody_heard_of_is_opened_to_be_ended(world: World) -> None:
    world.provider.trouble(Trouble.ANSWER_LOST)
    with pytest.raises(CheckoutDelayed) as caught:
        await world.buy()

    await world.cancel_job(
        JobId(caught.value.job_id), caller=Caller(guest_token=caught.value.access_token)
    )

    (session,) = world.provider.sessions.values()
    assert session.status == "expired"


async def test_while_another_request_ends_the_checkout_this_one_waits(world: World) -> None:
    bought = await world.buy()
    world.provider.trouble(Trouble.NOT_REACHED)
    with pytest.raises(ProviderUnavailable):
        await world.cancel_job(bought.job_id, caller=guest(bought))
    world.pass_time(MINUTE)
    await world.claim_effects(1)

    with pytest.raises(CheckoutBusy):
        await world.cancel_job(bought.job_id, caller=guest(bought))


@pytest.mark.parametrize("moment", ["paid", "processing", "completed", "failed"])
async def test_a_job_that_was_paid_is_not_cancelled(world: World, moment: str) -> None:
    bought = await world.buy_and_pay()
    if moment != "paid":
        assignment = await world.lease()
        if moment == "completed":
            await world.finish(assignment)
        elif moment == "failed":
            await world.fail(assignment)

    with pytest.raises(JobNotCancellable, match=f"it is {moment}"):
        await world.cancel_job(bought.job_id, caller=guest(bought))

    assert world.effects(Operation.CHECKOUT_EXPIRE) == []


async def test_a_cancelled_job_can_be_paid_and_cancelled_again(world: World) -> None:
    bought = await world.buy()
    await world.cancel_job(bought.job_id, caller=guest(bought))

    again = await world.pay_for_job(bought.job_id, caller=guest(bought))
    await world.cancel_job(bought.job_id, caller=guest(bought))

    assert world.states(bought) == ("cancelled", ["expired", "expired"], [])
    assert world.provider.sessions[again.session_id].status == "expired"
