"""A refund is sent once, whatever the provider answers, and followed to its end."""

from __future__ import annotations

from datetime import timedelta

import pytest

from adapters.memory.provider import Trouble
from domain.outbox.errors import FencedOut
from domain.outbox.lifecycle import EffectState
from domain.outbox.model import Operation
from domain.payments.model import HoldName
from tests.builders import HOUR, MINUTE
from tests.domain.stories.world import World


def _sent(world: World) -> list[str]:
    return [key for name, key in world.provider.calls if name == "create_refund"]


async def test_refunds_of_one_payment_are_sent_one_after_the_other(world: World) -> None:
    bought = await world.buy_and_pay()
    await world.refund(bought, 50)
    await world.refund(bought, 50)

    together = await world.claim_effects(100)

    assert len(together) == 1


@pytest.mark.parametrize(
    "trouble", [Trouble.NOT_REACHED, Trouble.ANSWER_LOST, Trouble.MISCONFIGURED]
)
async def test_an_unknown_outcome_is_resolved_with_the_same_key(
    world: World, trouble: Trouble
) -> None:
    bought = await world.buy_and_fail()
    world.provider.trouble(trouble)

    await world.work_outbox()
    assert world.states(bought) == ("failed", ["paid"], ["submitted"])
    world.provider.announced.clear()
    world.pass_time(MINUTE)
    await world.settle_down()

    assert world.states(bought) == ("refunded", ["refunded"], ["succeeded"])
    assert len(_sent(world)) == 2
    assert len(set(_sent(world))) == 1
    assert len(world.provider.refunds) == 1


async def test_an_event_may_tell_how_it_ended_before_the_retry_does(world: World) -> None:
    bought = await world.buy_and_fail()
    world.provider.trouble(Trouble.ANSWER_LOST)
    await world.work_outbox()

    await world.hear()
    world.pass_time(MINUTE)
    await world.work_outbox()

    (effect,) = world.effects(Operation.REFUND_CREATE)
    assert world.states(bought) == ("refunded", ["refunded"], ["succeeded"])
    assert (effect.state, effect.reason) == (EffectState.DONE, "the refund is succeeded already")
    assert len(_sent(world)) == 1


async def test_after_twenty_hours_we_look_before_we_send_again(world: World) -> None:
    bought = await world.buy_and_fail()
    world.provider.trouble(Trouble.ANSWER_LOST)
    await world.work_outbox()

    world.pass_time(25 * HOUR)
    world.provider.announced.clear()
    await world.work_outbox()

    assert len(world.provider.refunds) == 1
    assert len(_sent(world)) == 1
    assert world.states(bought) == ("refunded", ["refunded"], ["succeeded"])


async def test_and_send_it_when_it_is_not_there(world: World) -> None:
    bought = await world.buy_and_fail()
    world.provider.trouble(Trouble.NOT_REACHED)
    await world.work_outbox()

    world.pass_time(25 * HOUR)
    await world.settle_down()

    assert world.states(bought) == ("refunded", ["refunded"], ["succeeded"])
    assert len(world.provider.refunds) == 1


async def test_a_refund_is_never_given_up_however_long_there_is_no_answer(world: World) -> None:
    bought = await world.buy_and_fail()

    for _ in range(75):
        world.provider.trouble(Trouble.NOT_REACHED)
        await world.work_outbox()
        world.pass_time(HOUR)
    (effect,) = world.effects(Operation.REFUND_CREATE)
    assert effect.state is EffectState.NEW
    assert world.states(bought) == ("failed", ["paid"], ["submitted"])

    await world.settle_down()

    assert world.states(bought) == ("refunded", ["refunded"], ["succeeded"])
    assert len(world.provider.refunds) == 1


async def test_a_dashboard_refund_that_failed_already_takes_no_work_away(world: World) -> None:
    bought = await world.buy_and_pay()
    leased = await world.lease()
    made = world.provider.refund_by_hand(bought.session_id)
    world.provider.fail_refund(made)

    await world.hear()

    assert world.states(bought) == ("processing", ["paid"], ["failed"])
    assert await world.finish(leased) == "completed"


async def test_a_heartbeat_renews_a_lease_by_what_it_was_taken_for(world: World) -> None:
    await world.buy_and_pay()
    leased = await world.lease(length=10 * MINUTE)

    world.pass_time(MINUTE)
    extended = await world.extend_lease(
        leased.job_id, lease=leased.lease, progress=None, length=None
    )

    assert extended == leased.lease_expires_at + MINUTE


async def test_a_zombie_that_sends_late_is_fenced_out_and_sends_nothing_twice(
    world: World,
) -> None:
    bought = await world.buy_and_fail()
    (zombie,) = await world.claim_effects(1)
    world.pass_time(MINUTE)
    (successor,) = await world.claim_effects(1)

    await world.send_refund(successor)
    with pytest.raises(FencedOut):
        await world.send_refund(zombie)

    assert len(world.provider.refunds) == 1
    assert (await _effect_state(world)) is EffectState.DONE
    assert world.refunds_of(bought)[0].state == "succeeded"


