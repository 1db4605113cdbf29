"""Stripe's test cards and what each of them does.

A full number lives only in the request that presents it: what is kept is the brand and the
last four digits.
"""

import re
from datetime import UTC, datetime
from typing import Final

import attrs


@attrs.frozen(kw_only=True)
class Decline:
    """Why a bank refused, in Stripe's codes."""

    code: str
    decline_code: str
    message: str
    advice_code: str | None = None


@attrs.frozen(kw_only=True)
class TestCard:
    """*name* may be presented instead of the number. *refunds*: succeed, pending, fail.

    With *authenticates* the bank asks first, and only then pays or declines.
    """

    number: str = attrs.field(repr=False)
    name: str
    brand: str = "visa"
    decline: Decline | None = None
    refunds: str = "succeed"
    authenticates: bool = False


@attrs.frozen(kw_only=True)
class Presented:
    """What somebody typed, or what stands for it."""

    number: str = attrs.field(repr=False)
    exp_month: int
    exp_year: int
    cvc: str = attrs.field(repr=False)


@attrs.frozen
class Accepted:
    card: TestCard
    last4: str
    exp_month: int
    exp_year: int
    cvc_given: bool
    authenticated: bool = False


@attrs.define(eq=False)
class Unreadable(Exception):
    """The card is refused before any bank is asked: no payment is attempted."""

    code: str
    message: str


def card_declined(decline_code: str, message: str, advice_code: str) -> Decline:
    return Decline(
        code="card_declined", decline_code=decline_code, message=message, advice_code=advice_code
    )


def same_code(code: str, message: str, advice_code: str) -> Decline:
    return Decline(code=code, decline_code=code, message=message, advice_code=advice_code)


DECLINED: Final = "Your card was declined."
GENERIC: Final = card_declined("generic_decline", DECLINED, "try_again_later")
INSUFFICIENT: Final = card_declined(
    "insufficient_funds", "Your card has insufficient funds.", "try_again_later"
)
LOST: Final = card_declined("lost_card", DECLINED, "do_not_try_again")
STOLEN: Final = card_declined("stolen_card", DECLINED, "do_not_try_again")
TOO_OFTEN: Final = card_declined(
    "card_velocity_exceeded",
    "Your card was declined for making repeated attempts too frequently or exceeding its amount limit.",
    "try_again_later",
)
EXPIRED: Final = same_code("expired_card", "Your card has expired.", "confirm_card_data")
BAD_CVC: Final = same_code(
    "incorrect_cvc", "Your card's security code is incorrect.", "confirm_card_data"
)
PROCESSING: Final = same_code(
    "processing_error",
    "An error occurred while processing your card. Try again in a little bit.",
    "try_again_later",
)

CARDS: Final = (
    TestCard(number="4242424242424242", name="pm_card_visa"),
    TestCard(number="5555555555554444", name="pm_card_mastercard", brand="mastercard"),
    TestCard(number="378282246310005", name="pm_card_amex", brand="amex"),
    TestCard(number="4000000000000002", name="pm_card_visa_chargeDeclined", decline=GENERIC),
    TestCard(
        number="4000000000009995",
        name="pm_card_visa_chargeDeclinedInsufficientFunds",
        decline=INSUFFICIENT,
    ),
    TestCard(number="4000000000009987", name="pm_card_visa_chargeDeclinedLostCard", decline=LOST),
    TestCard(
        number="4000000000009979", name="pm_card_visa_chargeDeclinedStolenCard", decline=STOLEN
    ),
    TestCard(
        number="4000000000006975",
        name="pm_card_visa_chargeDeclinedVelocityLimitExceeded",
        decline=TOO_OFTEN,
    ),
    TestCard(number="4000000000000069", name="pm_card_chargeDeclinedExpiredCard", decline=EXPIRED),
    TestCard(number="4000000000000127", name="pm_card_chargeDeclinedIncorrectCvc", decline=BAD_CVC),
    TestCard(
        number="4000000000000119",
        name="pm_card_chargeDeclinedProcessingError",
        decline=PROCESSING,
    ),
    TestCard(number="4000000000000341", name="pm_card_chargeCustomerFail", decline=GENERIC),
    TestCard(number="4000000000007726", name="pm_card_pendingRefund", refunds="pending"),
    TestCard(number="4000000000005126", name="pm_card_refundFail", refunds="fail"),
    TestCard(number="4000000000003220", name="pm_card_threeDSecure2Required", authenticates=True),
    TestCard(
        number="4000008400001629",
        name="pm_card_threeDSecureRequiredChargeDeclined",
        authenticates=True,
        decline=GENERIC,
    ),
    TestCard(number="4000000000003055", name="pm_card_threeDSecureOptional"),
    TestCard(
        number="4000002500003155", name="pm_card_authenticationRequiredOnSetup", authenticates=True
    ),
    TestCard(number="4000002760003184", name="pm_card_authenticationRequired", authenticates=True),
    TestCard(
        number="4000008260003178",
        name="pm_card_authenticationRequiredChargeDeclinedInsufficientFunds",
        authenticates=True,
        decline=INSUFFICIENT,
    ),
)
BY_NUMBER: Final = {card.number: card for card in CARDS} | {card.name: card for card in CARDS}
DIGITS: Final = re.compile(r"\d{12,19}")
TEN: Final = 10
LAST_MONTH: Final = 12
CVC_LENGTHS: Final = {"amex": {3, 4}}
CVC_LENGTH: Final = {3}
CENTURY: Final = 100
LATEST_YEARS_AHEAD: Final = 50


def read_card(presented: Presented, *, now: float) -> Accepted:
    """The test card that was presented, or raises Unreadable as the page's form would."""
    number = re.sub(r"[\s-]", "", presented.number)
    card = BY_NUMBER.get(number)
    if card is None:
        raise unknown_number(number)
    year = presented.exp_year + (2000 if presented.exp_year < CENTURY else 0)
    check_expiry(presented.exp_month, year, now=now)
    if not presented.cvc.isdigit() or len(presented.cvc) not in CVC_LENGTHS.get(
        card.brand, CVC_LENGTH
    ):
        raise Unreadable("invalid_cvc", "Your card's security code is invalid.")
    return Accepted(card, card.number[-4:], presented.exp_month, year, cvc_given=True)


def unknown_number(number: str) -> Unreadable:
    if DIGITS.fullmatch(number) is None or not passes_luhn(number):
        return Unreadable("incorrect_number", "Your card number is incorrect.")
    return Unreadable(
        "test_mode_live_card",
        "Your card was declined. Your request was in test mode, but used a non test (live) card. "
        "For a list of valid test cards, visit: https://stripe.com/docs/testing.",
    )


def check_expiry(month: int, year: int, *, now: float) -> None:
    today = datetime.fromtimestamp(now, UTC)
    if not 1 <= month <= LAST_MONTH:
        raise Unreadable("invalid_expiry_month", "Your card's expiration month is invalid.")
    past = (year, month) < (today.year, today.month)
    if past or year > today.year + LATEST_YEARS_AHEAD:
        raise Unreadable("invalid_expiry_year", "Your card's expiration year is invalid.")


def passes_luhn(number: str) -> bool:
    total = 0
    for place, digit in enumerate(reversed(number)):
        value = int(digit) * (1 + place % 2)
        total += value - 9 if value >= TEN else value
    return total % TEN == 0
