"""Every edge of a payment and of its dispute, written by hand from the contract."""

from __future__ import annotations

import pytest

from domain.audit.model import PROVIDER
from domain.jobs.errors import IllegalTransition
from domain.payments import events as e
from domain.payments.lifecycle import (
    DISPUTE_TRANSITIONS,
    TRANSITIONS,
    DisputeState,
    PaymentState,
)
from domain.payments.model import HoldName, Payment
from domain.shared.money import Money
from tests.builders import ADMIN, HOUR, NOW, PRICE, a_payment, captured

AWAITED = e.FundsAwaited(at=NOW, by=PROVIDER)
CAPTURED = captured()
MISMATCH = e.MismatchCaptured(
    at=NOW, by=PROVIDER, amount=Money(1, "usd"), intent_id="pi_a", charge_id="ch_a"
)
ACCEPTED = e.MismatchAccepted(at=NOW, by=ADMIN, reason="close enough")
EXPIRED = e.SessionExpired(at=NOW, by=PROVIDER)
FUNDS_FAILED = e.FundsFailed(at=NOW, by=PROVIDER)
PART = e.ReturnedInPart(at=NOW, by=PROVIDER, returned=Money(50, "usd"))
FULL = e.ReturnedInFull(at=NOW, by=PROVIDER, returned=PRICE)
REVERSED = e.ReturnReversed(at=NOW, by=PROVIDER, returned=Money(0, "usd"))
HELD_AGAIN = e.HeldReturnReversed(at=NOW, by=PROVIDER, returned=Money(0, "usd"))
EVENTS: list[e.PaymentEvent] = [
    AWAITED,
    CAPTURED,
    MISMATCH,
    ACCEPTED,
    EXPIRED,
    FUNDS_FAILED,
    PART,
    FULL,
    REVERSED,
    HELD_AGAIN,
]

SPEC: list[tuple[str, e.PaymentEvent, str]] = [
    # given                when          then
    ("pending",            CAPTURED,     "paid"),
    ("pending",            AWAITED,      "awaiting_funds"),
    ("pending",            EXPIRED,      "expired"),
    ("pending",            MISMATCH,     "held"),
    ("awaiting_funds",     CAPTURED,     "paid"),
    ("awaiting_funds",     FUNDS_FAILED, "failed"),
    ("awaiting_funds",     MISMATCH,     "held"),
    ("expired",            CAPTURED,     "paid"),
    ("expired",            MISMATCH,     "held"),
    ("failed",             CAPTURED,     "paid"),
    ("failed",             MISMATCH,     "held"),
    ("held",               ACCEPTED,     "paid"),
    ("held",               PART,         "partially_refunded"),
    ("held",               FULL,         "refunded"),
    ("paid",               PART,         "partially_refunded"),
    ("paid",               FULL,         "refunded"),
    ("partially_refunded", PART,         "partially_refunded"),
    ("partially_refunded", FULL,         "refunded"),
    ("partially_refunded", REVERSED,     "paid"),
    ("partially_refunded", HELD_AGAIN,   "held"),
    ("refunded",           PART,         "partially_refunded"),
    ("refunded",           REVERSED,     "paid"),
    ("refunded",           HELD_AGAIN,   "held"),
]  # fmt: skip

ALLOWED = {(given, when.name) for given, when, _ in SPEC}
FORBIDDEN = {
    state.value: [event for event in EVENTS if (state.value, event.name) not in ALLOWED]
    for state in PaymentState
}

INQUIRY = e.InquiryOpened(at=NOW, by=PROVIDER)
INQUIRY_CLOSED = e.InquiryClosed(at=NOW, by=PROVIDER)
OPENED = e.DisputeOpened(at=NOW, by=PROVIDER)
WON = e.DisputeWon(at=NOW, by=PROVIDER)
LOST = e.DisputeLost(at=NOW, by=PROVIDER)
DISPUTE_EVENTS: list[e.DisputeEvent] = [INQUIRY, INQUIRY_CLOSED, OPENED, WON, LOST]

DISPUTE_SPEC: list[tuple[str, e.DisputeEvent, str]] = [
    # given     when            then
    ("none",    INQUIRY,        "inquiry"),
    ("none",    OPENED,         "open"),
    ("none",    LOST,           "lost"),    # no answer was allowed
    ("inquiry", INQUIRY_CLOSED, "none"),
    ("inquiry", OPENED,         "open"),
    ("open",    WON,            "won"),
    ("open",    LOST,           "lost"),
    ("won",     OPENED,         "open"),    # a second one on the same charge
    ("lost",    OPENED,         "open"),
    ("lost",    WON,            "won"),     # an appeal
]  # fmt: skip

DISPUTE_ALLOWED = {(given, when.name) for given, when, _ in DISPUTE_SPEC}
DISPUTE_FORBIDDEN = {
    state.value: [e for e in DISPUTE_EVENTS if (state.value, e.name) not in DISPUTE_ALLOWED]
    for state in DisputeState
}


def _named(case: object) -> str:
    return case.name if isinstance(case, e.PaymentEvent | e.DisputeEvent) else str(case)