async def _effect_state(world: World) -> EffectState:
    return world.effects(Operation.REFUND_CREATE)[0].state


async def test_a_definite_no_is_believed_only_after_a_look(world: World) -> None:
    bought = await world.buy_and_fail()
    world.provider.trouble(Trouble.ANSWER_LOST)
    await world.work_outbox()
    world.pass_time(MINUTE)

    world.provider.trouble(Trouble.REFUSED)
    await world.work_outbox()

    assert world.states(bought) == ("refunded", ["refunded"], ["succeeded"])


async def test_a_refused_refund_is_tried_once_more_and_then_held_for_a_person(
    world: World,
) -> None:
    bought = await world.buy_and_fail()

    for _ in range(3):
        world.provider.trouble(Trouble.REFUSED)
        await world.work_outbox()

    assert world.states(bought) == ("failed", ["paid"], ["failed", "failed"])
    assert [refund.failure_reason for refund in world.refunds_of(bought)] == [
        "refused_on_demand"
    ] * 2
    assert (await world.shown(bought)).hold is not None
    assert world.holds(bought) == {HoldName.REFUND_FAILED}


async def test_a_refund_that_fails_days_later_is_tried_once_more_and_then_stays(
    world: World,
) -> None:
    bought = await world.buy_and_fail()
    await world.settle_down()
    assert world.states(bought)[0] == "refunded"

    world.pass_time(72 * HOUR)
    world.provider.fail_refund(world.last_refund())
    await world.hear()
    assert world.states(bought) == ("failed", ["paid"], ["failed", "requested"])
    assert world.holds(bought) == {HoldName.REFUND_FAILED}
    await world.settle_down()
    assert world.states(bought) == ("refunded", ["refunded"], ["failed", "succeeded"])
    assert world.holds(bought) == set()

    world.provider.fail_refund(world.last_refund())
    await world.settle_down()

    assert world.states(bought) == ("failed", ["paid"], ["failed", "failed"])
    assert world.holds(bought) == {HoldName.REFUND_FAILED}


async def test_old_news_of_a_failure_does_not_put_money_on_hold_that_went_back_since(
    world: World,
) -> None:
    bought = await world.buy_and_fail()
    await world.settle_down()
    world.provider.fail_refund(world.last_refund())
    await world.settle_down()

    (failed, _) = world.provider.refunds
    await world.apply_refund(await world.provider.fetch_refund(failed))

    assert world.states(bought) == ("refunded", ["refunded"], ["failed", "succeeded"])
    assert world.holds(bought) == set()


async def test_a_refund_that_waits_for_our_balance_is_a_hold_a_person_sees(world: World) -> None:
    bought = await world.buy_and_fail()
    world.provider.refunds_begin = "pending"
    world.provider.refunds_wait_for = "insufficient_funds"
    await world.settle_down()
    assert world.states(bought) == ("failed", ["paid"], ["pending"])
    assert world.holds(bought) == {HoldName.REFUND_AWAITING_BALANCE}

    world.provider.settle_refund(world.last_refund())
    await world.settle_down()

    assert world.states(bought) == ("refunded", ["refunded"], ["succeeded"])
    assert world.holds(bought) == set()


async def test_the_safety_net_asks_about_refunds_nobody_tells_us_of(world: World) -> None:
    bought = await world.buy_and_fail()
    world.provider.refunds_begin = "pending"
    await world.settle_down()
    world.provider.settle_refund(world.last_refund())
    world.provider.announced.clear()

    too_early = await world.check_refunds(100)
    world.pass_time(24 * HOUR)
    asked = await world.check_refunds(100)

    assert (too_early, asked) == (0, 1)
    assert world.states(bought) == ("refunded", ["refunded"], ["succeeded"])


async def test_a_refund_without_a_name_yet_is_looked_for(world: World) -> None:
    bought = await world.buy_and_fail()
    world.provider.trouble(Trouble.ANSWER_LOST)
    await world.work_outbox()
    world.provider.announced.clear()

    world.pass_time(timedelta(minutes=2))
    await world.check_refunds(100)

    assert world.states(bought) == ("refunded", ["refunded"], ["succeeded"])


async def test_a_refund_decided_before_it_was_sent_is_not_sent(world: World) -> None:
    bought = await world.buy_and_fail()
    (refund,) = world.refunds_of(bought)
    elsewhere = {"intent": world.payment(bought).intent_id, "amount": 199, "refund_id": refund.id}
    report = await world.provider.create_refund(elsewhere, key="of another process")

    await world.apply_refund(report)
    await world.work_outbox()

    assert world.states(bought) == ("refunded", ["refunded"], ["succeeded"])
    assert len(_sent(world)) == 1
