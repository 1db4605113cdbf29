"""Money and price rules, written for a person."""

from __future__ import annotations

import math
from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final

WITHOUT_DECIMALS: Final = frozenset({"jpy", "krw", "vnd", "clp", "xaf", "xof", "xpf"})
"""The better known currencies that have no cents. The rest, here, have two decimals."""


def money(amount_minor: int, currency: str) -> str:
    places = decimals(currency)
    return f"{Decimal(amount_minor).scaleb(-places):,.{places}f} {currency.upper()}"


def decimals(currency: str) -> int:
    return 0 if currency in WITHOUT_DECIMALS else 2


def rule(price: Mapping[str, Any], currency: str) -> str:
    """Say how an offer's price comes about. *price* is as in GET /api/offers."""
    match price:
        case {"rule": "per_unit", "unit": unit, "cost": cost, "markup": markup, "minimum": least}:
            cents = Fraction(cost[currency]) / 10 ** decimals(currency)
            each = f"{_plain(cents)} {currency.upper()} per {unit}"
            more = _plain(Fraction(markup) * 100)
            return f"{each} + {more} %, at least {money(least[currency], currency)}"
        case {"rule": "fixed", "prices": prices}:
            return money(prices[currency], currency)
        case _:
            return f"{price['rule']} price"


def _plain(number: Fraction) -> str:
    """Write a fraction as a decimal number, to six places at most."""
    rounded = round(Decimal(number.numerator) / Decimal(number.denominator), 6)
    text = f"{rounded:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def quoted(price: Mapping[str, Any], inputs: Mapping[str, int], currency: str) -> int:
    """Work out what a rule comes to, exactly as the API does: rounded up, never below the minimum.

    For showing a price before the purchase; what is charged is what the API answers then. Raises
    KeyError for a rule, an input or a currency it does not know.
    """
    if price["rule"] == "fixed":
        return int(price["prices"][currency])
    units = Fraction(math.prod(inputs[name] for name in price["multiply"]), price["divide_by"])
    unrounded = units * Fraction(price["cost"][currency]) * (1 + Fraction(price["markup"]))
    return max(math.ceil(unrounded), int(price["minimum"][currency]))
