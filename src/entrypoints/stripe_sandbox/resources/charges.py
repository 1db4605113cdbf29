"""Charges: one per attempt to take money, and the fee that is known a little later."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from entrypoints.stripe_sandbox.banking.cards import Accepted, Decline
from entrypoints.stripe_sandbox.books import Json
from entrypoints.stripe_sandbox.delivery.announcing import announce
from entrypoints.stripe_sandbox.ids import related_id, token
from entrypoints.stripe_sandbox.resources.balance_transactions import booked, card_fee
from entrypoints.stripe_sandbox.resources.listing import listed
from entrypoints.stripe_sandbox.resources.resource import (
    Call,
    Endpoint,
    Expandable,
    Resource,
    kept,
    whole_list,
)
from entrypoints.stripe_sandbox.sandbox import Sandbox
from entrypoints.stripe_sandbox.wire.fields import MOMENT, PAGING, Record, Text

CHARGE: Final = "charge"
# How refunds of a charge will go, decided by the card that paid it.
CARD_USED: Final = "_card_used"
SETTLE: Final = "charge.settle"
SETTLE_DEBIT: Final = "payment_intent.settle"
FAIL_DEBIT: Final = "payment_intent.fail"
STATEMENT: Final = "STRIPE SANDBOX"
SUFFIX_ROOM: Final = 22
UNUSED: Final[Mapping[str, Any]] = MappingProxyType(
    {
        "amount_refunded": 0,
        "application": None,
        "application_fee": None,
        "application_fee_amount": None,
        "authorization_code": None,
        "balance_transaction": None,
        "customer": None,
        "disputed": False,
        "failure_balance_transaction": None,
        "failure_code": None,
        "failure_message": None,
        "fraud_details": {},
        "level3": None,
        "livemode": False,
        "on_behalf_of": None,
        "presentment_details": None,
        "radar_options": {},
        "receipt_number": None,
        "refunded": False,
        "review": None,
        "source": None,
        "source_transfer": None,
        "statement_descriptor": None,
        "transfer_data": None,
        "transfer_group": None,
    }
)


def made(intent: Json, accepted: Accepted, billing: Json, *, created: int) -> Json:
    """An attempt to take *intent*'s amount from the card: it succeeds unless the card declines."""
    decline = accepted.card.decline
    paid = decline is None
    return {
        **of_intent(intent, billing, prefix="ch", created=created),
        "amount_captured": intent["amount"] if paid else 0,
        "captured": paid,
        "failure_code": decline.code if decline else None,
        "failure_message": decline.message if decline else None,
        "outcome": outcome(decline),
        "paid": paid,
        "payment_method_details": {"card": card_details(accepted, intent), "type": "card"},
        "receipt_url": f"https://pay.stripe.com/receipts/payment/{token(40)}" if paid else None,
        "status": "succeeded" if paid else "failed",
    }


def debited(intent: Json, iban: str, billing: Json, *, created: int) -> Json:
    """A bank was told to send *intent*'s amount and has not said yet whether it will."""
    details = {
        "bank_code": iban[4:12] or None,
        "branch_code": None,
        "country": iban[:2],
        "expected_debit_date": None,
        "fingerprint": f"sepa{iban[-4:]}Fingerprint00"[:16],
        "last4": iban[-4:],
        "mandate": related_id("mandate", intent["id"]),
    }
    return {
        **of_intent(intent, billing, prefix="py", created=created),
        "amount_captured": intent["amount"],
        "captured": True,
        "outcome": outcome(None) | {"risk_level": "not_assessed", "risk_score": None},
        "paid": False,
        "payment_method_details": {"sepa_debit": details, "type": "sepa_debit"},
        "receipt_url": f"https://pay.stripe.com/receipts/payment/{token(40)}",
        "status": "pending",
    }


def of_intent(intent: Json, billing: Json, *, prefix: str, created: int) -> Json:
    suffix = intent["statement_descriptor_suffix"]
    return {
        "id": related_id(prefix, intent["id"]),
        "object": CHARGE,
        **UNUSED,
        "amount": intent["amount"],
        "billing_details": billing,
        "calculated_statement_descriptor": descriptor(suffix),
        "created": created,
        "currency": intent["currency"],
        "description": intent["description"],
        "metadata": intent["metadata"],
        "payment_intent": intent["id"],
        "payment_method": intent["payment_method"],
        "receipt_email": intent["receipt_email"],
        "shipping": intent["shipping"],
        "statement_descriptor_suffix": suffix,
    }


def descriptor(suffix: str | None) -> str:
    whole = f"{STATEMENT}* {suffix}" if suffix else STATEMENT
    return whole[:SUFFIX_ROOM]


