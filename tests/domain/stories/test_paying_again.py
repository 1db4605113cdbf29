"""A customer who left the page comes back, and the provider does not always answer."""

from __future__ import annotations

import pytest

from adapters.memory.memory import Interruption
from adapters.memory.provider import Trouble
from domain.checkout.errors import CheckoutBusy
from domain.jobs.errors import JobNotPayable
from domain.jobs.policy import Caller
from domain.outbox.lifecycle import EffectState
from domain.outbox.model import Operation
from domain.payments.errors import CheckoutDelayed, ProviderRefused
from domain.shared.errors import StorageUnavailable
from domain.shared.ids import JobId
from tests.builders import HOUR, MINUTE, a_purchase
from tests.domain.stories.world import World, guest


async def test_the_live_checkout_is_shown_again(world: World) -> None:
    bought = await world.buy()

    again = await world.pay_for_job(bought.job_id, caller=guest(bought))

    assert again == bought
    assert len(world.provider.sessions) == 1


async def test_a_fresh_one_is_opened_only_after_the_old_one_is_confirmed_over(
    world: World,
) -> None:
    bought = await world.buy()
    world.pass_time(24 * HOUR)

    again = await world.pay_for_job(bought.job_id, caller=guest(bought))

    assert world.states(bought) == ("pending", ["expired", "pending"], [])
    assert again.payment_id != bought.payment_id
    assert again.amount == bought.amount
    sessions = world.provider.sessions
    assert [session.status for session in sessions.values()] == ["expired", "open"]


async def test_what_our_clock_calls_over_and_the_provider_calls_open_is_shown_again(
    world: World,
) -> None:
    bought = await world.buy()
    world.provider.prolong(bought.session_id, 24 * HOUR)
    world.pass_time(25 * HOUR)

    again = await world.pay_for_job(bought.job_id, caller=guest(bought))

    assert again.session_id == bought.session_id
    assert again.expires_at > world.memory.moment.now


async def test_a_checkout_that_turns_out_to_be_paid_is_not_opened_again(world: World) -> None:
    bought = await world.buy()
    world.provider.pay(bought.session_id)
    world.pass_time(24 * HOUR)

    with pytest.raises(JobNotPayable, match="it is paid"):
        await world.pay_for_job(bought.job_id, caller=guest(bought))

    assert world.states(bought) == ("paid", ["paid"], [])


async def test_while_the_provider_does_not_confirm_there_is_no_second_checkout(
    world: World,
) -> None:
    bought = await world.buy()
    world.pass_time(24 * HOUR)
    world.provider.trouble(Trouble.NOT_REACHED)

    with pytest.raises(CheckoutDelayed):
        await world.pay_for_job(bought.job_id, caller=guest(bought))

    assert world.states(bought) == ("pending", ["pending"], [])
    assert len(world.provider.sessions) == 1


@pytest.mark.parametrize(
    "trouble", [Trouble.NOT_REACHED, Trouble.ANSWER_LOST, Trouble.MISCONFIGURED]
)
async def test_a_silent_provider_delays_the_checkout_which_goes_on_with_the_same_payment_and_key(
    world: World, trouble: Trouble
) -> None:
    world.provider.trouble(trouble)
    with pytest.raises(CheckoutDelayed) as caught:
        await world.buy()
    assert caught.value.access_token is not None

    resumed = await world.pay_for_job(
        JobId(caught.value.job_id), caller=Caller(guest_token=caught.value.access_token)
    )

    opened = [key for name, key in world.provider.calls if name == "open_checkout"]
    assert opened == [f"cf1:sandbox:checkout.open:{resumed.payment_id}:g1"] * 2
    assert world.states(resumed) == ("pending", ["pending"], [])
    assert len(world.provider.sessions) == 1


async def test_the_same_idempotency_key_resumes_the_job_it_made(world: World) -> None:
    world.provider.trouble(Trouble.NOT_REACHED)
    with pytest.raises(CheckoutDelayed) as caught:
        await world.buy()

    resumed = await world.resume_checkout(JobId(caught.value.job_id))

    assert resumed.job_id == caught.value.job_id
    assert resumed.access_token == caught.value.access_token
    assert len(world.memory.tables.jobs) == 1


async def test_the_background_process_opens_what_nobody_waits_for_any_more(world: World) -> None:
    world.provider.trouble(Trouble.ANSWER_LOST)
    with pytest.raises(CheckoutDelayed):
        await world.buy()

    world.pass_time(MINUTE)
    await world.work_outbox()

    (payment,) = world.memory.tables.payments.values()
    assert payment.session is not None
    assert list(world.provider.sessions) == [payment.session.id]


