"""What a customer does on the hosted page, without the page."""

from datetime import UTC, datetime
from typing import Final, Literal

import attrs
import msgspec

from entrypoints.stripe_sandbox.banking.cards import Presented
from entrypoints.stripe_sandbox.banking.currencies import MAXIMUM, SUPPORTED
from entrypoints.stripe_sandbox.banking.debiting import PAYING_IBAN
from entrypoints.stripe_sandbox.banking.model import SEPA_DEBIT, Account, Payment
from entrypoints.stripe_sandbox.banking.paying import pay
from entrypoints.stripe_sandbox.books import Json
from entrypoints.stripe_sandbox.control.plane import Ask, Lever, found, unprocessable
from entrypoints.stripe_sandbox.resources.checkout_sessions import SESSION

YEARS_VALID: Final = 3
DEFAULT_CARD: Final = "4242424242424242"
AUTHENTICATED: Final = {None: None, "complete": True, "fail": False}


class Tamper(msgspec.Struct, forbid_unknown_fields=True):
    amount: int | None = None
    currency: str | None = None


class Pay(msgspec.Struct, forbid_unknown_fields=True):
    """*card* is a test card's number or its pm_card_… name.

    A card whose bank asks first leaves the session open and answers with
    `next_action: {type, url}`, the page with the challenge; with *authenticate* the challenge is
    answered in the same call. *method* `sepa_debit` debits *iban*: complete, and unpaid for days.
    """

    card: str = DEFAULT_CARD
    email: str = "customer@example.com"
    name: str = "Sandbox Customer"
    exp_month: int = 12
    exp_year: int | None = None
    cvc: str = "123"
    method: Literal["card", "sepa_debit"] = "card"
    iban: str = PAYING_IBAN
    authenticate: Literal["complete", "fail"] | None = None
    tamper: Tamper | None = None
    late: bool = False


def pay_session(ask: Ask) -> Json:
    session, wanted = found(ask, SESSION), ask.read(Pay)
    if wanted.method not in session["payment_method_types"]:
        allowed = ", ".join(session["payment_method_types"])
        raise unprocessable(f"This session takes {allowed} and no '{wanted.method}'.")
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
    return Payment(
        presented=presented(wanted, now=now),
        email=wanted.email,
        name=wanted.name,
        amount=tamper.amount,
        currency=tamper.currency,
        late=wanted.late,
        authenticated=AUTHENTICATED[wanted.authenticate],
    )


def presented(wanted: Pay, *, now: float) -> Presented | Account:
    if wanted.method == SEPA_DEBIT:
        return Account(iban=wanted.iban)
    year = wanted.exp_year or datetime.fromtimestamp(now, UTC).year + YEARS_VALID
    return Presented(number=wanted.card, exp_month=wanted.exp_month, exp_year=year, cvc=wanted.cvc)


def abandon(ask: Ask) -> Json:
    """Going back changes nothing at Stripe: the session stays open until it expires."""
    return {"redirect_url": found(ask, SESSION)["cancel_url"]}


LEVERS: Final = (
    Lever("POST", "/checkout/{id}/pay", pay_session),
    Lever("POST", "/checkout/{id}/abandon", abandon),
)