def outcome(decline: Decline | None) -> Json:
    refused = decline is not None
    return {
        "advice_code": decline.advice_code if decline else None,
        "network_advice_code": None,
        "network_decline_code": "01" if refused else None,
        "network_status": "declined_by_network" if refused else "approved_by_network",
        "reason": decline.decline_code if decline else None,
        "risk_level": "normal",
        "risk_score": 20,
        "rule": None,
        "seller_message": (
            "The bank did not return any further details with this decline."
            if refused
            else "Payment complete."
        ),
        "type": "issuer_declined" if refused else "authorized",
    }


def card_details(accepted: Accepted, intent: Json) -> Json:
    """`payment_method_details.card`."""
    decline = accepted.card.decline
    wrong_cvc = decline is not None and decline.code == "incorrect_cvc"
    return {
        "amount_authorized": None if decline else intent["amount"],
        "authorization_code": None if decline else token(6).upper(),
        "brand": accepted.card.brand,
        "checks": {
            "address_line1_check": None,
            "address_postal_code_check": None,
            "cvc_check": "fail" if wrong_cvc else "pass",
        },
        "country": "US",
        "exp_month": accepted.exp_month,
        "exp_year": accepted.exp_year,
        "extended_authorization": {"status": "disabled"},
        "fingerprint": fingerprint(accepted),
        "funding": "credit",
        "incremental_authorization": {"status": "unavailable"},
        "installments": None,
        "last4": accepted.last4,
        "mandate": None,
        "multicapture": {"status": "unavailable"},
        "network": accepted.card.brand,
        "network_token": {"used": False},
        "network_transaction_id": token(15).upper(),
        "overcapture": {"maximum_amount_capturable": intent["amount"], "status": "unavailable"},
        "regulated_status": "unregulated",
        "three_d_secure": three_d_secure() if accepted.authenticated else None,
        "wallet": None,
    }


def three_d_secure() -> Json:
    return {
        "authentication_flow": "challenge",
        "electronic_commerce_indicator": "05",
        "exemption_indicator": None,
        "exemption_indicator_applied": None,
        "result": "authenticated",
        "result_reason": None,
        "transaction_id": token(36).lower(),
        "version": "2.2.0",
    }


def fingerprint(accepted: Accepted) -> str:
    """The same for the same test card, and not computed from its number."""
    return f"{accepted.card.brand}{accepted.last4}Fingerprint00"[:16]


def settle(sandbox: Sandbox, charge_id: str) -> None:
    """The money arrives in the balance and the fee is known."""
    charge = sandbox.books.get(CHARGE, charge_id)
    if charge is None:
        return
    transaction = booked(
        sandbox,
        charge,
        kind="charge",
        amount=charge["amount_captured"],
        fee=card_fee(charge["amount_captured"]),
        description=charge["description"],
    )
    settled = sandbox.books.put(CHARGE, charge | {"balance_transaction": transaction["id"]})
    announce(sandbox, "charge.updated", settled, before=charge)


def refunds_of(sandbox: Sandbox, charge: Json) -> Json:
    newest_first = list(reversed(sandbox.books.where("refund", "charge", charge["id"])))
    return whole_list(f"/v1/charges/{charge['id']}/refunds", newest_first)


def retrieve(call: Call) -> Json:
    return kept(call, CHARGE)


def list_(call: Call) -> Json:
    intent = call.params.get("payment_intent")
    among = None if intent is None else call.sandbox.books.where(CHARGE, "payment_intent", intent)
    return listed(call, CHARGE, equal=("customer", "transfer_group"), among=among)


RESOURCE: Final = Resource(
    object=CHARGE,
    endpoints=(
        Endpoint(
            method="GET",
            path="/v1/charges",
            handle=list_,
            params=Record(
                {
                    **PAGING,
                    "created": MOMENT,
                    "customer": Text(),
                    "payment_intent": Text(),
                    "transfer_group": Text(),
                }
            ),
            returns=CHARGE,
            listed=True,
        ),
        Endpoint(method="GET", path="/v1/charges/{id}", handle=retrieve, returns=CHARGE),
    ),
    expandable={
        "balance_transaction": Expandable(("balance_transaction",)),
        "failure_balance_transaction": Expandable(("balance_transaction",)),
        "payment_intent": Expandable(("payment_intent",)),
        "refunds": Expandable(("refund",), make=refunds_of),
        "customer": Expandable(("customer",)),
        "review": Expandable(("review",)),
        "on_behalf_of": Expandable(("account",)),
        "application": Expandable(("application",)),
        "application_fee": Expandable(("application_fee",)),
        "source_transfer": Expandable(("transfer",)),
    },
    actions={SETTLE: settle},
)
