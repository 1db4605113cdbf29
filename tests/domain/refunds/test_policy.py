"""How much may go back, how often we try by ourselves, and what a provider's report means."""

from __future__ import annotations

from datetime import datetime, timedelta

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.payments.model import HoldName
from domain.refunds import policy
from domain.refunds.lifecycle import RefundState
from domain.refunds.model import Refund, RefundReason, RefundReport
from domain.shared.money import Money
from tests.builders import HOUR, NOW, PRICE, a_job, a_payment, a_refund
from tests.domain.properties import tried

COMES_TO_NOTHING = {"failed", "rejected", "cancelled"}
STATES = st.sampled_from([state.value for state in RefundState])
DELIVERED = a_job("completed", completed_at=NOW + HOUR)


def _of(state: str, minor: int, reason: RefundReason = RefundReason.WORK_FAILED) -> Refund:
    return a_refund(state, amount=Money(minor, "usd"), reason=reason)


@tried
@given(refunds=st.lists(st.tuples(STATES, st.integers(1, 100)), max_size=6))
def test_refundable_is_what_was_captured_and_is_not_spoken_for(
    refunds: list[tuple[str, int]],
) -> None:
    payment = a_payment("paid", captured=PRICE)
    spoken_for = sum(minor for state, minor in refunds if state not in COMES_TO_NOTHING)

    left = policy.refundable(payment, [_of(*refund) for refund in refunds])

    assert left == Money(max(199 - spoken_for, 0), "usd")


def test_nothing_is_refundable_of_what_was_never_captured() -> None:
    assert policy.refundable(a_payment(), []) == Money(0, "usd")


def test_what_was_captured_is_refundable_in_the_currency_it_came_in() -> None:
    held = a_payment("held", captured=Money(7, "eur"))

    assert policy.refundable(held, []) == Money(7, "eur")


@pytest.mark.parametrize(
    ("refunds", "may"),
    [
        ([], True),
        ([("failed", RefundReason.WORK_FAILED)], True),
        ([("failed", RefundReason.WORK_FAILED), ("failed", RefundReason.DEADLINE_MISSED)], False),
        ([("failed", RefundReason.DUPLICATE), ("failed", RefundReason.NOT_HONOURABLE)], False),
        ([("failed", RefundReason.WORK_FAILED), ("succeeded", RefundReason.WORK_FAILED)], True),
        ([("failed", RefundReason.REQUESTED)] * 5, True),
        ([("failed", RefundReason.ADOPTED)] * 5, True),
    ],
)
def test_by_ourselves_we_try_twice(refunds: list[tuple[str, RefundReason]], may: bool) -> None:
    tried = [_of(state, 199, reason) for state, reason in refunds]

    assert policy.may_try_automatically(tried) is may


def test_returned_is_what_succeeded_or_was_settled_otherwise() -> None:
    every = [_of(state.value, 10**index) for index, state in enumerate(RefundState)]

    returned = policy.returned_minor(every)

    states = list(RefundState)
    assert returned == sum(
        10 ** states.index(RefundState(state)) for state in ("succeeded", "settled_otherwise")
    )


WORDS = ["pending", "requires_action", "succeeded", "failed", "canceled"]
UNDECIDED = ["requested", "awaiting_approval", "submitted", "pending", "requires_action"]
NAMES = {"canceled": "cancelled"}


def _report(status: str, **facts: str | None) -> RefundReport:
    report = RefundReport(
        provider_id="re_a",
        refund_id="ref_a",
        intent_id="pi_a",
        charge_id="ch_a",
        amount=PRICE,
        status=status,
    )
    return attrs.evolve(
        report,
        failure_reason=facts.get("failure_reason"),
        pending_reason=facts.get("pending_reason"),
    )


def _followed(refund: Refund, report: RefundReport) -> Refund:
    for event in policy.events_of(refund, report, NOW):
        refund = refund.apply(event)
    return refund


@pytest.mark.parametrize("word", WORDS)
@pytest.mark.parametrize("state", UNDECIDED)
def test_an_undecided_refund_becomes_what_the_provider_says(state: str, word: str) -> None:
    assert _followed(a_refund(state), _report(word)).state == NAMES.get(word, word)


@pytest.mark.parametrize("word", WORDS)
@pytest.mark.parametrize(
    ("state", "then"),
    [
        ("succeeded", {"failed": "failed"}),
        ("failed", {}),
        ("cancelled", {}),
        ("rejected", {}),
        ("settled_otherwise", {}),
    ],
)
def test_a_decided_one_never_steps_back_but_a_success_may_fail_later(
    state: str, then: dict[str, str], word: str
) -> None:
    assert _followed(a_refund(state), _report(word)).state == then.get(word, state)


@pytest.mark.parametrize("word", ["", "Succeeded", "reversed", "unknown"])
def test_a_word_we_do_not_know_says_nothing(word: str) -> None:
    refund = a_refund("submitted")

    assert _followed(refund, _report(word)) == refund


