"""A customer presents a card on the hosted page: the bank takes the money, or refuses."""

from typing import Final

import attrs
import structlog

from entrypoints.stripe_sandbox.banking.cards import (
    Accepted,
    Decline,
    Presented,
    Unreadable,
    read_card,
)
from entrypoints.stripe_sandbox.books import Json
from entrypoints.stripe_sandbox.delivery.announcing import announce
from entrypoints.stripe_sandbox.ids import new_id
from entrypoints.stripe_sandbox.resources import charges, payment_intents
from entrypoints.stripe_sandbox.resources.checkout_sessions import ORDER, SESSION, customer_details
from entrypoints.stripe_sandbox.sandbox import Sandbox

PLACEHOLDER: Final = "{CHECKOUT_SESSION_ID}"

log = structlog.get_logger(__name__)


@attrs.frozen(kw_only=True)
class Payment:
    """*amount* and *currency* capture something else than was asked. *late* pays after expiry."""

    presented: Presented
    email: str
    name: str
    amount: int | None = None
    currency: str | None = None
    late: bool = False


@attrs.frozen
class Attempt:
    """One card presented for one session, before the bank's answer is written down."""

    session: Json
    intent: Json
    charge: Json
    refunds: str
    is_first: bool


@attrs.frozen(kw_only=True)
class Outcome:
    """How the session stands now. *redirect_url* is where the browser goes next, if it does."""

    status: str
    payment_status: str
    code: str | None = None
    decline_code: str | None = None
    message: str | None = None
    redirect_url: str | None = None


def pay(sandbox: Sandbox, session: Json, payment: Payment) -> Outcome:
    """Inside a unit. A session that cannot be paid any more stays as it is."""
    payable = session["status"] == "open" or (session["status"] == "expired" and payment.late)
    if not payable:
        return closed(session)
    try:
        accepted = read_card(payment.presented, now=sandbox.clock.now())
    except Unreadable as unreadable:
        return still_open(session, unreadable.code, unreadable.code, unreadable.message)
    attempt = attempted(sandbox, session, payment, accepted)
    decline = accepted.card.decline
    log.info("card.presented", session=session["id"], declined=decline is not None)
    if decline is not None:
        return declined(sandbox, attempt, decline)
    return captured(sandbox, attempt, payment)


def attempted(sandbox: Sandbox, session: Json, payment: Payment, accepted: Accepted) -> Attempt:
    intent, is_first = intent_for(sandbox, session, payment)
    intent = intent | {"payment_method": new_id("pm")}
    charge = charges.made(intent, accepted, billing(payment), created=sandbox.clock.epoch())
    return Attempt(session, intent, charge, accepted.card.refunds, is_first)


def intent_for(sandbox: Sandbox, session: Json, payment: Payment) -> tuple[Json, bool]:
    """The session's intent, the same one after a decline, and whether it is new."""
    amount = session["amount_total"] if payment.amount is None else payment.amount
    currency = payment.currency or session["currency"]
    known = session["payment_intent"]
    if known is not None:
        intent = sandbox.books.all(payment_intents.PAYMENT_INTENT)[known]
        return intent | {"amount": amount, "currency": currency}, False
    data = sandbox.books.all(ORDER)[session["id"]]["payment_intent_data"]
    created = sandbox.clock.epoch()
    new = payment_intents.opened(session, data, amount=amount, currency=currency, created=created)
    return new, True


def declined(sandbox: Sandbox, attempt: Attempt, decline: Decline) -> Outcome:
    """The session stays open and the same intent waits for another card."""
    charge = attempt.charge
    failed = attempt.intent | {
        "last_payment_error": payment_error(charge, decline),
        "latest_charge": charge["id"],
        "payment_method": None,
        "status": "requires_payment_method",
    }
    waiting = attempt.session | {"payment_intent": failed["id"]}
    sandbox.books.put(charges.CHARGE, charge)
    sandbox.books.put(payment_intents.PAYMENT_INTENT, failed)
    sandbox.books.put(SESSION, waiting)
    if attempt.is_first:
        announce(sandbox, "payment_intent.created", as_created(attempt.intent))
    announce(sandbox, "charge.failed", charge)
    announce(sandbox, "payment_intent.payment_failed", failed)
    return still_open(waiting, decline.code, decline.decline_code, decline.message)


