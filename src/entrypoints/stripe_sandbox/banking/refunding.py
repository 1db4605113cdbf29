"""Money going back: at once, later, not at all, or back to us after it had gone.

A refund that succeeded may still fail days later, and one that waits may fail too.
"""

from typing import Final

from entrypoints.stripe_sandbox.books import Json
from entrypoints.stripe_sandbox.delivery.announcing import BY_ITSELF, Cause, announce
from entrypoints.stripe_sandbox.ids import related_id, token
from entrypoints.stripe_sandbox.resources.balance_transactions import booked
from entrypoints.stripe_sandbox.resources.charges import CARD_USED, CHARGE
from entrypoints.stripe_sandbox.sandbox import Sandbox

REFUND: Final = "refund"
SUCCEED: Final = "refund.succeed"
FAIL: Final = "refund.fail"
HOLDING_STATUSES: Final = frozenset({"pending", "requires_action", "succeeded"})
FAILURE_REASONS: Final = (
    "lost_or_stolen_card",
    "expired_or_canceled_card",
    "charge_for_pending_refund_disputed",
    "insufficient_funds",
    "declined",
    "merchant_request",
    "unknown",
)
DEFAULT_FAILURE: Final = "expired_or_canceled_card"
BALANCE: Final = "_balance"
BALANCE_ID: Final = "balance"


def unrefunded(sandbox: Sandbox, charge: Json) -> int:
    """What may still be refunded: a refund under way already holds its part."""
    refunds = sandbox.books.where(REFUND, "charge", charge["id"])
    held: int = sum(each["amount"] for each in refunds if each["status"] in HOLDING_STATUSES)
    captured: int = charge["amount_captured"]
    return captured - held


def started(sandbox: Sandbox, charge: Json, wanted: Json, *, cause: Cause) -> Json:
    """Inside a unit. Begin the refund *wanted* (amount, reason, metadata) of *charge*."""
    refund = new_refund(charge, wanted, created=sandbox.clock.epoch())
    card = sandbox.books.get(CARD_USED, charge["id"]) or {"refunds": "succeed"}
    later = sandbox.clock.now() + sandbox.settings.refund_delay_s
    if is_short_of_balance(sandbox):
        return waiting(sandbox, refund, "insufficient_funds", cause=cause)
    if card["refunds"] == "pending":
        sandbox.agenda.set(SUCCEED, refund["id"], at=later)
        return waiting(sandbox, refund, "processing", cause=cause)
    if card["refunds"] == "fail":
        sandbox.agenda.set(FAIL, refund["id"], at=later)
    return at_once(sandbox, refund, cause=cause)


def new_refund(charge: Json, wanted: Json, *, created: int) -> Json:
    """What a card refund never used stays away altogether, as it does at Stripe."""
    refund_id = related_id("re", charge["id"])
    unset: Json = {"status": None, "balance_transaction": None}
    email = wanted.get("instructions_email")
    return {
        "id": refund_id,
        "object": REFUND,
        **unset,
        "amount": wanted["amount"],
        "charge": charge["id"],
        "created": created,
        "currency": charge["currency"],
        "customer": charge["customer"],
        "customer_account": None,
        "destination_details": {
            "card": {
                "reference_status": "pending",
                "reference_type": "acquirer_reference_number",
                "type": "refund",
            },
            "type": "card",
        },
        **({"instructions_email": email} if email else {}),
        "metadata": wanted["metadata"],
        "payment_intent": charge["payment_intent"],
        "payment_method": charge["payment_method"],
        "reason": wanted["reason"],
        "receipt_number": None,
        "source_transfer_reversal": None,
        "transfer_reversal": None,
    }


def waiting(sandbox: Sandbox, refund: Json, reason: str, *, cause: Cause) -> Json:
    pending = refund | {"status": "pending", "pending_reason": reason}
    sandbox.books.put(REFUND, pending)
    announce(sandbox, "refund.created", pending, cause=cause)
    return pending


