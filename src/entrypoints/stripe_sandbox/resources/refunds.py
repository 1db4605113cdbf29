"""Refunds over the API."""

from typing import Final

from entrypoints.stripe_sandbox.banking import refunding
from entrypoints.stripe_sandbox.banking.currencies import displayed
from entrypoints.stripe_sandbox.banking.refunding import REFUND
from entrypoints.stripe_sandbox.books import Json
from entrypoints.stripe_sandbox.delivery.announcing import announce
from entrypoints.stripe_sandbox.resources.charges import CHARGE
from entrypoints.stripe_sandbox.resources.listing import listed
from entrypoints.stripe_sandbox.resources.payment_intents import PAYMENT_INTENT
from entrypoints.stripe_sandbox.resources.resource import (
    Call,
    Endpoint,
    Expandable,
    Resource,
    kept,
)
from entrypoints.stripe_sandbox.wire.errors import invalid, missing, refused
from entrypoints.stripe_sandbox.wire.fields import (
    EXPAND,
    MOMENT,
    PAGING,
    Email,
    Integer,
    Metadata,
    NotHere,
    Record,
    Text,
    merged_metadata,
)

CREATE: Final = Record(
    {
        **EXPAND,
        "amount": Integer(least=1),
        "charge": Text(),
        "currency": NotHere(),
        "customer": NotHere(),
        "instructions_email": Email(),
        "metadata": Metadata(),
        "origin": NotHere(),
        "payment_intent": Text(),
        "reason": Text(choices=("duplicate", "fraudulent", "requested_by_customer")),
        "refund_application_fee": NotHere(),
        "reverse_transfer": NotHere(),
    }
)
LIST: Final = Record({**PAGING, "charge": Text(), "created": MOMENT, "payment_intent": Text()})
UPDATE: Final = Record({**EXPAND, "metadata": Metadata()})


def create(call: Call) -> Json:
    params = call.params
    charge = charge_to_refund(call)
    wanted = {
        "amount": amount_to_refund(call, charge),
        "instructions_email": params.get("instructions_email"),
        "metadata": merged_metadata({}, params.get("metadata")),
        "reason": params.get("reason"),
    }
    return refunding.started(call.sandbox, charge, wanted, cause=call.cause)


def charge_to_refund(call: Call) -> Json:
    given = [name for name in ("payment_intent", "charge") if name in call.params]
    if not given:
        raise invalid(
            "One of the following params should be provided for this request: payment_intent or "
            "charge."
        )
    if len(given) > 1:
        raise invalid(
            "You may only specify one of these parameters: payment_intent, charge.",
            code="parameters_exclusive",
        )
    if given == ["payment_intent"]:
        return charge_of_intent(call, call.params["payment_intent"])
    charge = call.sandbox.books.get(CHARGE, call.params["charge"])
    if charge is None:
        raise missing(CHARGE, call.params["charge"])
    if not charge["paid"]:
        raise refused(f"Charge {charge['id']} was not successful and cannot be refunded.")
    return charge


def charge_of_intent(call: Call, intent_id: str) -> Json:
    books = call.sandbox.books
    intent = books.get(PAYMENT_INTENT, intent_id)
    if intent is None:
        raise missing(PAYMENT_INTENT, intent_id, param="intent")
    if intent["status"] != "succeeded":
        raise refused(
            f"This PaymentIntent ({intent_id}) does not have a successful charge to refund."
        )
    return books.all(CHARGE)[intent["latest_charge"]]


def amount_to_refund(call: Call, charge: Json) -> int:
    remaining = refunding.unrefunded(call.sandbox, charge)
    if remaining <= 0:
        raise refused(
            f"Charge {charge['id']} has already been refunded.", code="charge_already_refunded"
        )
    amount: int = call.params.get("amount", remaining)
    if amount > remaining:
        currency = charge["currency"]
        raise refused(
            f"Refund amount ({displayed(amount, currency)}) is greater than unrefunded amount on "
            f"charge ({displayed(remaining, currency)})",
            param="amount",
        )
    return amount


def retrieve(call: Call) -> Json:
    return kept(call, REFUND)


def update(call: Call) -> Json:
    refund = kept(call, REFUND)
    if "metadata" not in call.params:
        return refund
    metadata = merged_metadata(refund["metadata"], call.params["metadata"])
    changed = call.sandbox.books.put(REFUND, refund | {"metadata": metadata})
    announce(call.sandbox, "refund.updated", changed, cause=call.cause, before=refund)
    announce(call.sandbox, "charge.refund.updated", changed, cause=call.cause, before=refund)
    return changed


def cancel(call: Call) -> Json:
    kept(call, REFUND)
    raise refused("Canceling this refund is unsupported.")


def list_(call: Call) -> Json:
    books, params = call.sandbox.books, call.params
    named = next((name for name in ("charge", "payment_intent") if name in params), None)
    among = None if named is None else books.where(REFUND, named, params[named])
    return listed(call, REFUND, equal=("charge", "payment_intent"), among=among)


RESOURCE: Final = Resource(
    object=REFUND,
    endpoints=(
        Endpoint(method="POST", path="/v1/refunds", handle=create, params=CREATE, returns=REFUND),
        Endpoint(
            method="GET", path="/v1/refunds", handle=list_, params=LIST, returns=REFUND, listed=True
        ),
        Endpoint(method="GET", path="/v1/refunds/{id}", handle=retrieve, returns=REFUND),
        Endpoint(
            method="POST", path="/v1/refunds/{id}", handle=update, params=UPDATE, returns=REFUND
        ),
        Endpoint(method="POST", path="/v1/refunds/{id}/cancel", handle=cancel, returns=REFUND),
    ),
    expandable={
        "balance_transaction": Expandable(("balance_transaction",)),
        "charge": Expandable(("charge",)),
        "failure_balance_transaction": Expandable(("balance_transaction",)),
        "payment_intent": Expandable(("payment_intent",)),
        "customer": Expandable(("customer",)),
        "payment_method": Expandable(("payment_method",)),
        "source_transfer_reversal": Expandable(("transfer_reversal",)),
        "transfer_reversal": Expandable(("transfer_reversal",)),
    },
    actions={refunding.SUCCEED: refunding.succeed, refunding.FAIL: refunding.fail},
)
