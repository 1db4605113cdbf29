"""Every edge of a refund, written by hand from the contract; and every one that is not there."""

from __future__ import annotations

import pytest

from domain.audit.model import PROVIDER, SYSTEM
from domain.jobs.errors import IllegalTransition
from domain.refunds import events as e
from domain.refunds.lifecycle import TRANSITIONS, RefundState
from tests.builders import ADMIN, NOW, a_refund

ASKED = e.ApprovalAsked(at=NOW, by=SYSTEM)
SUBMITTED = e.RefundSubmitted(at=NOW, by=SYSTEM)
REJECTED = e.RefundRejected(at=NOW, by=ADMIN, reason="no")
CANCELLED = e.RefundCancelled(at=NOW, by=ADMIN)
PENDING = e.RefundPending(at=NOW, by=PROVIDER, pending_reason="insufficient_funds")
ACTION = e.RefundActionRequired(at=NOW, by=PROVIDER)
SUCCEEDED = e.RefundSucceeded(at=NOW, by=PROVIDER)
FAILED = e.RefundFailed(at=NOW, by=PROVIDER, failure_reason="expired_or_canceled_card")
SETTLED = e.SettledOtherwise(at=NOW, by=ADMIN, reference="wire 7")
EVENTS: list[e.RefundEvent] = [
    ASKED,
    SUBMITTED,
    REJECTED,
    CANCELLED,
    PENDING,
    ACTION,
    SUCCEEDED,
    FAILED,
    SETTLED,
]

SPEC: list[tuple[str, e.RefundEvent, str]] = [
    # given               when       then
    ("requested",         ASKED,     "awaiting_approval"),
    ("requested",         SUBMITTED, "submitted"),
    ("requested",         CANCELLED, "cancelled"),
    ("awaiting_approval", SUBMITTED, "submitted"),
    ("awaiting_approval", REJECTED,  "rejected"),
    ("awaiting_approval", CANCELLED, "cancelled"),
    ("submitted",         PENDING,   "pending"),
    ("submitted",         ACTION,    "requires_action"),
    ("submitted",         SUCCEEDED, "succeeded"),
    ("submitted",         FAILED,    "failed"),
    ("pending",           ACTION,    "requires_action"),
    ("pending",           SUCCEEDED, "succeeded"),
    ("pending",           FAILED,    "failed"),
    ("pending",           CANCELLED, "cancelled"),
    ("requires_action",   PENDING,   "pending"),
    ("requires_action",   SUCCEEDED, "succeeded"),
    ("requires_action",   FAILED,    "failed"),
    ("requires_action",   CANCELLED, "cancelled"),
    ("succeeded",         FAILED,    "failed"),            # days later, in real life
    ("failed",            SETTLED,   "settled_otherwise"),
]  # fmt: skip

ALLOWED = {(given, when.name) for given, when, _ in SPEC}
FORBIDDEN = {
    state.value: [event for event in EVENTS if (state.value, event.name) not in ALLOWED]
    for state in RefundState
}


def _named(case: object) -> str:
    return case.name if isinstance(case, e.RefundEvent) else str(case)


@pytest.mark.parametrize(("given", "when", "then"), SPEC, ids=_named)
def test_a_refund_moves_as_the_contract_says(given: str, when: e.RefundEvent, then: str) -> None:
    refund = a_refund(given)

    moved = refund.apply(when)

    change = moved.changes[-1]
    assert moved.state == then
    assert moved.version == refund.version + 1 == change.version
    assert (change.before, change.after, change.event) == (given, then, when.name)


@pytest.mark.parametrize("given", FORBIDDEN)
def test_a_refund_refuses_everything_else_and_stays_as_it_was(given: str) -> None:
    refund = a_refund(given)

    for when in FORBIDDEN[given]:
        with pytest.raises(IllegalTransition, match=f"is {given} cannot take {when.name}"):
            refund.apply(when)

    assert refund == a_refund(given)
    assert len(refund.changes) == 1


def test_every_state_is_a_key_and_every_event_is_known_here() -> None:
    beginnings = {e.RefundEvent, e.RefundRequested, e.RefundAdopted}
    of_the_domain = {
        kind
        for kind in vars(e).values()
        if isinstance(kind, type) and issubclass(kind, e.RefundEvent)
    }

    assert set(TRANSITIONS) == set(RefundState)
    assert of_the_domain == {type(event) for event in EVENTS} | beginnings


@pytest.mark.parametrize("state", list(RefundState))
def test_an_amount_is_spoken_for_unless_the_refund_came_to_nothing(state: str) -> None:
    assert a_refund(state).counts is (state not in {"failed", "rejected", "cancelled"})


def test_why_it_waits_is_forgotten_when_it_is_decided() -> None:
    waiting = a_refund("submitted", check_due_at=NOW).apply(PENDING)

    decided = [waiting.apply(event) for event in (SUCCEEDED, FAILED, CANCELLED)]

    assert waiting.pending_reason == "insufficient_funds"
    assert {refund.pending_reason for refund in decided} == {None}
    assert {refund.check_due_at for refund in decided} == {None}
    assert decided[0].succeeded_at == NOW
    assert decided[1].failure_reason == "expired_or_canceled_card"
