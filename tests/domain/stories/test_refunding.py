"""Money goes back: once, whatever the provider answers, and followed to its end."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

import pytest

from adapters.memory.provider import Trouble
from domain.checkout.model import OpenedCheckout
from domain.jobs.errors import LeaseNotCurrent
from domain.outbox.errors import FencedOut
from domain.outbox.lifecycle import EffectState
from domain.outbox.model import Operation
from domain.payments.errors import PaymentNotFound
from domain.payments.events import DisputeOpened
from domain.payments.model import HoldName
from domain.refunds.errors import NothingCaptured, PaymentDisputed, RefundExceedsRemaining
from domain.refunds.model import RefundReason
from domain.shared.errors import DomainError, Invalid
from domain.shared.ids import PaymentId, RefundId
from domain.shared.money import Money
from tests.builders import ADMIN, HOUR, MINUTE
from tests.domain.stories.world import World


async def _failed(world: World) -> OpenedCheckout:
    """A paid job that has failed for good; its refund is not sent yet."""
    bought = await world.buy_and_pay()
    await world.fail(await world.lease())
    return bought


def _sent(world: World) -> list[str]:
    return [key for name, key in world.provider.calls if name == "create_refund"]


def _holds(world: World, bought: OpenedCheckout) -> set[HoldName]:
    return set(world.payment(bought).holds)


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
    assert _holds(world, bought) == {HoldName.DISPUTE}


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
    bought = await _failed(world)
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
    bought = await _failed(world)
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
    bought = await _failed(world)
    world.provider.trouble(Trouble.ANSWER_LOST)
    await world.work_outbox()

    world.pass_time(25 * HOUR)
    world.provider.announced.clear()
    await world.work_outbox()

    assert len(world.provider.refunds) == 1
    assert len(_sent(world)) == 1
    assert world.states(bought) == ("refunded", ["refunded"], ["succeeded"])


async def test_and_send_it_when_it_is_not_there(world: World) -> None:
    bought = await _failed(world)
    world.provider.trouble(Trouble.NOT_REACHED)
    await world.work_outbox()

    world.pass_time(25 * HOUR)
    await world.settle_down()

    assert world.states(bought) == ("refunded", ["refunded"], ["succeeded"])
    assert len(world.provider.refunds) == 1


async def test_after_72_hours_without_an_answer_a_person_has_to_look(world: World) -> None:
    bought = await _failed(world)

    for _ in range(75):
        world.provider.trouble(Trouble.NOT_REACHED)
        await world.work_outbox()
        world.pass_time(HOUR)

    (effect,) = world.effects(Operation.REFUND_CREATE)
    assert effect.state is EffectState.DEAD
    assert effect.reason is not None
    assert effect.reason.startswith("no answer in 72 h")
    assert world.states(bought) == ("failed", ["paid"], ["submitted"])


async def test_a_zombie_that_sends_late_is_fenced_out_and_sends_nothing_twice(
    world: World,
) -> None:
    bought = await _failed(world)
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
    bought = await _failed(world)
    world.provider.trouble(Trouble.ANSWER_LOST)
    await world.work_outbox()
    world.pass_time(MINUTE)

    world.provider.trouble(Trouble.REFUSED)
    await world.work_outbox()

    assert world.states(bought) == ("refunded", ["refunded"], ["succeeded"])


async def test_a_refused_refund_is_tried_once_more_and_then_held_for_a_person(
    world: World,
) -> None:
    bought = await _failed(world)

    for _ in range(3):
        world.provider.trouble(Trouble.REFUSED)
        await world.work_outbox()

    assert world.states(bought) == ("failed", ["paid"], ["failed", "failed"])
    assert [refund.failure_reason for refund in world.refunds_of(bought)] == [
        "refused_on_demand"
    ] * 2
    assert (await world.shown(bought)).hold is not None
    assert _holds(world, bought) == {HoldName.REFUND_FAILED}


async def test_a_refund_that_fails_days_later_is_tried_once_more_and_then_stays(
    world: World,
) -> None:
    bought = await _failed(world)
    await world.settle_down()
    assert world.states(bought)[0] == "refunded"

    world.pass_time(72 * HOUR)
    world.provider.fail_refund(_last_refund(world))
    await world.hear()
    assert world.states(bought) == ("failed", ["paid"], ["failed", "requested"])
    assert _holds(world, bought) == {HoldName.REFUND_FAILED}
    await world.settle_down()
    assert world.states(bought) == ("refunded", ["refunded"], ["failed", "succeeded"])
    assert _holds(world, bought) == set()

    world.provider.fail_refund(_last_refund(world))
    await world.settle_down()

    assert world.states(bought) == ("failed", ["paid"], ["failed", "failed"])
    assert _holds(world, bought) == {HoldName.REFUND_FAILED}


def _last_refund(world: World) -> str:
    return list(world.provider.refunds)[-1]


async def test_old_news_of_a_failure_does_not_put_money_on_hold_that_went_back_since(
    world: World,
) -> None:
    bought = await _failed(world)
    await world.settle_down()
    world.provider.fail_refund(_last_refund(world))
    await world.settle_down()

    (failed, _) = world.provider.refunds
    await world.apply_refund(await world.provider.fetch_refund(failed))

    assert world.states(bought) == ("refunded", ["refunded"], ["failed", "succeeded"])
    assert _holds(world, bought) == set()


async def test_a_failed_refund_of_a_delivered_job_is_made_good_by_another(world: World) -> None:
    bought = await world.buy_and_pay()
    await world.finish(await world.lease())
    await world.refund(bought, 50)
    await world.settle_down()
    world.provider.fail_refund(_last_refund(world))
    await world.settle_down()
    assert world.states(bought) == ("completed", ["paid"], ["failed"])
    assert _holds(world, bought) == {HoldName.REFUND_FAILED}

    await world.refund(bought, 50)
    await world.settle_down()

    assert world.states(bought) == ("completed", ["partially_refunded"], ["failed", "succeeded"])
    assert _holds(world, bought) == set()
    assert world.account_totals() == {"provider_clearing": 149, "revenue": -149}


async def test_a_refund_that_waits_for_our_balance_is_a_hold_a_person_sees(world: World) -> None:
    bought = await _failed(world)
    world.provider.refunds_begin = "pending"
    world.provider.refunds_wait_for = "insufficient_funds"
    await world.settle_down()
    assert world.states(bought) == ("failed", ["paid"], ["pending"])
    assert _holds(world, bought) == {HoldName.REFUND_AWAITING_BALANCE}

    world.provider.settle_refund(_last_refund(world))
    await world.settle_down()

    assert world.states(bought) == ("refunded", ["refunded"], ["succeeded"])
    assert _holds(world, bought) == set()


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
    bought = await _failed(world)
    world.provider.refund_by_hand(bought.session_id)
    world.provider.announced.clear()

    await world.work_outbox()

    assert world.states(bought) == ("refunded", ["refunded"], ["failed", "succeeded"])
    assert world.provider.returned_minor(bought.session_id) == 199


async def test_the_safety_net_asks_about_refunds_nobody_tells_us_of(world: World) -> None:
    bought = await _failed(world)
    world.provider.refunds_begin = "pending"
    await world.settle_down()
    world.provider.settle_refund(_last_refund(world))
    world.provider.announced.clear()

    too_early = await world.check_refunds(100)
    world.pass_time(24 * HOUR)
    asked = await world.check_refunds(100)

    assert (too_early, asked) == (0, 1)
    assert world.states(bought) == ("refunded", ["refunded"], ["succeeded"])


async def test_a_refund_without_a_name_yet_is_looked_for(world: World) -> None:
    bought = await _failed(world)
    world.provider.trouble(Trouble.ANSWER_LOST)
    await world.work_outbox()
    world.provider.announced.clear()

    world.pass_time(timedelta(minutes=2))
    await world.check_refunds(100)

    assert world.states(bought) == ("refunded", ["refunded"], ["succeeded"])


async def test_a_refund_decided_before_it_was_sent_is_not_sent(world: World) -> None:
    bought = await _failed(world)
    (refund,) = world.refunds_of(bought)
    elsewhere = {"intent": world.payment(bought).intent_id, "amount": 199, "refund_id": refund.id}
    report = await world.provider.create_refund(elsewhere, key="of another process")

    await world.apply_refund(report)
    await world.work_outbox()

    assert world.states(bought) == ("refunded", ["refunded"], ["succeeded"])
    assert len(_sent(world)) == 1
