"""Events are hints, objects are facts: in any order and any number they lead to one state."""

from __future__ import annotations

import itertools
from datetime import timedelta
from typing import Any

import attrs
import pytest

from adapters.memory.events import written
from adapters.memory.memory import Interruption
from adapters.memory.provider import Trouble
from domain.outbox.errors import FencedOut
from domain.payments.errors import CheckoutDelayed, ProviderUnavailable
from domain.provider_events.errors import BadSignature
from domain.provider_events.lifecycle import EventState
from domain.provider_events.model import ProviderEvent, Subject
from domain.shared.errors import StorageUnavailable
from domain.shared.ids import PaymentId
from domain.shared.money import Money
from tests.builders import HOUR, MINUTE, a_purchase
from tests.domain.stories.conftest import a_shop
from tests.domain.stories.invariants import violations
from tests.domain.stories.world import World, guest


async def _a_refunded_checkout(world: World) -> str:
    """Bought, paid, half refunded in the dashboard: nothing of it has been heard yet."""
    bought = await world.buy()
    world.provider.decline(bought.session_id)
    world.provider.pay(bought.session_id)
    world.provider.refund_by_hand(bought.session_id, 50)
    return bought.session_id


@attrs.frozen
class Picture:
    """What is stored about a job, but for the ids and the order in which it was learnt."""

    jobs: list[str]
    payments: list[tuple[object, ...]]
    refunds: list[tuple[object, ...]]
    totals: dict[str, int]
    posted: list[str]

    @classmethod
    def of(cls, world: World) -> Picture:
        tables = world.memory.tables
        payments, refunds = tables.payments.values(), tables.refunds.values()
        return cls(
            jobs=[job.state for job in tables.jobs.values()],
            payments=[(p.state, p.captured, p.returned_minor, p.holds) for p in payments],
            refunds=[(refund.state, refund.amount, refund.reason) for refund in refunds],
            totals=world.account_totals(),
            posted=sorted(transfer.kind for transfer in tables.transfers.values()),
        )


ORDERS = list(itertools.permutations(range(5)))


async def _told_in(order: tuple[int, ...], *, times: int) -> Picture:
    world = await a_shop()
    await _a_refunded_checkout(world)
    events = world.provider.take_announced()
    for index in order:
        for copy in range(times):
            event = events[index]
            await world.receive(attrs.evolve(event, id=f"{event.id}_{copy}"))
            await world.work_inbox()
    await _wait_for_the_parked(world)
    assert violations(world) == []
    return Picture.of(world)


async def _wait_for_the_parked(world: World) -> None:
    for _ in range(3):
        world.pass_time(timedelta(seconds=2))
        await world.work_inbox()


@pytest.mark.parametrize("times", [1, 2], ids=["each once", "each twice"])
async def test_the_events_of_a_checkout_in_any_order_lead_to_one_state(times: int) -> None:
    expected = await _told_in(ORDERS[0], times=1)

    pictures = [await _told_in(order, times=times) for order in ORDERS[:: 3 * times]]

    assert expected == Picture(
        jobs=["paid"],
        payments=[("partially_refunded", Money(199, "usd"), 50, {})],
        refunds=[("succeeded", Money(50, "usd"), "adopted")],
        totals={"provider_clearing": 149, "customer_prepaid": -149},
        posted=["capture", "refund_request", "refund_return"],
    )
    assert [picture for picture in pictures if picture != expected] == []


async def test_an_event_is_applied_once_however_often_it_is_delivered(world: World) -> None:
    bought = await world.buy()
    world.provider.pay(bought.session_id)
    (completed, *_) = world.provider.take_announced()

    new = [await world.receive(completed) for _ in range(3)]
    verdicts = await world.work_inbox()
    again = await world.work_inbox()

    assert new == [True, False, False]
    assert [verdict.state for verdict in verdicts] == [EventState.DONE]
    assert again == []
    assert world.states(bought) == ("paid", ["paid"], [])