async def test_two_requests_at_once_do_not_open_two(world: World) -> None:
    world.provider.trouble(Trouble.NOT_REACHED)
    with pytest.raises(CheckoutDelayed) as caught:
        await world.buy()
    caller = Caller(guest_token=caught.value.access_token)
    world.pass_time(MINUTE)
    await world.claim_effects(1)

    with pytest.raises(CheckoutBusy):
        await world.pay_for_job(JobId(caught.value.job_id), caller=caller)

    assert world.provider.sessions == {}


async def test_a_checkout_the_provider_refuses_is_given_up_and_can_be_started_again(
    world: World,
) -> None:
    world.provider.trouble(Trouble.REFUSED)
    with pytest.raises(ProviderRefused):
        await world.buy(caller=Caller(subject="ada"))
    (job,) = world.memory.tables.jobs.values()
    assert job.state == "cancelled"
    assert world.effects(Operation.CHECKOUT_OPEN)[0].state is EffectState.DEAD

    again = await world.pay_for_job(job.id, caller=Caller(subject="ada"))
    world.provider.pay(again.session_id)
    await world.hear()

    assert world.states(again) == ("paid", ["expired", "paid"], [])


async def test_a_cancelled_job_can_be_paid_at_the_price_that_was_quoted(world: World) -> None:
    bought = await world.buy(a_purchase(quantity=2))
    world.provider.expire(bought.session_id)
    await world.hear()

    again = await world.pay_for_job(bought.job_id, caller=guest(bought))

    assert again.amount == bought.amount
    assert world.states(bought) == ("pending", ["expired", "pending"], [])


async def test_not_when_its_offer_is_no_longer_sold(world: World) -> None:
    bought = await world.buy()
    world.provider.expire(bought.session_id)
    await world.hear()
    await world.withdraw_all_offers()

    with pytest.raises(JobNotPayable, match="not sold any more"):
        await world.pay_for_job(bought.job_id, caller=guest(bought))


async def test_not_while_a_delayed_payment_is_on_its_way(world: World) -> None:
    bought = await world.buy()
    world.provider.pay_later(bought.session_id)
    await world.hear()

    with pytest.raises(JobNotPayable, match="on the way"):
        await world.pay_for_job(bought.job_id, caller=guest(bought))


async def test_not_while_late_money_goes_back(world: World) -> None:
    bought = await world.buy()
    world.provider.pay_later(bought.session_id)
    world.provider.fail_funds(bought.session_id)
    await world.hear()
    await world.withdraw_all_offers()
    world.provider.settle(bought.session_id)
    await world.hear()

    with pytest.raises(JobNotPayable, match="on its way back"):
        await world.pay_for_job(bought.job_id, caller=guest(bought))


async def test_after_twenty_hours_an_unanswered_checkout_is_given_up_not_opened_twice(
    world: World,
) -> None:
    world.provider.trouble(Trouble.ANSWER_LOST)
    with pytest.raises(CheckoutDelayed) as caught:
        await world.buy()

    world.pass_time(25 * HOUR)
    await world.work_outbox()

    assert world.memory.tables.jobs[JobId(caught.value.job_id)].state == "cancelled"
    assert len(world.provider.sessions) == 1


async def test_and_should_it_be_paid_all_the_same_its_event_brings_the_money_in(
    world: World,
) -> None:
    world.provider.trouble(Trouble.ANSWER_LOST)
    with pytest.raises(CheckoutDelayed) as caught:
        await world.buy()
    world.pass_time(21 * HOUR)
    await world.work_outbox()

    (unheard_of,) = world.provider.sessions
    world.provider.pay(unheard_of)
    await world.settle_down()

    assert world.memory.tables.jobs[JobId(caught.value.job_id)].state == "paid"


async def test_a_database_that_is_down_says_so_and_nothing_was_done(world: World) -> None:
    world.memory.interrupt(Interruption.UNREACHABLE)

    with pytest.raises(StorageUnavailable):
        await world.buy()

    assert world.provider.calls == []


async def test_a_replayed_answer_gets_its_token_and_its_page_back(world: World) -> None:
    bought = await world.buy()
    as_ada = await world.buy(caller=Caller(subject="ada"))

    recalled = await world.recall_checkout(bought.job_id, bought.session_id)

    assert recalled == (bought.access_token, bought.session_url)
    assert await world.recall_checkout(as_ada.job_id, "cs_other") == (None, None)
