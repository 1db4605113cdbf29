"""What we send, frozen when it is decided on: plain JSON, kept for days, sent exactly as kept."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from typing import Any, Final

from domain.outbox.model import Parameters
from domain.payments.model import CheckoutOrder, Payment
from domain.provider_events.policy import APP
from domain.refunds.model import RefundOrder

METADATA_VALUE_LENGTH_MAX: Final = 500
SESSION_PLACEHOLDER: Final = "session_id={CHECKOUT_SESSION_ID}"
"""Stripe puts the id in. It only looks for braces that are not escaped."""

SUFFIX_LENGTH_MAX: Final = 10
"""A statement shows 22 characters: the account's prefix, of up to ten, then "* ", then ours."""


def checkout(order: CheckoutOrder, instance: str) -> Parameters:
    payment = order.payment
    metadata = {**payment.metadata, **_marks(payment, order.offer, instance)}
    email = {} if payment.customer_email is None else {"customer_email": payment.customer_email}
    return {
        "mode": "payment",
        "client_reference_id": payment.job_id,
        "line_items": [_line_item(order)],
        "allowed_payment_method_types": list(order.payment_methods),
        "adaptive_pricing": {"enabled": False},
        "success_url": with_session_placeholder(payment.success_url),
        "cancel_url": payment.cancel_url,
        "metadata": metadata,
        "payment_intent_data": _intent(order, metadata),
        **email,
    }


def refund(order: RefundOrder, instance: str) -> Parameters:
    """Without a reason of Stripe's: none of its words means *the work failed*."""
    payment = order.payment
    metadata = {**_marks(payment, order.offer, instance), "refund_id": str(order.refund.id)}
    if order.failure_reason:
        metadata["failure_reason"] = order.failure_reason[:METADATA_VALUE_LENGTH_MAX]
    if payment.intent_id is None:
        raise RuntimeError(f"{payment.id} has no intent: there is nothing to give back")
    return {
        "payment_intent": payment.intent_id,
        "amount": order.refund.amount.amount_minor,
        "metadata": metadata,
    }


def as_stored(parameters: Parameters) -> Any:
    """The same parameters in one order, whichever order the database gave them back in.

    Stripe compares what a key was first used with to what it is used with now.
    """
    return _sorted(parameters)


def _sorted(value: object) -> Any:
    match value:
        case Mapping():
            return {key: _sorted(value[key]) for key in sorted(value)}
        case list() | tuple():
            return [_sorted(item) for item in value]
        case _:
            return value


def _marks(payment: Payment, offer: str, instance: str) -> dict[str, str]:
    """What makes an object ours. It wins over anything of the caller's."""
    return {
        "app": APP,
        "instance": instance,
        "job_id": str(payment.job_id),
        "payment_id": str(payment.id),
        "offer": offer,
    }


def _line_item(order: CheckoutOrder) -> dict[str, object]:
    amount, breakdown = order.payment.amount, order.payment.breakdown
    if breakdown.unit_amount_minor * breakdown.quantity != amount.amount_minor:
        raise RuntimeError(f"{order.payment.id}: the breakdown does not add up to {amount}")
    return {
        "price_data": {
            "currency": amount.currency,
            "unit_amount": breakdown.unit_amount_minor,
            "product_data": {"name": order.offer_name},
        },
        "quantity": breakdown.quantity,
    }


def _intent(order: CheckoutOrder, metadata: Mapping[str, str]) -> dict[str, object]:
    """Stripe copies nothing from the session to its intent: what both need is sent twice."""
    intent: dict[str, object] = {"metadata": dict(metadata)}
    if order.payment.customer_email is not None:
        intent["receipt_email"] = order.payment.customer_email
    if suffix := statement_suffix(order.offer_name):
        intent["statement_descriptor_suffix"] = suffix
    return intent


def statement_suffix(name: str) -> str | None:
    """What of *name* may stand on a card statement: plain letters, digits and single spaces.

    None when no letter is left, which Stripe would refuse.
    """
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    words = re.sub(r"[^A-Za-z0-9]+", " ", plain).strip()
    cut = words[:SUFFIX_LENGTH_MAX].strip()
    return cut if re.search("[A-Za-z]", cut) else None


def with_session_placeholder(url: str) -> str:
    base, hash_sign, fragment = url.partition("#")
    separator = "&" if "?" in base else "?"
    return f"{base}{separator}{SESSION_PLACEHOLDER}{hash_sign}{fragment}"