def at_once(sandbox: Sandbox, refund: Json, *, cause: Cause) -> Json:
    created = money_left(sandbox, refund)
    announce(sandbox, "refund.created", created, cause=cause)
    announce(sandbox, "charge.refunded", charge_of(sandbox, refund), cause=cause)
    return referenced(sandbox, created, before=created, cause=cause)


def succeed(sandbox: Sandbox, refund_id: str) -> None:
    """Inside a unit: a refund that waits goes through. One that does not stays as it is."""
    refund = sandbox.books.get(REFUND, refund_id)
    if refund is None or refund["status"] != "pending":
        return
    gone = money_left(sandbox, without(refund, "pending_reason"))
    announce(sandbox, "charge.refunded", charge_of(sandbox, refund))
    referenced(sandbox, gone, before=refund, cause=BY_ITSELF)


def fail(sandbox: Sandbox, refund_id: str, reason: str = DEFAULT_FAILURE) -> None:
    """Inside a unit: a refund that waits, or that had succeeded, fails."""
    refund = sandbox.books.get(REFUND, refund_id)
    if refund is None or refund["status"] not in HOLDING_STATUSES:
        return
    failed = without(refund, "pending_reason") | {"status": "failed", "failure_reason": reason}
    if refund["status"] == "succeeded":
        failed = money_returned(sandbox, failed)
    sandbox.books.put(REFUND, failed)
    announce(sandbox, "refund.failed", failed)
    announce(sandbox, "refund.updated", failed, before=refund)
    announce(sandbox, "charge.refund.updated", failed, before=refund)


def money_left(sandbox: Sandbox, refund: Json) -> Json:
    charge = charge_of(sandbox, refund)
    about = f" ({charge['description']})" if charge["description"] else ""
    transaction = booked(
        sandbox,
        refund,
        kind="refund",
        amount=-refund["amount"],
        description=f"REFUND FOR CHARGE{about}",
    )
    count_refunded(sandbox, charge, refund["amount"])
    gone = refund | {"status": "succeeded", "balance_transaction": transaction["id"]}
    return sandbox.books.put(REFUND, gone)


def money_returned(sandbox: Sandbox, refund: Json) -> Json:
    transaction = booked(
        sandbox,
        refund,
        kind="refund_failure",
        amount=refund["amount"],
        description="REFUND FAILURE",
    )
    count_refunded(sandbox, charge_of(sandbox, refund), -refund["amount"])
    return refund | {"failure_balance_transaction": transaction["id"]}


def count_refunded(sandbox: Sandbox, charge: Json, amount: int) -> None:
    refunded = charge["amount_refunded"] + amount
    is_whole = refunded == charge["amount_captured"]
    sandbox.books.put(CHARGE, charge | {"amount_refunded": refunded, "refunded": is_whole})


def referenced(sandbox: Sandbox, refund: Json, *, before: Json, cause: Cause) -> Json:
    """The bank's reference arrives, by which a cardholder can find the refund."""
    card = refund["destination_details"]["card"] | {
        "reference": token(12).upper(),
        "reference_status": "available",
    }
    details = refund["destination_details"] | {"card": card}
    after = sandbox.books.put(REFUND, refund | {"destination_details": details})
    announce(sandbox, "refund.updated", after, cause=cause, before=before)
    announce(sandbox, "charge.refund.updated", after, cause=cause, before=before)
    return after


def charge_of(sandbox: Sandbox, refund: Json) -> Json:
    return sandbox.books.all(CHARGE)[refund["charge"]]


def is_short_of_balance(sandbox: Sandbox) -> bool:
    balance = sandbox.books.get(BALANCE, BALANCE_ID)
    return balance is not None and bool(balance["short"])


def set_balance_short(sandbox: Sandbox, short: bool) -> None:
    """Inside a unit. While it is short, refunds wait for it; then they all go through."""
    sandbox.books.put(BALANCE, {"id": BALANCE_ID, "short": short})
    if short:
        return
    for refund in list(sandbox.books.all(REFUND).values()):
        if refund.get("pending_reason") == "insufficient_funds":
            succeed(sandbox, refund["id"])


def without(thing: Json, name: str) -> Json:
    return {key: value for key, value in thing.items() if key != name}
