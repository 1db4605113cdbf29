"""PaymentIntents: made when a customer confirms on the hosted page, and read over the API."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from entrypoints.stripe_sandbox.books import Json
from entrypoints.stripe_sandbox.ids import client_secret, new_intent_id
from entrypoints.stripe_sandbox.resources.listing import listed
from entrypoints.stripe_sandbox.resources.resource import (
    Call,
    Endpoint,
    Expandable,
    Resource,
    kept,
)
from entrypoints.stripe_sandbox.wire.fields import EXPAND, MOMENT, PAGING, Record, Text

PAYMENT_INTENT: Final = "payment_intent"
UNUSED: Final[Mapping[str, Any]] = MappingProxyType(
    {
        "allowed_payment_method_types": None,
        "amount_capturable": 0,
        "amount_details": {"tip": {}},
        "amount_received": 0,
        "application": None,
        "application_fee_amount": None,
        "automatic_payment_methods": None,
        "canceled_at": None,
        "cancellation_reason": None,
        "capture_method": "automatic_async",
        "confirmation_method": "automatic",
        "customer": None,
        "customer_account": None,
        "description": None,
        "excluded_payment_method_types": None,
        "hooks": None,
        "last_payment_error": None,
        "latest_charge": None,
        "livemode": False,
        "managed_payments": None,
        "metadata": {},
        "next_action": None,
        "on_behalf_of": None,
        "payment_details": None,
        "payment_method": None,
        "payment_method_configuration_details": None,
        "payment_record": None,
        "presentment_details": None,
        "processing": None,
        "receipt_email": None,
        "review": None,
        "setup_future_usage": None,
        "shipping": None,
        "source": None,
        "statement_descriptor": None,
        "statement_descriptor_suffix": None,
        "transfer_data": None,
        "transfer_group": None,
    }
)
CARD_OPTIONS: Final = MappingProxyType(
    {
        "installments": None,
        "mandate_options": None,
        "network": None,
        "request_three_d_secure": "automatic",
    }
)


def opened(session: Json, data: Json, *, amount: int, currency: str, created: int) -> Json:
    """The intent of *session*, with what its `payment_intent_data` said."""
    intent_id = new_intent_id()
    said: Json = {
        name: data[name]
        for name in ("description", "receipt_email", "statement_descriptor_suffix", "shipping")
        if name in data
    }
    return {
        "id": intent_id,
        "object": PAYMENT_INTENT,
        **UNUSED,
        **said,
        "amount": amount,
        "client_secret": client_secret(intent_id),
        "created": created,
        "currency": currency,
        "metadata": data.get("metadata") or {},
        "payment_method_options": {"card": dict(CARD_OPTIONS)},
        "payment_method_types": session["payment_method_types"],
        "status": "requires_payment_method",
    }


def retrieve(call: Call) -> Json:
    return kept(call, PAYMENT_INTENT, param="intent")


def list_(call: Call) -> Json:
    return listed(call, PAYMENT_INTENT, equal=("customer",))


RESOURCE: Final = Resource(
    object=PAYMENT_INTENT,
    endpoints=(
        Endpoint(
            method="GET",
            path="/v1/payment_intents",
            handle=list_,
            params=Record({**PAGING, "created": MOMENT, "customer": Text()}),
            returns=PAYMENT_INTENT,
            listed=True,
        ),
        Endpoint(
            method="GET",
            path="/v1/payment_intents/{id}",
            handle=retrieve,
            params=Record({**EXPAND, "client_secret": Text()}),
            returns=PAYMENT_INTENT,
        ),
    ),
    expandable={
        "latest_charge": Expandable(("charge",)),
        "customer": Expandable(("customer",)),
        "payment_method": Expandable(("payment_method",)),
        "review": Expandable(("review",)),
        "on_behalf_of": Expandable(("account",)),
        "application": Expandable(("application",)),
    },
)
