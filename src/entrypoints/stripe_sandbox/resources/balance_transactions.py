"""Balance transactions: what each movement added to Stripe's balance, and what it cost."""

from typing import Final

from entrypoints.stripe_sandbox.books import Json
from entrypoints.stripe_sandbox.ids import related_id
from entrypoints.stripe_sandbox.resources.listing import listed
from entrypoints.stripe_sandbox.resources.resource import (
    Call,
    Endpoint,
    Expandable,
    Resource,
    kept,
)
from entrypoints.stripe_sandbox.sandbox import Sandbox
from entrypoints.stripe_sandbox.wire.fields import MOMENT, PAGING, Record, Text

BALANCE_TRANSACTION: Final = "balance_transaction"
BECOME_AVAILABLE: Final = "balance_transaction.become_available"
AVAILABLE_AFTER_S: Final = 2 * 24 * 3600
# A domestic card: 2.9 % + 30.
FEE_PER_THOUSAND: Final = 29
FEE_FIXED: Final = 30


def card_fee(amount: int) -> int:
    """Rounded half up, as Stripe's published examples are."""
    return (amount * FEE_PER_THOUSAND + 500) // 1000 + FEE_FIXED


def booked(
    sandbox: Sandbox,
    source: Json,
    *,
    kind: str,
    amount: int,
    fee: int = 0,
    description: str | None,
    available_now: bool = False,
) -> Json:
    """Write one movement of *amount*, signed, that *source* caused."""
    created = sandbox.clock.epoch()
    transaction: Json = {
        "id": related_id("txn", source["id"]),
        "object": BALANCE_TRANSACTION,
        "amount": amount,
        "available_on": created if available_now else created + AVAILABLE_AFTER_S,
        "balance_type": "payments",
        "created": created,
        "currency": source["currency"],
        "description": description,
        "exchange_rate": None,
        "fee": fee,
        "fee_details": fee_details(fee, source["currency"]),
        "net": amount - fee,
        "reporting_category": kind,
        "source": source["id"],
        "status": "available" if available_now else "pending",
        "type": kind,
    }
    if not available_now:
        sandbox.agenda.set(BECOME_AVAILABLE, transaction["id"], at=transaction["available_on"])
    return sandbox.books.put(BALANCE_TRANSACTION, transaction)


def fee_details(fee: int, currency: str) -> list[Json]:
    if not fee:
        return []
    return [
        {
            "amount": fee,
            "application": None,
            "currency": currency,
            "description": "Stripe processing fees",
            "type": "stripe_fee",
        }
    ]


def become_available(sandbox: Sandbox, transaction_id: str) -> None:
    transaction = sandbox.books.get(BALANCE_TRANSACTION, transaction_id)
    if transaction is not None:
        sandbox.books.put(BALANCE_TRANSACTION, transaction | {"status": "available"})


def retrieve(call: Call) -> Json:
    return kept(call, BALANCE_TRANSACTION)


def list_(call: Call) -> Json:
    return listed(call, BALANCE_TRANSACTION, equal=("currency", "source", "type"))


RESOURCE: Final = Resource(
    object=BALANCE_TRANSACTION,
    endpoints=(
        Endpoint(
            method="GET",
            path="/v1/balance_transactions",
            handle=list_,
            params=Record(
                {
                    **PAGING,
                    "created": MOMENT,
                    "currency": Text(),
                    "source": Text(),
                    "type": Text(),
                }
            ),
            returns=BALANCE_TRANSACTION,
            listed=True,
        ),
        Endpoint(
            method="GET",
            path="/v1/balance_transactions/{id}",
            handle=retrieve,
            returns=BALANCE_TRANSACTION,
        ),
    ),
    expandable={"source": Expandable(("charge", "refund"))},
    actions={BECOME_AVAILABLE: become_available},
)
