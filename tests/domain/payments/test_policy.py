"""What a provider's report of a checkout means: forward edges only, never a step back."""

from __future__ import annotations

import itertools
from datetime import timedelta
from typing import Any

import attrs
import pytest

from domain.payments import policy
from domain.payments.lifecycle import PaymentState
from domain.payments.model import CheckoutReport, Payment
from domain.shared.money import Money
from tests.builders import HOUR, MINUTE, NOW, PRICE, a_payment, a_session

BLANK = CheckoutReport(
    session_id="cs_a",
    url="https://pay.example/cs_a",
    expires_at=NOW + 24 * HOUR,
    status="open",
    payment_status="unpaid",
    job_id="job_a",
    payment_id="pay_a",
)
REPORTS: dict[str, dict[str, Any]] = {
    "open": {},
    "expired": {"status": "expired"},
    "unpaid": {"status": "complete"},
    "failed": {"status": "complete", "failed": True},
    "captured": {"status": "complete", "payment_status": "paid", "captured": PRICE},
    "mismatch": {"status": "complete", "payment_status": "paid", "captured": Money(1, "usd")},
}


def _report(name: str) -> CheckoutReport:
    return attrs.evolve(BLANK, **REPORTS[name])


def _followed(payment: Payment, report: CheckoutReport) -> Payment:
    for event in policy.events_of(payment, report, NOW):
        payment = payment.apply(event)
    return payment


SPEC = {
    # known             reported: becomes
    "pending":        {"expired": "expired", "unpaid": "awaiting_funds", "failed": "failed",
                       "captured": "paid", "mismatch": "held"},
    "awaiting_funds": {"failed": "failed", "captured": "paid", "mismatch": "held"},
    "expired":        {"captured": "paid", "mismatch": "held"},
    "failed":         {"captured": "paid", "mismatch": "held"},
}  # fmt: skip
CASES = [
    (state.value, word, SPEC.get(state, {}).get(word, state.value))
    for state, word in itertools.product(PaymentState, REPORTS)
]


@pytest.mark.parametrize(("known", "reported", "becomes"), CASES)
def test_a_report_moves_a_payment_forward_or_not_at_all(
    known: str, reported: str, becomes: str
) -> None:
    assert _followed(a_payment(known), _report(reported)).state == becomes


@pytest.mark.parametrize("order", list(itertools.permutations(["unpaid", "open", "captured"])))
def test_old_reports_that_come_late_change_nothing(order: tuple[str, ...]) -> None:
    payment = a_payment()
    for word in order:
        payment = _followed(payment, _report(word))

    assert payment.state == "paid"


def test_a_checkout_that_is_complete_is_not_paid_unless_it_says_so() -> None:
    assert _followed(a_payment(), _report("unpaid")).captured is None


def test_what_the_report_says_beside_the_state_is_noted() -> None:
    known = a_payment(intent_id="pi_known")
    report = attrs.evolve(_report("open"), intent_id="pi_new", charge_id="ch_new")

    noted = policy.noted(known, report)

    assert noted.session == a_session()
    assert (noted.provider_status, noted.intent_id, noted.charge_id) == (
        "unpaid",
        "pi_known",
        "ch_new",
    )


@pytest.mark.parametrize(
    ("checks", "wait"),
    [
        (0, 2 * MINUTE),
        (1, 10 * MINUTE),
        (2, HOUR),
        (3, 6 * HOUR),
        (4, 24 * HOUR),
        (99, 24 * HOUR),
    ],
)
def test_looks_come_later_each_time(checks: int, wait: timedelta) -> None:
    checked = policy.checked(a_payment(checks=checks), NOW)

    assert (checked.check_due_at, checked.checks) == (NOW + wait, checks + 1)


def test_but_soon_after_the_session_ends() -> None:
    payment = a_payment(checks=3, session=a_session(expires_at=NOW + HOUR))

    assert policy.checked(payment, NOW).check_due_at == NOW + HOUR + timedelta(seconds=30)
    assert policy.checked(payment, NOW + HOUR).check_due_at == NOW + 7 * HOUR


@pytest.mark.parametrize("state", ["paid", "expired", "failed", "held", "refunded"])
def test_nobody_looks_at_what_is_decided(state: str) -> None:
    assert policy.checked(a_payment(state, check_due_at=NOW), NOW).check_due_at is None


RETURNS = [
    # known state           accounted  returned  becomes
    ("paid", 0, 0, None),
    ("paid", 0, 50, "partially_refunded"),
    ("paid", 0, 199, "refunded"),
    ("partially_refunded", 50, 100, "partially_refunded"),
    ("partially_refunded", 100, 50, "partially_refunded"),
    ("partially_refunded", 50, 50, None),
    ("partially_refunded", 50, 199, "refunded"),
    ("partially_refunded", 50, 0, "paid"),
    ("refunded", 199, 150, "partially_refunded"),
    ("refunded", 199, 0, "paid"),
]


@pytest.mark.parametrize(("state", "known", "returned", "becomes"), RETURNS)
def test_what_went_back_in_all_says_where_a_payment_stands(
    state: str, known: int, returned: int, becomes: str | None
) -> None:
    payment = a_payment(state, captured=PRICE, returned_minor=known)

    event = policy.return_event(payment, Money(returned, "usd"), NOW)

    assert (event and payment.apply(event).state) == becomes


@pytest.mark.parametrize("state", ["partially_refunded", "refunded"])
def test_what_comes_back_to_a_mismatched_payment_is_held_again(state: str) -> None:
    payment = a_payment(state, captured=Money(100, "usd"), returned_minor=50)

    event = policy.return_event(payment, Money(0, "usd"), NOW)

    assert event is not None
    assert payment.apply(event).state == "held"


def test_a_burst_of_news_does_not_push_the_next_look_away() -> None:
    once = policy.watched(a_payment(), NOW)
    often = policy.watched(policy.watched(once, NOW + MINUTE), NOW + 2 * MINUTE)

    assert once.check_due_at == NOW + 2 * MINUTE
    assert (often.check_due_at, often.checks) == (once.check_due_at, 0)
