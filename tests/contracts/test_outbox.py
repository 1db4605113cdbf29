"""What every Outbox promises."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import attrs
import pytest

from domain.outbox.errors import FencedOut
from domain.outbox.lifecycle import EffectState
from domain.outbox.model import Effect, Operation, Outcome
from domain.shared.ids import PaymentId
from tests.builders import HOUR, MINUTE, NOW, an_effect
from tests.contracts.steps import bought, now, staged
from tests.contracts.storage import Storage

DONE = Outcome(state=EffectState.DONE, reason="as was asked")
OVER_AT_ONCE = timedelta(seconds=-1)
PAY_B = PaymentId("pay_b")


@pytest.fixture(autouse=True)
async def _three_payments(storage: Storage) -> None:
    for name in "abc":
        await bought(storage, f"pay_{name}", job_id=f"job_{name}")


async def _claim(storage: Storage, *, limit: int = 9, lease: timedelta = MINUTE) -> list[Effect]:
    return await storage.atomically(lambda work: work.outbox.claim(limit=limit, lease=lease))


async def _claim_one(
    storage: Storage, entity_id: str, *, lease: timedelta = MINUTE
) -> Effect | None:
    return await storage.atomically(
        lambda work: work.outbox.claim_one(Operation.REFUND_CREATE, entity_id, lease=lease)
    )


async def _record(storage: Storage, effect: Effect, outcome: Outcome) -> None:
    await storage.atomically(lambda work: work.outbox.record(effect, outcome))


def _ids(effects: list[Effect]) -> list[str]:
    return [effect.id for effect in effects]


async def test_what_was_staged_is_claimed_as_it_was(storage: Storage) -> None:
    effect = an_effect(parameters={"b": 1, "a": [None, {"deep": "\N{SNOWMAN}"}], "t": True})
    await staged(storage, effect)

    (claimed,) = await _claim(storage)

    assert (
        attrs.evolve(
            claimed,
            state=EffectState.NEW,
            attempt=0,
            fence=0,
            first_sent_at=None,
            lease_until=None,
        )
        == effect
    )


async def test_a_claim_counts_the_attempt_and_leases_the_row(storage: Storage) -> None:
    await staged(storage, an_effect())

    (claimed,) = await _claim(storage)

    moment = await now(storage)
    assert (claimed.state, claimed.attempt, claimed.fence) == (EffectState.SENDING, 1, 1)
    assert claimed.lease_until is not None
    assert timedelta(0) < claimed.lease_until - moment.lease_now <= MINUTE
    assert claimed.first_sent_at is not None
    assert claimed == await storage.effect("eff_a")


async def test_one_intent_is_staged_once_whatever_its_row_is_called(storage: Storage) -> None:
    first = an_effect("eff_a", entity_id="ref_a")
    await staged(storage, first)

    await staged(storage, attrs.evolve(first, due_at=NOW + HOUR))
    await staged(storage, an_effect("eff_b", entity_id="ref_a"))

    assert _ids(await _claim(storage)) == ["eff_a"]
    assert (await storage.effect("eff_a")).due_at == NOW


async def test_staging_again_does_not_start_again(storage: Storage) -> None:
    await staged(storage, an_effect())
    (claimed,) = await _claim(storage)
    await _record(storage, claimed, DONE)

    await staged(storage, an_effect())

    assert (await storage.effect("eff_a")).state is EffectState.DONE


async def test_rows_are_claimed_oldest_first_and_no_more_than_asked_for(storage: Storage) -> None:
    await staged(
        storage,
        an_effect("eff_late", due_at=NOW + MINUTE),
        an_effect("eff_early", payment_id=PAY_B, due_at=NOW),
        an_effect("eff_later", payment_id=PaymentId("pay_c"), due_at=NOW + 2 * MINUTE),
    )

    assert _ids(await _claim(storage, limit=2)) == ["eff_early", "eff_late"]
    assert _ids(await _claim(storage, limit=2)) == ["eff_later"]
    assert _ids(await _claim(storage)) == []


async def test_a_row_that_is_not_due_waits(storage: Storage) -> None:
    due_at = (await now(storage)).lease_now + MINUTE
    await staged(storage, an_effect(due_at=due_at))

    assert await _claim(storage) == []


async def test_a_payment_has_one_effect_in_flight_at_a_time(storage: Storage) -> None:
    await staged(
        storage,
        an_effect("eff_a1"),
        an_effect("eff_a2", due_at=NOW + MINUTE),
        an_effect("eff_b", payment_id=PAY_B, due_at=NOW + MINUTE),
    )

    first, other = await _claim(storage)
    assert (first.id, other.id) == ("eff_a1", "eff_b")
    assert await _claim(storage) == []
    assert await _claim_one(storage, "of_eff_a2") is None
    await _record(storage, first, DONE)

    assert _ids(await _claim(storage)) == ["eff_a2"]


async def test_a_lease_that_ran_out_frees_the_row_for_another(storage: Storage) -> None:
    await staged(storage, an_effect())
    (dead,) = await _claim(storage, lease=OVER_AT_ONCE)

    (successor,) = await _claim(storage)

    assert (successor.attempt, successor.fence) == (2, 2)
    assert successor.first_sent_at == dead.first_sent_at


async def test_what_a_dead_claimer_left_comes_before_the_next_of_its_payment(
    storage: Storage,
) -> None:
    await staged(storage, an_effect("eff_first"), an_effect("eff_second", due_at=NOW))
    (left,) = await _claim(storage, limit=1, lease=OVER_AT_ONCE)

    again = await _claim(storage)

    assert _ids(again) == [left.id]


async def test_only_who_claimed_last_records_the_outcome(storage: Storage) -> None:
    await staged(storage, an_effect())
    (zombie,) = await _claim(storage, lease=OVER_AT_ONCE)
    (successor,) = await _claim(storage)

    with pytest.raises(FencedOut):
        await _record(storage, zombie, DONE)
    assert (await storage.effect("eff_a")).state is EffectState.SENDING
    await _record(storage, successor, DONE)
    with pytest.raises(FencedOut):
        await _record(storage, zombie, Outcome(state=EffectState.DEAD))

    recorded = await storage.effect("eff_a")
    assert (recorded.state, recorded.reason) == (EffectState.DONE, "as was asked")
    assert recorded.lease_until is None


async def test_a_late_outcome_counts_while_nobody_else_has_claimed(storage: Storage) -> None:
    await staged(storage, an_effect())
    (late,) = await _claim(storage, lease=OVER_AT_ONCE)

    await _record(storage, late, DONE)

    assert (await storage.effect("eff_a")).state is EffectState.DONE


async def test_recording_the_same_outcome_again_is_harmless(storage: Storage) -> None:
    await staged(storage, an_effect())
    (claimed,) = await _claim(storage)

    await _record(storage, claimed, DONE)
    await _record(storage, claimed, DONE)

    assert (await storage.effect("eff_a")).state is EffectState.DONE


@pytest.mark.parametrize("state", [EffectState.DONE, EffectState.DEAD])
async def test_what_is_over_is_not_claimed_any_more(storage: Storage, state: EffectState) -> None:
    await staged(storage, an_effect())
    (claimed,) = await _claim(storage)

    await _record(storage, claimed, Outcome(state=state))

    assert await _claim(storage) == []
    assert await _claim_one(storage, "of_eff_a") is None


async def test_an_attempt_that_came_to_nothing_is_due_again_when_it_says(
    storage: Storage,
) -> None:
    await staged(storage, an_effect())
    (first,) = await _claim(storage)
    in_a_while = (await now(storage)).lease_now + MINUTE

    again = Outcome(state=EffectState.NEW, reason="no answer", due_at=in_a_while)
    await _record(storage, first, again)
    assert await _claim(storage) == []
    retried = await _claim_one(storage, "of_eff_a")

    assert retried is not None
    assert (retried.attempt, retried.fence, retried.reason) == (2, 2, "no answer")
    assert retried.first_sent_at == first.first_sent_at


async def test_one_row_can_be_taken_before_it_is_due(storage: Storage) -> None:
    due_at = (await now(storage)).lease_now + HOUR
    await staged(storage, an_effect(due_at=due_at))

    taken = await _claim_one(storage, "of_eff_a")

    assert taken is not None
    assert (taken.state, taken.attempt) == (EffectState.SENDING, 1)
    assert await _claim_one(storage, "of_eff_a") is None


async def test_or_after_its_claimer_is_gone(storage: Storage) -> None:
    await staged(storage, an_effect())
    await _claim_one(storage, "of_eff_a", lease=OVER_AT_ONCE)

    taken = await _claim_one(storage, "of_eff_a")

    assert taken is not None
    assert taken.fence == 2


async def test_what_was_never_staged_is_not_there_to_take(storage: Storage) -> None:
    await staged(storage, an_effect(operation=Operation.CHECKOUT_OPEN, entity_id="pay_a"))

    assert await _claim_one(storage, "pay_a") is None


async def test_claimers_at_once_get_different_rows(storage: Storage) -> None:
    await staged(
        storage,
        an_effect("eff_a"),
        an_effect("eff_b", payment_id=PAY_B),
        an_effect("eff_c", payment_id=PaymentId("pay_c")),
    )

    claims = await asyncio.gather(*(_claim(storage, limit=1) for _ in range(3)))

    claimed = [effect.id for claim in claims for effect in claim]
    assert len(claimed) == len(set(claimed))
    rest = await _claim(storage)
    assert sorted([*claimed, *_ids(rest)]) == ["eff_a", "eff_b", "eff_c"]
