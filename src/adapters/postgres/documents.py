"""Domain values as JSON documents, and back."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from fractions import Fraction
from types import MappingProxyType
from typing import Any, Final, TypeAlias

import msgspec

from adapters.postgres.pool import to_json
from domain.offers.model import (
    Breakdown,
    FixedPrice,
    InputRule,
    Offer,
    OpenPrice,
    PerUnitPrice,
    Pricing,
    Terms,
)

Document: TypeAlias = dict[str, Any]

PRICINGS: Final[Mapping[str, type[Pricing]]] = MappingProxyType(
    {"fixed": FixedPrice, "per_unit": PerUnitPrice, "open": OpenPrice}
)
RULES: Final = MappingProxyType({kind: rule for rule, kind in PRICINGS.items()})


def offer_document(offer: Offer) -> Document:
    """Durations become ISO 8601, fractions "n/d". The order of keys means something: keep it."""
    plain: Document = msgspec.to_builtins(offer, enc_hook=_fraction_text)
    plain["pricing"] = {"rule": RULES[type(offer.pricing)], **plain["pricing"]}
    return plain


def offer_of(document: Document, *, active: bool) -> Offer:
    pricing = document["pricing"]
    return Offer(
        slug=document["slug"],
        name=document["name"],
        active=active,
        pricing=msgspec.convert(pricing, PRICINGS[pricing["rule"]], dec_hook=_fraction),
        inputs=msgspec.convert(document["inputs"], InputRule),
        terms=msgspec.convert(document["terms"], Terms),
        quantity_max=document["quantity_max"],
        payment_methods=tuple(document["payment_methods"]),
    )


def breakdown_document(breakdown: Breakdown) -> Document:
    document: Document = msgspec.to_builtins(breakdown)
    return document


def breakdown_of(document: Document) -> Breakdown:
    return msgspec.convert(document, Breakdown)


def _fraction_text(value: object) -> str:
    if isinstance(value, Fraction):
        return str(value)
    msg = f"{type(value).__name__} has no place in a document"
    raise NotImplementedError(msg)


def _fraction(kind: type, value: object) -> object:
    if kind is Fraction and isinstance(value, str):
        return Fraction(value)
    raise NotImplementedError(kind)


def fingerprint(document: Mapping[str, object]) -> str:
    """The same for equal documents, whatever the order of their keys."""
    sorted_keys = json.dumps(json.loads(to_json(document)), sort_keys=True, allow_nan=False)
    return hashlib.sha256(sorted_keys.encode()).hexdigest()


def plain_facts(facts: Mapping[str, object]) -> Document:
    """Facts of the audit as jsonb takes them: times as RFC 3339, and every text storable."""
    return {storable(key): _plain(value) for key, value in facts.items()}


def _plain(value: object) -> object:
    match value:
        case Mapping():
            return plain_facts(value)
        case list() | tuple():
            return [_plain(inner) for inner in value]
        case str():
            return storable(value)
        case datetime():
            return value.isoformat()
        case _:
            return value


def storable(text: str) -> str:
    """Replace what PostgreSQL's text cannot hold, so that writing down a failure cannot fail."""
    without_nul = text.replace("\0", "\N{REPLACEMENT CHARACTER}")
    return without_nul.encode(errors="replace").decode()
