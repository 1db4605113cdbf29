"""A customer pays on the hosted page: the bank takes the money, refuses, asks, or takes days."""

import structlog

from entrypoints.stripe_sandbox.banking.attempts import Attempt, captured, declined, intent_for
from entrypoints.stripe_sandbox.banking.authenticating import challenged
from entrypoints.stripe_sandbox.banking.cards import Accepted, Unreadable, read_card
from entrypoints.stripe_sandbox.banking.debiting import debited
from entrypoints.stripe_sandbox.banking.model import (
    Account,
    Outcome,
    Payment,
    billing,
    closed,
    is_payable,
    still_open,
)
from entrypoints.stripe_sandbox.books import Json
from entrypoints.stripe_sandbox.ids import new_id
from entrypoints.stripe_sandbox.resources import charges
from entrypoints.stripe_sandbox.sandbox import Sandbox

log = structlog.get_logger(__name__)


def pay(sandbox: Sandbox, session: Json, payment: Payment) -> Outcome:
    """Inside a unit. A session that cannot be paid any more stays as it is."""
    if not is_payable(session, late=payment.late):
        return closed(session)
    if payment.method not in session["payment_method_types"]:
        code = "payment_method_unsupported_type"
        return still_open(session, code, "This payment method is not available here.")
    if isinstance(payment.presented, Account):
        return debited(sandbox, session, payment, payment.presented)
    try:
        accepted = read_card(payment.presented, now=sandbox.clock.now())
    except Unreadable as unreadable:
        return still_open(
            session, unreadable.code, unreadable.message, decline_code=unreadable.code
        )
    return presented(sandbox, session, payment, accepted)


def presented(sandbox: Sandbox, session: Json, payment: Payment, accepted: Accepted) -> Outcome:
    if accepted.card.authenticates:
        return challenged(sandbox, session, payment, accepted)
    attempt = attempted(sandbox, session, payment, accepted)
    decline = accepted.card.decline
    log.info("card.presented", session=session["id"], declined=decline is not None)
    if decline is not None:
        return declined(sandbox, attempt, decline)
    return captured(sandbox, attempt)


def attempted(sandbox: Sandbox, session: Json, payment: Payment, accepted: Accepted) -> Attempt:
    intent, is_first = intent_for(sandbox, session, payment)
    intent = intent | {"payment_method": new_id("pm")}
    charge = charges.made(intent, accepted, billing(payment), created=sandbox.clock.epoch())
    return Attempt(session, intent, charge, accepted.card.refunds, is_first)
