"""Keys, back-off, and the end of patience, for what we send and for what we apply."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.outbox.lifecycle import EffectState
from domain.outbox.model import Operation, Outcome
from domain.outbox.policy import backoff, idempotency_key, must_look_first, try_again
from domain.provider_events.lifecycle import EventState
from domain.provider_events.model import Verdict
from domain.provider_events.policy import try_again as try_event_again
from tests.builders import HOUR, NOW, an_effect, an_entry
from tests.domain.properties import tried

SECOND = timedelta(seconds=1)


def test_the_same_intent_has_the_same_key() -> None:
    key = idempotency_key("sandbox", Operation.REFUND_CREATE, "ref_a", 2)

    assert key == "cf1:sandbox:refund.create:ref_a:g2"


@pytest.mark.parametrize(
    ("attempt", "jitter", "waits"),
    [
        (1, 0.5, 2.5 * SECOND),
        (2, 0.5, 5 * SECOND),
        (3, 0.5, 10 * SECOND),
        (1, 0.0, 0.5 * SECOND),
        (10, 0.5, 1280 * SECOND),
        (11, 0.5, 0.5 * HOUR),
        (10_000, 0.999, 0.999 * HOUR),
    ],
)
def test_waits_double_up_to_an_hour(attempt: int, jitter: float, waits: timedelta) -> None:
    assert backoff(attempt, jitter) == waits


@tried
@given(attempt=st.integers(1, 10_000), jitter=st.floats(0, 1, exclude_max=True))
def test_a_wait_is_never_under_half_a_second_nor_over_an_hour(attempt: int, jitter: float) -> None:
    assert 0.5 * SECOND <= backoff(attempt, jitter) <= HOUR


def test_an_attempt_without_an_answer_is_made_again_on_the_lease_clock() -> None:
    effect = an_effect(attempt=1, first_sent_at=NOW)

    outcome = try_again(effect, "no answer", now=NOW + HOUR, lease_now=NOW, jitter=0.5)

    assert outcome == Outcome(state=EffectState.NEW, reason="no answer", due_at=NOW + 2.5 * SECOND)


@pytest.mark.parametrize(
    ("operation", "age_h", "state"),
    [
        (Operation.CHECKOUT_EXPIRE, 71, "new"),
        (Operation.CHECKOUT_EXPIRE, 72, "new"),
        (Operation.CHECKOUT_EXPIRE, 72.001, "dead"),
        # What is owed to a customer is never given up.
        (Operation.REFUND_CREATE, 72.001, "new"),
        (Operation.REFUND_CREATE, 10_000, "new"),
    ],
)
def test_patience_with_an_effect_ends_after_72_hours_unless_it_gives_money_back(
    operation: Operation, age_h: float, state: str
) -> None:
    effect = an_effect(operation=operation, attempt=40, first_sent_at=NOW)

    outcome = try_again(effect, "still none", now=NOW + age_h * HOUR, lease_now=NOW, jitter=0.5)

    assert outcome.state == state


@pytest.mark.parametrize(("age_h", "first"), [(0, False), (20, False), (20.001, True)])
def test_what_is_older_than_20_hours_is_looked_for_first(age_h: float, first: bool) -> None:
    assert must_look_first(an_effect(first_sent_at=NOW), NOW + age_h * HOUR) is first


def test_what_was_never_sent_cannot_be_there() -> None:
    assert not must_look_first(an_effect(first_sent_at=None), NOW + 99 * HOUR)


def test_a_claim_counts_before_the_work_and_remembers_when_the_key_was_first_used() -> None:
    first = an_effect().claimed(now=NOW, lease_now=NOW, lease=HOUR)

    second = first.claimed(now=NOW + HOUR, lease_now=NOW + HOUR, lease=HOUR)

    assert (first.attempt, first.fence, second.attempt, second.fence) == (1, 1, 2, 2)
    assert second.first_sent_at == NOW
    assert second.lease_until == NOW + 2 * HOUR


@pytest.mark.parametrize(
    ("age_h", "attempt", "crashed", "state"),
    [
        (1, 11, True, "new"),
        (1, 12, True, "dead"),
        (1, 500, False, "new"),
        (73, 2, False, "dead"),
        (73, 2, True, "new"),
    ],
)
def test_an_event_is_waited_for_72_hours_and_may_crash_us_a_dozen_times(
    age_h: int, attempt: int, crashed: bool, state: str
) -> None:
    entry = an_entry(received_at=NOW, attempt=attempt)

    verdict = try_event_again(
        entry, "why", now=NOW + age_h * HOUR, lease_now=NOW, jitter=0.5, crashed=crashed
    )

    dead = Verdict(state=EventState.DEAD, reason="why")
    assert (verdict == dead) is (state == "dead")
    assert verdict.state == state