@tried
@given(first=st.sampled_from(WORDS), second=st.sampled_from(WORDS))
def test_the_same_report_twice_changes_nothing_the_second_time(first: str, second: str) -> None:
    once = _followed(_followed(a_refund("submitted"), _report(first)), _report(second))

    assert _followed(once, _report(second)) == once


def test_why_it_failed_is_kept() -> None:
    reasons = [
        _followed(a_refund("submitted"), _report("failed", failure_reason=reason)).failure_reason
        for reason in ("lost_or_stolen_card", None)
    ]

    assert reasons == ["lost_or_stolen_card", "unknown"]


def test_what_the_report_says_beside_the_state_is_noted() -> None:
    pending = _followed(a_refund("submitted"), _report("pending"))

    noted = policy.noted(pending, _report("pending", pending_reason="insufficient_funds"))
    again = policy.noted(noted, attrs.evolve(_report("pending"), provider_id=None))

    assert (noted.provider_id, noted.pending_reason) == ("re_a", "insufficient_funds")
    assert (again.provider_id, again.pending_reason) == ("re_a", None)


def test_a_refusal_reads_as_a_failure_of_the_very_refund() -> None:
    refused = RefundReport.refused(a_refund("submitted"), "charge_disputed")

    assert (refused.provider_id, refused.refund_id, refused.status) == (None, "ref_a", "failed")
    assert policy.known([a_refund("submitted")], refused) == a_refund("submitted")


def test_the_providers_name_counts_for_more_than_ours() -> None:
    ours = a_refund("submitted", refund_id="ref_a", provider_id="re_other")
    theirs = a_refund("submitted", refund_id="ref_b", provider_id="re_a")

    assert policy.known([ours, theirs], _report("succeeded")) == theirs
    assert policy.known([ours], _report("succeeded")) is None
    assert policy.known([a_refund()], _report("succeeded")) == a_refund()


def test_the_next_look_comes_later_each_time_and_never_when_it_is_decided() -> None:
    undecided = a_refund("submitted")
    waits = []
    for _ in range(6):
        undecided = policy.checked(undecided, NOW)
        assert undecided.check_due_at is not None
        waits.append(undecided.check_due_at - NOW)

    assert waits == [
        timedelta(minutes=2),
        timedelta(minutes=10),
        timedelta(hours=1),
        timedelta(hours=6),
        timedelta(days=1),
        timedelta(days=1),
    ]
    assert policy.checked(a_refund("succeeded", check_due_at=NOW), NOW).check_due_at is None


@pytest.mark.parametrize(
    ("paid_at", "earned"), [(NOW, True), (NOW + HOUR, True), (NOW + 2 * HOUR, False)]
)
def test_money_that_came_after_the_delivery_was_never_earned(
    paid_at: datetime, earned: bool
) -> None:
    payment = attrs.evolve(a_payment("paid", captured=PRICE), paid_at=paid_at)

    assert policy.is_earned(DELIVERED, payment) is earned
    assert not policy.is_earned(a_job("processing"), payment)


HOLDS = [
    # refunds, oldest first                                    holds
    ([("failed", 199)], True),
    ([("cancelled", 199)], True),
    ([("failed", 199), ("requested", 199)], True),
    ([("failed", 50), ("succeeded", 50)], False),
    ([("failed", 199), ("succeeded", 50)], True),
    ([("failed", 100), ("succeeded", 50), ("succeeded", 50)], False),
    ([("succeeded", 50), ("failed", 50)], True),
    ([("succeeded", 50)], False),
    ([("settled_otherwise", 50)], False),
    ([], False),
]


@pytest.mark.parametrize(("refunds", "held"), HOLDS, ids=str)
def test_a_failed_refund_is_a_hold_until_as_much_went_back_after_it(
    refunds: list[tuple[str, int]], held: bool
) -> None:
    payment = policy.holds_of(
        a_payment("paid", captured=PRICE), [_of(*refund) for refund in refunds], NOW
    )

    assert (HoldName.REFUND_FAILED in payment.holds) is held


def test_one_refund_waiting_for_balance_is_enough_for_that_hold() -> None:
    waiting = attrs.evolve(_of("pending", 50), pending_reason="insufficient_funds")
    payment = a_payment("paid", captured=PRICE)

    held = policy.holds_of(payment, [waiting, _of("succeeded", 50)], NOW)
    released = policy.holds_of(held, [_of("succeeded", 50)] * 2, NOW + HOUR)

    assert held.holds == {HoldName.REFUND_AWAITING_BALANCE: NOW}
    assert released.holds == {}


def test_everything_went_back_only_when_nothing_captured_is_still_here() -> None:
    kept = a_payment("paid", captured=PRICE)
    gone = attrs.evolve(kept, returned_minor=199)

    assert policy.everything_went_back([gone, a_payment("expired")])
    assert not policy.everything_went_back([gone, kept])
    assert not policy.everything_went_back([a_payment("expired")])
    assert not policy.everything_went_back([])