@pytest.mark.parametrize(("given", "when", "then"), SPEC, ids=_named)
def test_a_payment_moves_as_the_contract_says(given: str, when: e.PaymentEvent, then: str) -> None:
    payment = a_payment(given)

    moved = payment.apply(when)

    change = moved.changes[-1]
    assert moved.state == then
    assert moved.version == payment.version + 1 == change.version
    assert (change.before, change.after, change.event) == (given, then, when.name)


@pytest.mark.parametrize("given", FORBIDDEN)
def test_a_payment_refuses_everything_else_and_stays_as_it_was(given: str) -> None:
    payment = a_payment(given)

    for when in FORBIDDEN[given]:
        with pytest.raises(IllegalTransition, match=f"is {given} cannot take {when.name}"):
            payment.apply(when)

    assert payment == a_payment(given)
    assert len(payment.changes) == 1


@pytest.mark.parametrize(("given", "when", "then"), DISPUTE_SPEC, ids=_named)
def test_a_dispute_moves_beside_the_payment_and_an_open_one_is_a_hold(
    given: str, when: e.DisputeEvent, then: str
) -> None:
    payment = _disputed(given)

    moved = payment.apply_dispute(when)

    assert (moved.dispute, moved.state) == (then, payment.state)
    assert (HoldName.DISPUTE in moved.holds) is (then == "open")
    assert (moved.changes[-1].before, moved.changes[-1].after) == (given, then)


@pytest.mark.parametrize("given", DISPUTE_FORBIDDEN)
def test_a_dispute_refuses_everything_else(given: str) -> None:
    payment = _disputed(given)

    for when in DISPUTE_FORBIDDEN[given]:
        with pytest.raises(IllegalTransition, match=f"is {given} cannot take {when.name}"):
            payment.apply_dispute(when)

    assert payment == _disputed(given)


def _disputed(state: str) -> Payment:
    return a_payment("paid", dispute=DisputeState(state))


def test_every_state_is_a_key_and_every_event_is_known_here() -> None:
    kinds = {kind for kind in vars(e).values() if isinstance(kind, type)}
    of_payments = {kind for kind in kinds if issubclass(kind, e.PaymentEvent)}
    of_disputes = {kind for kind in kinds if issubclass(kind, e.DisputeEvent)}

    assert set(TRANSITIONS) == set(PaymentState)
    assert set(DISPUTE_TRANSITIONS) == set(DisputeState)
    assert of_payments == {type(event) for event in EVENTS} | {e.PaymentEvent, e.PaymentQuoted}
    assert of_disputes == {type(event) for event in DISPUTE_EVENTS} | {e.DisputeEvent}


def test_a_declined_card_is_no_event_at_all() -> None:
    assert not [name for name in vars(e) if "eclin" in name]


def test_a_capture_keeps_what_was_taken_and_where() -> None:
    paid = a_payment(check_due_at=NOW).apply(CAPTURED)

    assert (paid.captured, paid.intent_id, paid.charge_id) == (PRICE, "pi_a", "ch_a")
    assert (paid.paid_at, paid.check_due_at, paid.kept_minor) == (NOW, None, 199)


@pytest.mark.parametrize(
    ("amount", "mismatched"),
    [
        (PRICE, False),
        (Money(198, "usd"), True),
        (Money(200, "usd"), True),
        (Money(199, "eur"), True),
    ],
    ids=str,
)
def test_a_mismatch_is_another_amount_or_another_currency(amount: Money, mismatched: bool) -> None:
    assert a_payment("held", captured=amount).is_mismatched is mismatched


def test_a_mismatch_is_held_until_a_person_lets_it_pass() -> None:
    held = a_payment().apply(MISMATCH)

    accepted = held.apply(ACCEPTED)

    assert held.holds == {HoldName.AMOUNT_MISMATCH: NOW}
    assert held.is_mismatched
    assert accepted.holds == {}
    assert not accepted.is_mismatched


def test_money_that_is_with_the_customer_again_is_on_no_hold_but_a_dispute() -> None:
    held = a_payment("paid", captured=PRICE).hold(HoldName.REFUND_FAILED, NOW).apply_dispute(OPENED)

    returned = held.apply(FULL)

    assert returned.holds == {HoldName.DISPUTE: NOW}
    assert (returned.returned_minor, returned.kept_minor) == (199, 0)


def test_a_hold_says_since_when_and_once_is_enough() -> None:
    held = a_payment().hold(HoldName.REFUND_FAILED, NOW)

    again = held.hold(HoldName.REFUND_FAILED, NOW + HOUR)

    assert again.holds == {HoldName.REFUND_FAILED: NOW}
    assert again.release(HoldName.REFUND_FAILED).holds == {}
    assert again.release(HoldName.DISPUTE) == again


@pytest.mark.parametrize("state", list(PaymentState))
def test_live_is_what_may_still_be_paid_without_anybody_starting_again(state: str) -> None:
    assert a_payment(state).is_live is (state in {"pending", "awaiting_funds"})