async def test_an_event_that_overtakes_our_own_commit_is_parked_and_then_applied(
    world: World,
) -> None:
    world.provider.trouble(Trouble.ANSWER_LOST)
    with pytest.raises(CheckoutDelayed) as caught:
        await world.buy()
    (session_id,) = world.provider.sessions
    world.provider.pay(session_id)

    await world.hear()
    parked = [(entry.state, entry.reason) for entry in world.inbox()]
    world.pass_time(MINUTE)
    await world.work_outbox()
    await world.work_inbox()

    assert set(parked) == {(EventState.PARKED, "parent_unknown")}
    assert world.memory.tables.payments[_only(world)].state == "paid"
    assert {entry.state for entry in world.inbox()} == {EventState.DONE}
    assert caught.value.job_id in world.memory.tables.jobs


def _only(world: World) -> PaymentId:
    (payment_id,) = world.memory.tables.payments
    return payment_id


async def test_what_is_parked_waits_longer_each_time_and_not_for_ever(world: World) -> None:
    orphan = attrs.evolve(await _an_event(world), session_id="cs_lost", payment_id="pay_lost")
    orphan = attrs.evolve(orphan, intent_id=None, charge_id=None)
    waits = []

    await world.receive(orphan)
    for _ in range(12):
        await world.work_inbox()
        (entry,) = world.inbox()
        waits.append(entry.due_at - world.memory.clock.lease_now)
        world.memory.clock.lease_now = entry.due_at
    world.pass_time(72 * HOUR)
    await world.work_inbox()

    assert waits[:4] == [timedelta(seconds=s) for s in (1, 2, 4, 8)]
    assert waits[-1] == timedelta(minutes=10)
    (entry,) = world.inbox()
    assert (entry.state, entry.reason) == (EventState.DEAD, "parent_never_came")


async def _an_event(world: World) -> ProviderEvent:
    """The completion of a paid checkout of ours, taken before anybody has heard of it."""
    bought = await world.buy()
    world.provider.pay(bought.session_id)
    return world.provider.take_announced()[0]


FOREIGN = {"session_id": "cs_x", "intent_id": "pi_x", "charge_id": "ch_x", "payment_id": "pay_x"}
IGNORED = [
    ({"livemode": True}, "wrong_mode"),
    ({"account": "acct_other"}, "foreign_account"),
    ({"subject": Subject.OTHER}, "unhandled_type"),
    ({**FOREIGN, "app": None, "instance": None}, "foreign"),
    ({**FOREIGN, "instance": "inst_other"}, "foreign"),
    ({**FOREIGN, "app": "another"}, "foreign"),
]


@pytest.mark.parametrize(("facts", "reason"), IGNORED, ids=lambda case: str(case)[:40])
async def test_what_is_none_of_ours_is_ignored_with_the_reason(
    world: World, facts: dict[str, Any], reason: str
) -> None:
    event = attrs.evolve(await _an_event(world), **facts)

    await world.hear(event)

    (entry,) = world.inbox()
    assert (entry.state, entry.reason) == (EventState.IGNORED, reason)
    (payment,) = world.memory.tables.payments.values()
    assert payment.state == "pending"


async def test_another_session_that_bears_our_marks_is_not_believed_and_a_person_looks(
    world: World,
) -> None:
    event = await _an_event(world)
    forged = attrs.evolve(event, session_id="cs_forged", intent_id="pi_forged", charge_id=None)

    await world.hear(forged)

    (entry,) = world.inbox()
    assert (entry.state, entry.reason) == (EventState.DEAD, "another_session")
    (payment,) = world.memory.tables.payments.values()
    assert payment.state == "pending"


async def test_a_payment_named_without_our_marks_is_foreign(world: World) -> None:
    event = await _an_event(world)
    event = attrs.evolve(event, session_id=None, intent_id="pi_x", charge_id=None, instance=None)

    await world.hear(event)

    (entry,) = world.inbox()
    assert (entry.state, entry.reason) == (EventState.IGNORED, "foreign")


