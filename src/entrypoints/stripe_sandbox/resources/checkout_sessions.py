"""Checkout Sessions: open until they are complete or expired, and never anything again."""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from entrypoints.stripe_sandbox.books import Json
from entrypoints.stripe_sandbox.delivery.announcing import BY_ITSELF, Cause, announce
from entrypoints.stripe_sandbox.ids import new_session_id
from entrypoints.stripe_sandbox.resources import checkout_parameters
from entrypoints.stripe_sandbox.resources.checkout_items import (
    ITEM,
    check_total,
    items_of,
    total_of,
)
from entrypoints.stripe_sandbox.resources.listing import listed, page
from entrypoints.stripe_sandbox.resources.resource import (
    Call,
    Endpoint,
    Expandable,
    Resource,
    given,
    kept,
    whole_list,
)
from entrypoints.stripe_sandbox.sandbox import Sandbox
from entrypoints.stripe_sandbox.wire.errors import invalid, missing_parameter, refused
from entrypoints.stripe_sandbox.wire.fields import PAGING, Record, merged_metadata

SESSION: Final = "checkout.session"
# Items and payment_intent_data: what belongs to a session and is not in its object.
ORDER: Final = "_checkout_order"
EXPIRE: Final = "checkout.session.expire"
METHODS: Final = ("card", "sepa_debit")
SHORTEST_S: Final = 30 * 60
LONGEST_S: Final = 24 * 3600
SUFFIX: Final = re.compile(r"(?=.*[A-Za-z])[^<>\\'\"*]+")

UNUSED: Final[Mapping[str, Any]] = MappingProxyType(
    {
        "after_expiration": None,
        "allow_promotion_codes": None,
        "automatic_tax": {"enabled": False, "liability": None, "provider": None, "status": None},
        "branding_settings": None,
        "client_secret": None,
        "collected_information": None,
        "consent": None,
        "consent_collection": None,
        "currency_conversion": None,
        "custom_fields": [],
        "custom_text": {
            "after_submit": None,
            "shipping_address": None,
            "submit": None,
            "terms_of_service_acceptance": None,
        },
        "customer": None,
        "customer_account": None,
        "discounts": [],
        "invoice": None,
        "invoice_creation": {
            "enabled": False,
            "invoice_data": {
                "account_tax_ids": None,
                "custom_fields": None,
                "description": None,
                "footer": None,
                "issuer": None,
                "metadata": {},
                "rendering_options": None,
            },
        },
        "livemode": False,
        "managed_payments": {"enabled": False},
        "name_collection": None,
        "optional_items": None,
        "payment_intent": None,
        "payment_link": None,
        "payment_method_collection": "if_required",
        "payment_method_configuration_details": None,
        "payment_method_options": {"card": {"request_three_d_secure": "automatic"}},
        "permissions": None,
        "phone_number_collection": {"enabled": False},
        "presentment_details": None,
        "recovered_from": None,
        "redirect_on_completion": None,
        "return_url": None,
        "saved_payment_method_options": None,
        "setup_intent": None,
        "shipping_address_collection": None,
        "shipping_cost": None,
        "shipping_options": [],
        "subscription": None,
        "tax_id_collection": None,
        "total_details": {"amount_discount": 0, "amount_shipping": 0, "amount_tax": 0},
        "wallet_options": None,
    }
)


def create(call: Call) -> Json:
    params, created = call.params, call.sandbox.clock.epoch()
    check_kind(params)
    expires_at = expiry(params, created)
    items = items_of(params["line_items"], created=created)
    check_total(total_of(items), items[0]["currency"])
    session = opened(call, items, created=created, expires_at=expires_at)
    data = payment_intent_data(params)
    call.sandbox.books.put(SESSION, session)
    call.sandbox.books.put(
        ORDER, {"id": session["id"], "items": items, "payment_intent_data": data}
    )
    call.sandbox.agenda.set(EXPIRE, session["id"], at=expires_at)
    return session


def opened(call: Call, items: list[Json], *, created: int, expires_at: int) -> Json:
    params, total, session_id = call.params, total_of(items), new_session_id()
    email = params.get("customer_email")
    return {
        "id": session_id,
        "object": SESSION,
        **UNUSED,
        **given(params, "cancel_url", "client_reference_id", "integration_identifier", "locale"),
        **given(params, "origin_context", "submit_type", "billing_address_collection"),
        **given(params, "allowed_payment_method_types", "excluded_payment_method_types"),
        "adaptive_pricing": {"enabled": params.get("adaptive_pricing", {}).get("enabled", False)},
        "amount_subtotal": total,
        "amount_total": total,
        "created": created,
        "currency": items[0]["currency"],
        "customer_creation": params.get("customer_creation", "if_required"),
        "customer_details": customer_details(email) if email else None,
        "customer_email": email,
        "expires_at": expires_at,
        "metadata": params.get("metadata") or {},
        "mode": "payment",
        "payment_method_types": payment_methods(params),
        "payment_status": "unpaid",
        "status": "open",
        "success_url": params["success_url"],
        "ui_mode": "hosted_page",
        "url": f"{call.base_url}/c/pay/{session_id}",
    }


def customer_details(email: str, *, name: str | None = None) -> Json:
    return {
        "address": None,
        "business_name": None,
        "email": email,
        "individual_name": None,
        "name": name,
        "phone": None,
        "tax_exempt": "none",
        "tax_ids": None,
    }


