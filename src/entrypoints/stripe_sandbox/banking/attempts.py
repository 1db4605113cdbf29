"""One attempt to pay a session: which intent it is of, and what the bank's answer changes."""

import attrs

from entrypoints.stripe_sandbox.banking.cards import Decline
from entrypoints.stripe_sandbox.banking.model import Outcome, Payment, closed, still_open
from entrypoints.stripe_sandbox.books import Json
from entrypoints.stripe_sandbox.delivery.announcing import announce
from entrypoints.stripe_sandbox.resources import charges, payment_intents
from entrypoints.stripe_sandbox.resources.checkout_sessions import ORDER, SESSION, customer_details
from entrypoints.stripe_sandbox.sandbox import Sandbox


@attrs.frozen
class Attempt:
    """One charge for one session, before the bank's answer is written down."""

    session: Json
    intent: Json
    charge: Json
    refunds: str
    is_first: bool


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
        "next_action": None,
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
    return still_open(waiting, decline.code, decline.message, decline_code=decline.decline_code)


def captured(sandbox: Sandbox, attempt: Attempt) -> Outcome:
    charge = attempt.charge
    paid = attempt.intent | {
        "amount_received": attempt.intent["amount"],
        "last_payment_error": None,
        "latest_charge": charge["id"],
        "next_action": None,
        "status": "succeeded",
    }
    complete = completed(attempt) | {"payment_status": "paid"}
    sandbox.books.put(charges.CHARGE, charge)
    sandbox.books.put(charges.CARD_USED, {"id": charge["id"], "refunds": attempt.refunds})
    sandbox.books.put(payment_intents.PAYMENT_INTENT, paid)
    sandbox.books.put(SESSION, complete)
    announce(sandbox, "charge.succeeded", charge)
    announce(sandbox, "payment_intent.succeeded", paid)
    if attempt.is_first:
        announce(sandbox, "payment_intent.created", as_created(attempt.intent))
    announce(sandbox, "checkout.session.completed", complete)
    settle_later(sandbox, charge)
    return closed(complete)


def completed(attempt: Attempt) -> Json:
    """The session, with its page closed: the customer has done all there was to do."""
    payer = attempt.charge["billing_details"]
    return attempt.session | {
        "customer_details": customer_details(payer["email"], name=payer["name"]),
        "payment_intent": attempt.intent["id"],
        "status": "complete",
        "url": None,
    }


def settle_later(sandbox: Sandbox, charge: Json) -> None:
    settled_at = sandbox.clock.now() + sandbox.settings.settlement_delay_s
    sandbox.agenda.set(charges.SETTLE, charge["id"], at=settled_at)


def as_created(intent: Json) -> Json:
    unused = {"next_action": None, "payment_method": None}
    return intent | unused | {"status": "requires_payment_method"}


def payment_error(charge: Json, decline: Decline) -> Json:
    """`last_payment_error`."""
    return {
        "advice_code": decline.advice_code,
        "charge": charge["id"],
        "code": decline.code,
        "decline_code": decline.decline_code,
        "doc_url": doc_url(decline.code),
        "message": decline.message,
        "network_decline_code": charge["outcome"]["network_decline_code"],
        "payment_method": payment_method(charge),
        "type": "card_error",
    }


def doc_url(code: str) -> str:
    return f"https://stripe.com/docs/error-codes/{code.replace('_', '-')}"


def payment_method(charge: Json) -> Json:
    """The PaymentMethod of a refused payment, as errors carry it."""
    kind = charge["payment_method_details"]["type"]
    details = charge["payment_method_details"][kind]
    return {
        "id": charge["payment_method"],
        "object": "payment_method",
        "allow_redisplay": "limited",
        "billing_details": charge["billing_details"],
        kind: of_card(details) if kind == "card" else of_account(details),
        "created": charge["created"],
        "customer": None,
        "customer_account": None,
        "livemode": False,
        "metadata": {},
        "type": kind,
    }


def of_card(card: Json) -> Json:
    shared = ("brand", "checks", "country", "exp_month", "exp_year", "fingerprint", "funding")
    return {
        **{name: card[name] for name in (*shared, "last4", "wallet")},
        "display_brand": card["brand"],
        "generated_from": None,
        "networks": {"available": [card["brand"]], "preferred": None},
        "regulated_status": "unregulated",
        "three_d_secure_usage": {"supported": True},
    }


def of_account(account: Json) -> Json:
    shared = ("bank_code", "branch_code", "country", "fingerprint", "last4")
    return {**{name: account[name] for name in shared}, "generated_from": None}
