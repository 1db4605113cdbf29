"""3-D Secure: the bank asks its customer to confirm, and until then no money is tried for.

What waits for the answer is in the books: the card's token name, never its number.
"""

from typing import Final

import structlog

from entrypoints.stripe_sandbox.banking.attempts import (
    Attempt,
    as_created,
    captured,
    declined,
    doc_url,
    intent_for,
    payment_method,
)
from entrypoints.stripe_sandbox.banking.cards import BY_NUMBER, Accepted
from entrypoints.stripe_sandbox.banking.model import (
    Outcome,
    Payment,
    billing,
    closed,
    is_payable,
    still_open,
)
from entrypoints.stripe_sandbox.books import Json
from entrypoints.stripe_sandbox.delivery.announcing import announce
from entrypoints.stripe_sandbox.ids import new_id
from entrypoints.stripe_sandbox.resources import charges
from entrypoints.stripe_sandbox.resources.checkout_sessions import SESSION
from entrypoints.stripe_sandbox.resources.payment_intents import PAYMENT_INTENT
from entrypoints.stripe_sandbox.sandbox import Sandbox

CHALLENGE: Final = "_challenge"
REDIRECT: Final = "redirect_to_url"
FAILED_CODE: Final = "payment_intent_authentication_failure"
FAILED_MESSAGE: Final = (
    "We are unable to authenticate your payment method. "
    "Please choose a different payment method and try again."
)

log = structlog.get_logger(__name__)


def challenged(sandbox: Sandbox, session: Json, payment: Payment, accepted: Accepted) -> Outcome:
    """Inside a unit. A challenge that was waiting is replaced."""
    intent, is_first = intent_for(sandbox, session, payment)
    page = session["url"] or f"{sandbox.settings.public_url}/c/pay/{session['id']}"
    url = f"{page}/challenge"
    asking = intent | {
        "last_payment_error": None,
        "next_action": {"type": REDIRECT, REDIRECT: {"return_url": page, "url": url}},
        "payment_method": new_id("pm"),
        "status": "requires_action",
    }
    waiting = sandbox.books.put(SESSION, session | {"payment_intent": asking["id"]})
    sandbox.books.put(PAYMENT_INTENT, asking)
    sandbox.books.put(CHALLENGE, kept(session, payment, accepted))
    if is_first:
        announce(sandbox, "payment_intent.created", as_created(intent))
    announce(sandbox, "payment_intent.requires_action", asking)
    log.info("challenge.started", session=session["id"])
    if payment.authenticated is not None:
        return answered(sandbox, waiting, authenticated=payment.authenticated)
    return Outcome(
        status=waiting["status"],
        payment_status=waiting["payment_status"],
        next_action={"type": REDIRECT, "url": url},
    )


def kept(session: Json, payment: Payment, accepted: Accepted) -> Json:
    return {
        "id": session["id"],
        "card": accepted.card.name,
        "exp_month": accepted.exp_month,
        "exp_year": accepted.exp_year,
        "billing": billing(payment),
        "late": payment.late,
    }


def waiting_for(sandbox: Sandbox, session: Json) -> Json | None:
    """The challenge the customer has still to answer."""
    challenge = sandbox.books.get(CHALLENGE, session["id"])
    if challenge is None or not is_payable(session, late=challenge["late"]):
        return None
    # Another card may have been tried since, in another window.
    intent = sandbox.books.all(PAYMENT_INTENT)[session["payment_intent"]]
    return challenge if intent["status"] == "requires_action" else None


def answered(sandbox: Sandbox, session: Json, *, authenticated: bool) -> Outcome:
    """Inside a unit. Without a challenge that waits, everything stays as it is."""
    challenge = waiting_for(sandbox, session)
    if challenge is None:
        return closed(session)
    sandbox.books.delete(CHALLENGE, session["id"])
    log.info("challenge.answered", session=session["id"], authenticated=authenticated)
    attempt = attempted(sandbox, session, challenge)
    if not authenticated:
        return refused(sandbox, attempt)
    decline = BY_NUMBER[challenge["card"]].decline
    if decline is not None:
        return declined(sandbox, attempt, decline)
    return captured(sandbox, attempt)


def attempted(sandbox: Sandbox, session: Json, challenge: Json) -> Attempt:
    intent = sandbox.books.all(PAYMENT_INTENT)[session["payment_intent"]]
    card = BY_NUMBER[challenge["card"]]
    accepted = Accepted(
        card,
        card.number[-4:],
        challenge["exp_month"],
        challenge["exp_year"],
        cvc_given=True,
        authenticated=True,
    )
    charge = charges.made(intent, accepted, challenge["billing"], created=sandbox.clock.epoch())
    return Attempt(session, intent, charge, card.refunds, is_first=False)


def refused(sandbox: Sandbox, attempt: Attempt) -> Outcome:
    """Nobody was charged: what would have been the charge is not kept, nor told of."""
    failed = attempt.intent | {
        "last_payment_error": {
            "code": FAILED_CODE,
            "doc_url": doc_url(FAILED_CODE),
            "message": "The provided PaymentMethod has failed authentication. You can provide "
            "payment_method_data or a new PaymentMethod to attempt to fulfill this PaymentIntent "
            "again.",
            "payment_method": payment_method(attempt.charge),
            "type": "invalid_request_error",
        },
        "next_action": None,
        "payment_method": None,
        "status": "requires_payment_method",
    }
    sandbox.books.put(PAYMENT_INTENT, failed)
    announce(sandbox, "payment_intent.payment_failed", failed)
    return still_open(attempt.session, FAILED_CODE, FAILED_MESSAGE)