def check_kind(params: Json) -> None:
    """Hosted one-off payments are what this sandbox does."""
    for name in ("mode", "success_url", "line_items"):
        if not params.get(name):
            raise missing_parameter(name)
    if params["mode"] != "payment":
        raise invalid(f"The Stripe sandbox does not do mode '{params['mode']}'.", param="mode")
    if params.get("ui_mode", "hosted_page") != "hosted_page":
        raise invalid(f"The Stripe sandbox does not do '{params['ui_mode']}'.", param="ui_mode")


def expiry(params: Json, created: int) -> int:
    expires_at: int = params.get("expires_at", created + LONGEST_S)
    if expires_at > created + LONGEST_S:
        bound = "less than 24 hours"
    elif expires_at < created + SHORTEST_S:
        bound = "at least 30 minutes"
    else:
        return expires_at
    raise invalid(
        f"The `expires_at` timestamp must be {bound} from Checkout Session creation.",
        param="expires_at",
    )


def payment_methods(params: Json) -> list[str]:
    """Those of the sandbox's that are allowed. Unlike at Stripe a bank debit is in any currency."""
    allowed: Any = params.get("allowed_payment_method_types") or params.get("payment_method_types")
    excluded = params.get("excluded_payment_method_types") or []
    methods = [each for each in METHODS if each in (allowed or METHODS) and each not in excluded]
    if not methods:
        raise refused("No valid payment method types for this Checkout Session.")
    return methods


def payment_intent_data(params: Json) -> Json:
    data: Json = params.get("payment_intent_data", {})
    if "statement_descriptor" in data:
        raise refused(
            "The `statement_descriptor` parameter is not supported for cards. Use "
            "`statement_descriptor_suffix` instead.",
            param="payment_intent_data[statement_descriptor]",
        )
    suffix = data.get("statement_descriptor_suffix")
    if suffix is not None and SUFFIX.fullmatch(suffix) is None:
        raise refused(
            "The statement descriptor suffix must contain at least one letter and none of "
            "< > \\ ' \" *.",
            param="payment_intent_data[statement_descriptor_suffix]",
        )
    return data


def retrieve(call: Call) -> Json:
    return kept(call, SESSION)


def update(call: Call) -> Json:
    session = kept(call, SESSION)
    if "metadata" not in call.params:
        return session
    metadata = merged_metadata(session["metadata"], call.params["metadata"])
    return call.sandbox.books.put(SESSION, session | {"metadata": metadata})


def expire(call: Call) -> Json:
    session = kept(call, SESSION)
    if session["status"] != "open":
        raise refused(
            'Only Checkout Sessions with a status in ["open"] can be expired. This Checkout '
            f"Session has a status of `{session['status']}`."
        )
    return expired(call.sandbox, session, cause=call.cause)


def expire_in_time(sandbox: Sandbox, session_id: str) -> None:
    session = sandbox.books.get(SESSION, session_id)
    if session is not None and session["status"] == "open":
        expired(sandbox, session, cause=BY_ITSELF)


def expired(sandbox: Sandbox, session: Json, *, cause: Cause) -> Json:
    closed = sandbox.books.put(SESSION, session | {"status": "expired", "url": None})
    announce(sandbox, "checkout.session.expired", closed, cause=cause)
    return closed


def list_(call: Call) -> Json:
    params, books = call.params, call.sandbox.books
    intent = params.get("payment_intent")
    email = params.get("customer_details", {}).get("email")

    def has_email(session: Json) -> bool:
        return email is None or (session["customer_details"] or {}).get("email") == email

    return listed(
        call,
        SESSION,
        equal=("status", "customer", "customer_account", "payment_link", "subscription"),
        also=has_email,
        among=None if intent is None else books.where(SESSION, "payment_intent", intent),
    )


def line_items(call: Call) -> Json:
    order = call.sandbox.books.all(ORDER)[kept(call, SESSION)["id"]]
    # Lines keep the order they were given in, unlike every other list.
    return page(call, ITEM, list(reversed(order["items"])), lambda _: True)


def items_listed(sandbox: Sandbox, session: Json) -> Json:
    order = sandbox.books.all(ORDER)[session["id"]]
    return whole_list(f"/v1/checkout/sessions/{session['id']}/line_items", order["items"])


RESOURCE: Final = Resource(
    object=SESSION,
    endpoints=(
        Endpoint(
            method="POST",
            path="/v1/checkout/sessions",
            handle=create,
            params=checkout_parameters.CREATE,
            returns=SESSION,
            gone=checkout_parameters.GONE,
        ),
        Endpoint(
            method="GET",
            path="/v1/checkout/sessions",
            handle=list_,
            params=checkout_parameters.LIST,
            returns=SESSION,
            listed=True,
        ),
        Endpoint(method="GET", path="/v1/checkout/sessions/{id}", handle=retrieve, returns=SESSION),
        Endpoint(
            method="POST",
            path="/v1/checkout/sessions/{id}",
            handle=update,
            params=checkout_parameters.UPDATE,
            returns=SESSION,
        ),
        Endpoint(
            method="POST", path="/v1/checkout/sessions/{id}/expire", handle=expire, returns=SESSION
        ),
        Endpoint(
            method="GET",
            path="/v1/checkout/sessions/{id}/line_items",
            handle=line_items,
            params=Record(PAGING),
            returns=ITEM,
            listed=True,
        ),
    ),
    expandable={
        "payment_intent": Expandable(("payment_intent",)),
        "line_items": Expandable((ITEM,), make=items_listed),
        "customer": Expandable(("customer",)),
        "invoice": Expandable(("invoice",)),
        "payment_link": Expandable(("payment_link",)),
        "setup_intent": Expandable(("setup_intent",)),
        "subscription": Expandable(("subscription",)),
    },
    actions={EXPIRE: expire_in_time},
)
