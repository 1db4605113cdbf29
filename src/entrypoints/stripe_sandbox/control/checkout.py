"""What a customer does on the hosted page, without the page."""

from datetime import UTC, datetime
from typing import Final

import attrs
import msgspec

from entrypoints.stripe_sandbox.banking.cards import Presented
from entrypoints.stripe_sandbox.banking.currencies import MAXIMUM, SUPPORTED
from entrypoints.stripe_sandbox.banking.paying import Payment, pay
from entrypoints.stripe_sandbox.books import Json
from entrypoints.stripe_sandbox.control.plane import Ask, Lever, found, unprocessable
from entrypoints.stripe_sandbox.resources.checkout_sessions import SESSION

YEARS_VALID: Final = 3
DEFAULT_CARD: Final = "4242424242424242"


class Tamper(msgspec.Struct, forbid_unknown_fields=True):
    amount: int | None = None
    currency: str | None = None


class Pay(msgspec.Struct, forbid_unknown_fields=True):
    """*card* is a test card's number or its pm_card_… name."""

    card: str = DEFAULT_CARD
    email: str = "customer@example.com"
    name: str = "Sandbox Customer"
    exp_month: int = 12
    exp_year: int | None = None
    cvc: str = "123"
    method: str = "card"
    tamper: Tamper | None = None
    late: bool = False


def pay_session(ask: Ask) -> Json:
    session, wanted = found(ask, SESSION), ask.read(Pay)
    if wanted.method != "card":
        raise unprocessable(f"This sandbox does not do '{wanted.method}': leave out 'method'.")
    payment = payment_of(wanted, now=ask.sandbox.clock.now())
    with ask.sandbox.books.unit():
        outcome = pay(ask.sandbox, session, payment)
    told = attrs.asdict(outcome)
    required = ("status", "payment_status", "redirect_url")
    return {name: told[name] for name in told if name in required or told[name] is not None}


def payment_of(wanted: Pay, *, now: float) -> Payment:
    tamper = wanted.tamper or Tamper()
    if tamper.amount is not None and not 0 < tamper.amount <= MAXIMUM:
        raise unprocessable(f"tamper.amount must be between 1 and {MAXIMUM}.")
    if tamper.currency is not None and tamper.currency not in SUPPORTED:
        raise unprocessable("tamper.currency must be a currency code in lower case.")
    year = wanted.exp_year or datetime.fromtimestamp(now, UTC).year + YEARS_VALID
    return Payment(
        presented=Presented(
            number=wanted.card, exp_month=wanted.exp_month, exp_year=year, cvc=wanted.cvc
        ),
        email=wanted.email,
        name=wanted.name,
        amount=tamper.amount,
        currency=tamper.currency,
        late=wanted.late,
    )


def abandon(ask: Ask) -> Json:
    """Going back changes nothing at Stripe: the session stays open until it expires."""
    return {"redirect_url": found(ask, SESSION)["cancel_url"]}


LEVERS: Final = (
    Lever("POST", "/checkout/{id}/pay", pay_session),
    Lever("POST", "/checkout/{id}/abandon", abandon),
)
