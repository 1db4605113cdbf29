"""Offers as they stand in a TOML file."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from datetime import timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import msgspec

from domain.offers.model import (
    FieldKind,
    FixedPrice,
    InputField,
    InputRule,
    Offer,
    OpenPrice,
    PerUnitPrice,
    Pricing,
    Terms,
)

DURATION: Final = re.compile(r"(\d+)(s|m|h|d)")
SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
SLUG: Final = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


class WrongOffers(Exception):
    """The offers file is wrong: every flaw, by offer."""

    def __init__(self, path: Path, flaws: list[str]) -> None:
        super().__init__(f"{path}: " + "; ".join(flaws))
        self.path = path
        self.flaws = flaws


class FixedTable(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="rule", tag="fixed"
):
    prices: dict[str, int]


class OpenTable(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="rule", tag="open"
):
    currency: str
    minimum: int
    maximum: int


class PerUnitTable(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="rule", tag="per_unit"
):
    unit: str
    multiply: list[str]
    cost: dict[str, str]
    minimum: dict[str, int]
    divide_by: int = 1
    markup: str = "0"


class InputTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    type: FieldKind
    required: bool = True
    min: int | None = None
    max: int | None = None


class OfferTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: str
    price: FixedTable | OpenTable | PerUnitTable
    inputs: dict[str, InputTable] | str = {}
    active: bool = True
    delivery_time: str = "1h"
    max_attempts: int = 3
    retry_delay: str = "10s"
    max_quantity: int = 1
    payment_methods: tuple[str, ...] = ("card",)


def read_offers(path: Path) -> list[Offer]:
    """Read every offer of *path*; raise WrongOffers with all that is wrong."""
    try:
        document = tomllib.loads(path.read_text())
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise WrongOffers(path, [str(error)]) from error
    offers, flaws = [], []
    for slug, table in document.items():
        try:
            offers.append(_offer(slug, table))
        except (ValueError, msgspec.ValidationError) as error:
            flaws.append(f"[{slug}] {error}")
    if flaws:
        raise WrongOffers(path, flaws)
    return offers


def _offer(slug: str, table: Mapping[str, Any]) -> Offer:
    read = msgspec.convert(table, OfferTable)
    if not SLUG.fullmatch(slug):
        msg = "a slug is lower-case letters, digits and single dashes"
        raise ValueError(msg)
    offer = Offer(
        slug=slug,
        name=read.name,
        active=read.active,
        pricing=_pricing(read.price),
        inputs=_inputs(read.inputs),
        terms=Terms(
            max_attempts=_positive("max_attempts", read.max_attempts),
            retry_delay=duration(read.retry_delay),
            delivery_time=duration(read.delivery_time),
        ),
        quantity_max=_positive("max_quantity", read.max_quantity),
        payment_methods=read.payment_methods,
    )
    _check(offer)
    return offer


def _pricing(table: FixedTable | OpenTable | PerUnitTable) -> Pricing:
    match table:
        case FixedTable():
            return FixedPrice(prices=table.prices)
        case OpenTable():
            return OpenPrice(
                currency=table.currency, minimum_minor=table.minimum, maximum_minor=table.maximum
            )
        case PerUnitTable():
            return PerUnitPrice(
                unit=table.unit,
                multiply=tuple(table.multiply),
                divide_by=_positive("divide_by", table.divide_by),
                cost_minor={code: Fraction(cost) for code, cost in table.cost.items()},
                minimum_minor=table.minimum,
                markup=Fraction(table.markup),
            )


def _inputs(tables: Mapping[str, InputTable] | str) -> InputRule:
    if isinstance(tables, str):
        if tables != "anything":
            msg = 'inputs is a table, or "anything"'
            raise ValueError(msg)
        return InputRule(anything=True)
    return InputRule(
        fields={
            name: InputField(
                kind=table.type, required=table.required, minimum=table.min, maximum=table.max
            )
            for name, table in tables.items()
        }
    )


def _check(offer: Offer) -> None:
    match offer.pricing:
        case FixedPrice(prices=prices):
            _check_amounts(prices)
        case OpenPrice() as price:
            _check_amounts({price.currency: price.minimum_minor})
            if price.maximum_minor < price.minimum_minor:
                msg = "price.maximum is below price.minimum"
                raise ValueError(msg)
        case PerUnitPrice() as price:
            _check_amounts(price.minimum_minor)
            _check_units(offer, price)


def _check_amounts(amounts: Mapping[str, int]) -> None:
    if not amounts or min(amounts.values()) < 1:
        msg = "amounts are at least 1 minor unit, in at least one currency"
        raise ValueError(msg)
    if not all(re.fullmatch("[a-z]{3}", code) for code in amounts):
        msg = "currencies are lower-case ISO codes"
        raise ValueError(msg)


def _check_units(offer: Offer, price: PerUnitPrice) -> None:
    if price.cost_minor.keys() != price.minimum_minor.keys():
        msg = "price.cost and price.minimum name different currencies"
        raise ValueError(msg)
    if price.markup < 0 or min(price.cost_minor.values()) < 0:
        msg = "costs and markup are not below zero"
        raise ValueError(msg)
    for name in price.multiply:
        field = offer.inputs.fields.get(name)
        if field is None or field.kind is not FieldKind.INTEGER or not field.required:
            msg = f"price.multiply names {name}, which is no required integer input"
            raise ValueError(msg)


def _positive(name: str, number: int) -> int:
    if number < 1:
        msg = f"{name} is at least 1"
        raise ValueError(msg)
    return number


def duration(text: str) -> timedelta:
    """Read "90s", "30m", "6h" or "3d"; raise ValueError."""
    match = DURATION.fullmatch(text.strip())
    if match is None:
        msg = f"{text!r} is no duration: write 90s, 30m, 6h or 3d"
        raise ValueError(msg)
    return timedelta(seconds=int(match[1]) * SECONDS[match[2]])