@pytest.mark.parametrize("payload", [b"null", b"[]", b"\xff\xfe", b"{}", b'{"id": 1}', b"\0"])
async def test_what_is_signed_and_unreadable_is_kept_as_dead(world: World, payload: bytes) -> None:
    _, new = await world.receive_event(payload, world.verifier.sign(payload))
    _, again = await world.receive_event(payload, world.verifier.sign(payload))

    (entry,) = world.inbox()
    assert (new, again) == (True, False)
    assert (entry.state, entry.kind) == (EventState.DEAD, "unreadable")
    assert str(entry.reason).startswith("unreadable")
    assert await world.work_inbox() == []


@pytest.mark.parametrize("signature", [None, "", "0" * 64])
async def test_what_is_not_signed_is_not_even_stored(world: World, signature: str | None) -> None:
    payload = written(await _an_event(world))

    with pytest.raises(BadSignature):
        await world.receive_event(payload, signature)

    assert world.inbox() == []


async def test_an_event_is_not_taken_while_it_cannot_be_stored(world: World) -> None:
    event = await _an_event(world)
    world.memory.interrupt(Interruption.UNREACHABLE)

    with pytest.raises(StorageUnavailable):
        await world.receive(event)

    assert await world.receive(event)


async def test_while_the_provider_is_silent_the_event_waits(world: World) -> None:
    event = await _an_event(world)
    world.provider.trouble(Trouble.NOT_REACHED)

    await world.hear(event)
    (waiting,) = world.inbox()
    world.pass_time(MINUTE)
    await world.work_inbox()

    (applied,) = world.inbox()
    assert (waiting.state, waiting.reason) == (EventState.NEW, "no answer")
    assert (applied.state, applied.attempt) == (EventState.DONE, 2)


async def test_an_event_that_crashes_us_a_dozen_times_is_buried(world: World) -> None:
    await world.receive(await _an_event(world))

    for _ in range(12):
        (entry,) = await world.claim_events(9)
        await world.retry_event(entry, reason="a bug", crashed=True)
        world.pass_time(HOUR)

    (entry,) = world.inbox()
    assert (entry.state, entry.reason, entry.attempt) == (EventState.DEAD, "a bug", 12)


async def test_a_zombie_that_applies_late_is_fenced_out_and_did_no_harm(world: World) -> None:
    await world.receive(await _an_event(world))
    (zombie,) = await world.claim_events(9)
    world.pass_time(MINUTE)
    (successor,) = await world.claim_events(9)

    await world.apply_event(successor)
    with pytest.raises(FencedOut):
        await world.apply_event(zombie)

    (job,) = world.memory.tables.jobs.values()
    assert job.state == "paid"
    assert [t.kind for t in world.memory.tables.transfers.values()] == ["capture"]


async def test_the_safety_net_finds_money_nobody_told_us_of(world: World) -> None:
    bought = await world.buy()
    world.provider.pay(bought.session_id)
    world.provider.announced.clear()

    too_early = await world.check_payments(9)
    world.pass_time(2 * MINUTE)
    asked = await world.check_payments(9)

    assert (too_early, asked) == (0, 1)
    assert world.states(bought) == ("paid", ["paid"], [])


async def test_and_expiries_soon_after_their_time(world: World) -> None:
    bought = await world.buy()

    for _ in range(30):
        world.pass_time(HOUR)
        world.provider.announced.clear()
        await world.check_payments(9)

    assert world.states(bought) == ("cancelled", ["expired"], [])
    assert world.memory.tables.payments[bought.payment_id].check_due_at is None


async def test_a_provider_that_does_not_answer_is_not_asked_again_at_once(world: World) -> None:
    await world.buy()
    world.pass_time(2 * MINUTE)
    world.provider.trouble(Trouble.NOT_REACHED)

    with pytest.raises(ProviderUnavailable):
        await world.check_payments(9)

    assert await world.check_payments(9) == 0


async def test_a_capture_in_a_cancelled_checkout_still_counts(world: World) -> None:
    bought = await world.buy(a_purchase(quantity=2))
    await world.cancel_job(bought.job_id, caller=guest(bought))
    again = await world.pay_for_job(bought.job_id, caller=guest(bought))

    world.provider.pay(again.session_id)
    await world.settle_down()

    assert world.states(bought) == ("paid", ["expired", "paid"], [])
