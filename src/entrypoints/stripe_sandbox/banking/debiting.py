"""A bank debit: the customer is done at once, the money is known to come days later, or not.

The session is complete and unpaid in between, so nothing may be handed over yet.
"""

import re
from collections.abc import Mapping
from typing import Final

import structlog

from entrypoints.stripe_sandbox.banking.attempts import (
    Attempt,
    as_created,
    completed,
    intent_for,
    payment_error,
    settle_later,
)
from entrypoints.stripe_sandbox.banking.cards import Decline
from entrypoints.stripe_sandbox.banking.model import (
    Account,
    Outcome,
    Payment,
    billing,
    closed,
    still_open,
)
from entrypoints.stripe_sandbox.books import Json
from entrypoints.stripe_sandbox.delivery.announcing import announce
from entrypoints.stripe_sandbox.ids import new_id
from entrypoints.stripe_sandbox.resources import charges
from entrypoints.stripe_sandbox.resources.checkout_sessions import SESSION
from entrypoints.stripe_sandbox.resources.payment_intents import PAYMENT_INTENT
from entrypoints.stripe_sandbox.sandbox import Action, Sandbox

# Stripe's test account whose debits fail; any other number pays.
FAILING_IBAN: Final = "DE62370400440532013001"
PAYING_IBAN: Final = "DE89370400440532013000"
FAILURES: Final = {
    "insufficient_funds": "The customer's account has insufficient funds to cover this payment.",
    "debit_not_authorized": "The customer has notified their bank that this debit was unauthorized.",
    "account_closed": "The customer's bank account has been closed.",
}
DEFAULT_FAILURE: Final = "insufficient_funds"

log = structlog.get_logger(__name__)


def debited(sandbox: Sandbox, session: Json, payment: Payment, account: Account) -> Outcome:
    """Inside a unit. Any account number but an empty one is taken."""
    iban = re.sub(r"\s", "", account.iban).upper()
    if not iban:
        return still_open(session, "invalid_bank_account_iban", "Your IBAN is incomplete.")
    attempt = attempted(sandbox, session, payment, iban)
    submit(sandbox, attempt)
    outcome = charges.FAIL_DEBIT if iban == FAILING_IBAN else charges.SETTLE_DEBIT
    known_at = sandbox.clock.now() + sandbox.settings.debit_delay_s
    sandbox.agenda.set(outcome, attempt.intent["id"], at=known_at)
    log.info("debit.submitted", session=session["id"])
    return closed(sandbox.books.all(SESSION)[session["id"]])


def attempted(sandbox: Sandbox, session: Json, payment: Payment, iban: str) -> Attempt:
    intent, is_first = intent_for(sandbox, session, payment)
    intent = intent | {"next_action": None, "payment_method": new_id("pm")}
    charge = charges.debited(intent, iban, billing(payment), created=sandbox.clock.epoch())
    return Attempt(session, intent, charge, "succeed", is_first)


def submit(sandbox: Sandbox, attempt: Attempt) -> None:
    charge = attempt.charge
    processing = attempt.intent | {
        "last_payment_error": None,
        "latest_charge": charge["id"],
        "status": "processing",
    }
    complete = completed(attempt)
    sandbox.books.put(charges.CHARGE, charge)
    sandbox.books.put(PAYMENT_INTENT, processing)
    sandbox.books.put(SESSION, complete)
    if attempt.is_first:
        announce(sandbox, "payment_intent.created", as_created(attempt.intent))
    announce(sandbox, "payment_intent.processing", processing)
    announce(sandbox, "charge.pending", charge)
    announce(sandbox, "checkout.session.completed", complete)


def settled(sandbox: Sandbox, intent_id: str) -> None:
    """Inside a unit: the money came. An intent that does not wait for any stays as it is."""
    intent = sandbox.books.get(PAYMENT_INTENT, intent_id)
    if intent is None or intent["status"] != "processing":
        return
    charge = sandbox.books.all(charges.CHARGE)[intent["latest_charge"]]
    succeeded = sandbox.books.put(charges.CHARGE, charge | {"paid": True, "status": "succeeded"})
    paid = sandbox.books.put(
        PAYMENT_INTENT, intent | {"amount_received": intent["amount"], "status": "succeeded"}
    )
    session = session_of(sandbox, intent_id)
    complete = sandbox.books.put(SESSION, session | {"payment_status": "paid"})
    announce(sandbox, "payment_intent.succeeded", paid)
    announce(sandbox, "charge.succeeded", succeeded)
    announce(sandbox, "checkout.session.async_payment_succeeded", complete)
    settle_later(sandbox, succeeded)


def failed(sandbox: Sandbox, intent_id: str, code: str = DEFAULT_FAILURE) -> None:
    """Inside a unit: the money will not come. The session stays complete and unpaid."""
    intent = sandbox.books.get(PAYMENT_INTENT, intent_id)
    if intent is None or intent["status"] != "processing":
        return
    charge = sandbox.books.all(charges.CHARGE)[intent["latest_charge"]]
    refusal = Decline(code=code, decline_code=code, message=FAILURES[code])
    bounced = charge | {
        "amount_captured": 0,
        "captured": False,
        "failure_code": code,
        "failure_message": refusal.message,
        "outcome": charges.outcome(refusal),
        "receipt_url": None,
        "status": "failed",
    }
    # What is refused here is not a card, and Stripe has no decline code for it.
    error = payment_error(bounced, refusal) | {
        "decline_code": None,
        "type": "invalid_request_error",
    }
    unpaid = intent | {
        "last_payment_error": error,
        "payment_method": None,
        "status": "requires_payment_method",
    }
    sandbox.books.put(charges.CHARGE, bounced)
    sandbox.books.put(PAYMENT_INTENT, unpaid)
    announce(sandbox, "payment_intent.payment_failed", unpaid)
    announce(sandbox, "charge.failed", bounced)
    announce(sandbox, "checkout.session.async_payment_failed", session_of(sandbox, intent_id))


def session_of(sandbox: Sandbox, intent_id: str) -> Json:
    return sandbox.books.where(SESSION, "payment_intent", intent_id)[0]


ACTIONS: Final[Mapping[str, Action]] = {charges.SETTLE_DEBIT: settled, charges.FAIL_DEBIT: failed}