def captured(sandbox: Sandbox, attempt: Attempt, payment: Payment) -> Outcome:
    charge = attempt.charge
    paid = attempt.intent | {
        "amount_received": attempt.intent["amount"],
        "last_payment_error": None,
        "latest_charge": charge["id"],
        "status": "succeeded",
    }
    complete = attempt.session | {
        "customer_details": customer_details(payment.email, name=payment.name),
        "payment_intent": paid["id"],
        "payment_status": "paid",
        "status": "complete",
        "url": None,
    }
    sandbox.books.put(charges.CHARGE, charge)
    sandbox.books.put(charges.CARD_USED, {"id": charge["id"], "refunds": attempt.refunds})
    sandbox.books.put(payment_intents.PAYMENT_INTENT, paid)
    sandbox.books.put(SESSION, complete)
    announce(sandbox, "charge.succeeded", charge)
    announce(sandbox, "payment_intent.succeeded", paid)
    if attempt.is_first:
        announce(sandbox, "payment_intent.created", as_created(attempt.intent))
    announce(sandbox, "checkout.session.completed", complete)
    settled_at = sandbox.clock.now() + sandbox.settings.settlement_delay_s
    sandbox.agenda.set(charges.SETTLE, charge["id"], at=settled_at)
    return closed(complete)


def as_created(intent: Json) -> Json:
    return intent | {"payment_method": None}


def payment_error(charge: Json, decline: Decline) -> Json:
    """`last_payment_error`."""
    return {
        "advice_code": decline.advice_code,
        "charge": charge["id"],
        "code": decline.code,
        "decline_code": decline.decline_code,
        "doc_url": f"https://stripe.com/docs/error-codes/{decline.code.replace('_', '-')}",
        "message": decline.message,
        "network_decline_code": charge["outcome"]["network_decline_code"],
        "payment_method": payment_method(charge),
        "type": "card_error",
    }


def payment_method(charge: Json) -> Json:
    """The PaymentMethod of a refused card, as errors carry it."""
    card = charge["payment_method_details"]["card"]
    shared = ("brand", "checks", "country", "exp_month", "exp_year", "fingerprint", "funding")
    return {
        "id": charge["payment_method"],
        "object": "payment_method",
        "allow_redisplay": "limited",
        "billing_details": charge["billing_details"],
        "card": {
            **{name: card[name] for name in (*shared, "last4", "wallet")},
            "display_brand": card["brand"],
            "generated_from": None,
            "networks": {"available": [card["brand"]], "preferred": None},
            "regulated_status": "unregulated",
            "three_d_secure_usage": {"supported": True},
        },
        "created": charge["created"],
        "customer": None,
        "customer_account": None,
        "livemode": False,
        "metadata": {},
        "type": "card",
    }


def billing(payment: Payment) -> Json:
    address = dict.fromkeys(("city", "country", "line1", "line2", "postal_code", "state"))
    return {
        "address": address,
        "email": payment.email,
        "name": payment.name,
        "phone": None,
        "tax_id": None,
    }


def still_open(session: Json, code: str, decline_code: str, message: str) -> Outcome:
    return Outcome(
        status=session["status"],
        payment_status=session["payment_status"],
        code=code,
        decline_code=decline_code,
        message=message,
    )


def closed(session: Json) -> Outcome:
    """Complete sends the browser on; expired has nowhere to send it."""
    is_complete = session["status"] == "complete"
    return Outcome(
        status=session["status"],
        payment_status=session["payment_status"],
        message=None if is_complete else "This checkout session has expired.",
        redirect_url=success_url(session) if is_complete else None,
    )


def success_url(session: Json) -> str:
    url: str = session["success_url"]
    for placeholder in (PLACEHOLDER, "%7BCHECKOUT_SESSION_ID%7D"):
        url = url.replace(placeholder, session["id"])
    return url
