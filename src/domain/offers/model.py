"""What is sold, at what price, with which inputs, and how long the work may take."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from enum import StrEnum
from fractions import Fraction
from typing import TypeAlias

import attrs

from domain.shared.money import Money

OfferSlug: TypeAlias = str


class FieldKind(StrEnum):
    TEXT = "text"
    URL = "url"
    INTEGER = "integer"
    BOOLEAN = "boolean"


@attrs.frozen(kw_only=True)
class InputField:
    """One input of an offer. *minimum* and *maximum* bound an integer, or a text's length."""

    kind: FieldKind
    required: bool = True
    minimum: int | None = None
    maximum: int | None = None


@attrs.frozen(kw_only=True)
class InputRule:
    """Which inputs a job takes: exactly *fields*, or with *anything* any small JSON object."""

    fields: Mapping[str, InputField] = attrs.field(factory=dict)
    anything: bool = False


@attrs.frozen(kw_only=True)
class FixedPrice:
    """One price in each currency, times the quantity. Keys are lower-case ISO codes."""

    prices: Mapping[str, int]


@attrs.frozen(kw_only=True)
class PerUnitPrice:
    """Cost per unit, times the units in the inputs, plus markup, never below a minimum.

    The units are the product of the integer inputs named in *multiply*, divided by *divide_by*:
    width × height ÷ 1 000 000 is megapixels. *cost_minor* may be a fraction of a minor unit;
    *markup* is a fraction of the cost (0.40 is 40 %). A fraction of a minor unit is rounded up
    once, at the end, so that nothing is sold below its cost.
    """

    unit: str
    multiply: tuple[str, ...]
    divide_by: int
    cost_minor: Mapping[str, Fraction]
    minimum_minor: Mapping[str, int]
    markup: Fraction


@attrs.frozen(kw_only=True)
class OpenPrice:
    """The customer names the amount, within limits, in one currency."""

    currency: str
    minimum_minor: int
    maximum_minor: int


Pricing: TypeAlias = FixedPrice | PerUnitPrice | OpenPrice


@attrs.frozen(kw_only=True)
class Terms:
    """What is promised about the work. Frozen on the job when it is bought."""

    max_attempts: int = 3
    retry_delay: timedelta = timedelta(seconds=10)
    delivery_time: timedelta = timedelta(hours=1)


@attrs.frozen(kw_only=True)
class Offer:
    slug: OfferSlug
    name: str
    active: bool = True
    pricing: Pricing
    inputs: InputRule = attrs.field(factory=InputRule)
    terms: Terms = attrs.field(factory=Terms)
    quantity_max: int = 1
    payment_methods: tuple[str, ...] = ("card",)
    """Ways to pay that the provider may show, in its own names."""


@attrs.frozen(kw_only=True)
class Breakdown:
    """How an amount came about: shown to the customer and frozen on the payment."""

    rule: str
    quantity: int
    unit_amount_minor: int
    facts: Mapping[str, str | int] = attrs.field(factory=dict)


@attrs.frozen(kw_only=True)
class Quote:
    amount: Money
    breakdown: Breakdown
