"""What an offer costs, and whether a request for it fits. Every flaw is found, not just the first."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import Final
from urllib.parse import urlsplit

from domain.offers.model import (
    Breakdown,
    FieldKind,
    FixedPrice,
    InputField,
    InputRule,
    Offer,
    OpenPrice,
    PerUnitPrice,
    Quote,
)
from domain.shared.errors import Flaw, Invalid
from domain.shared.money import AMOUNT_MINOR_MAX, Money

INPUT_TEXT_LENGTH_MAX: Final = 2_000
INPUTS_DEPTH_MAX: Final = 8
INPUTS_VALUES_MAX: Final = 500
SCANNED_VALUES_MAX: Final = 2 * INPUTS_VALUES_MAX

DIGIT_GROUPS: Final = re.compile(r"(?<![0-9A-Za-z])\d+(?:[ -]\d+)*(?![0-9A-Za-z])")
CARD_BEGINS: Final = re.compile(r"[3-6]\d|2[2-7]")
CARD_DIGITS: Final = range(13, 20)


def quote(
    offer: Offer,
    *,
    inputs: Mapping[str, object],
    quantity: int,
    currency: str | None,
    amount_minor: int | None,
) -> Quote:
    """Price a job of *offer*; raise Invalid with every flaw of the request."""
    flaws = [
        *input_flaws(offer.inputs, inputs),
        *_quantity_flaws(offer, quantity),
        *_amount_flaws(offer, amount_minor),
        *_currency_flaws(offer, currency),
    ]
    if flaws:
        raise Invalid(flaws)
    priced = _price(offer, inputs, quantity, currency or default_currency(offer), amount_minor)
    if priced.amount.amount_minor > AMOUNT_MINOR_MAX:
        raise Invalid([Flaw("", f"the price would be {priced.amount}, more than can be charged")])
    return priced


def currencies(offer: Offer) -> tuple[str, ...]:
    match offer.pricing:
        case FixedPrice(prices=prices):
            return tuple(prices)
        case PerUnitPrice(cost_minor=costs):
            return tuple(costs)
        case OpenPrice(currency=currency):
            return (currency,)


def default_currency(offer: Offer) -> str:
    """The first one the offer names."""
    return currencies(offer)[0]


def _price(
    offer: Offer,
    inputs: Mapping[str, object],
    quantity: int,
    currency: str,
    amount_minor: int | None,
) -> Quote:
    match offer.pricing:
        case FixedPrice(prices=prices):
            return _times("fixed", prices[currency], quantity, currency, {})
        case OpenPrice():
            return _times("open", amount_minor or 0, 1, currency, {})
        case PerUnitPrice() as rule:
            return _price_per_unit(rule, inputs, quantity, currency)


def _price_per_unit(
    rule: PerUnitPrice, inputs: Mapping[str, object], quantity: int, currency: str
) -> Quote:
    units = units_of(rule, inputs)
    cost = rule.cost_minor[currency]
    unrounded = units * cost * (1 + rule.markup)
    minimum = rule.minimum_minor[currency]
    each = max(math.ceil(unrounded), minimum)
    facts: dict[str, str | int] = {
        "unit": rule.unit,
        "units": str(units),
        "cost_per_unit_minor": str(cost),
        "markup": str(rule.markup),
        "minimum_minor": minimum,
    }
    return _times("per_unit", each, quantity, currency, facts)


def units_of(rule: PerUnitPrice, inputs: Mapping[str, object]) -> Fraction:
    product = 1
    for name in rule.multiply:
        value = inputs[name]
        assert isinstance(value, int)  # noqa: S101  input_flaws has refused all else
        product *= value
    return Fraction(product, rule.divide_by)


def _times(
    rule: str, each: int, quantity: int, currency: str, facts: Mapping[str, str | int]
) -> Quote:
    return Quote(
        amount=Money(each * quantity, currency),
        breakdown=Breakdown(rule=rule, quantity=quantity, unit_amount_minor=each, facts=facts),
    )


def _quantity_flaws(offer: Offer, quantity: int) -> Iterator[Flaw]:
    if isinstance(offer.pricing, OpenPrice) and quantity != 1:
        yield Flaw("/quantity", "an offer with an open price is sold one at a time")
    elif not 1 <= quantity <= offer.quantity_max:
        yield Flaw("/quantity", f"must be from 1 to {offer.quantity_max}")


def _amount_flaws(offer: Offer, amount_minor: int | None) -> Iterator[Flaw]:
    match offer.pricing:
        case OpenPrice(minimum_minor=low, maximum_minor=high):
            if amount_minor is None:
                yield Flaw("/amount", f"is needed: the price is open, from {low} to {high}")
            elif not low <= amount_minor <= high:
                yield Flaw("/amount", f"must be from {low} to {high}")
        case _:
            if amount_minor is not None:
                yield Flaw("/amount", "is worked out by us: leave it out")


def _currency_flaws(offer: Offer, currency: str | None) -> Iterator[Flaw]:
    known = currencies(offer)
    if currency is not None and currency not in known:
        yield Flaw("/currency", f"must be one of {', '.join(known)}")


def input_flaws(rule: InputRule, inputs: Mapping[str, object]) -> Iterator[Flaw]:
    yield from card_number_flaws("/inputs", inputs)
    if rule.anything:
        yield from _size_flaws(inputs)
        return
    for name in inputs.keys() - rule.fields.keys():
        yield Flaw(f"/inputs/{_escaped(name)}", "is not an input of this offer")
    for name, field in rule.fields.items():
        if name in inputs:
            yield from _field_flaws(f"/inputs/{name}", field, inputs[name])
        elif field.required:
            yield Flaw(f"/inputs/{name}", f"is needed: {field.kind}")


def _field_flaws(pointer: str, field: InputField, value: object) -> Iterator[Flaw]:
    match field.kind, value:
        case FieldKind.BOOLEAN, bool():
            return
        case FieldKind.INTEGER, int() if not isinstance(value, bool):
            yield from _range_flaws(pointer, field, value, "must be")
        case FieldKind.TEXT | FieldKind.URL, str():
            yield from _range_flaws(pointer, field, len(value), "must have a length")
            if field.kind is FieldKind.URL and not _is_web_address(value):
                yield Flaw(pointer, "must be an http or https address")
        case _:
            yield Flaw(pointer, f"must be of type {field.kind}")


def _range_flaws(pointer: str, field: InputField, number: int, must: str) -> Iterator[Flaw]:
    if field.minimum is not None and number < field.minimum:
        yield Flaw(pointer, f"{must} of at least {field.minimum}")
    if field.maximum is not None and number > field.maximum:
        yield Flaw(pointer, f"{must} of at most {field.maximum}")


def _is_web_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and bool(parts.hostname) and text.isprintable()


def _size_flaws(inputs: Mapping[str, object]) -> Iterator[Flaw]:
    places = [pointer for pointer, _ in _walk("/inputs", inputs)]
    if len(places) > INPUTS_VALUES_MAX:
        yield Flaw("/inputs", f"must hold at most {INPUTS_VALUES_MAX} values")
    for pointer in places:
        if pointer.count("/") > INPUTS_DEPTH_MAX:
            yield Flaw(pointer, f"must not be nested deeper than {INPUTS_DEPTH_MAX}")


def card_number_flaws(pointer: str, value: object) -> Iterator[Flaw]:
    """Refuse anything that looks like a card number: it has no business passing through us."""
    for scanned, (place, text) in enumerate(_walk(pointer, value)):
        if scanned >= SCANNED_VALUES_MAX:
            yield Flaw(pointer, f"must hold at most {SCANNED_VALUES_MAX} keys and values")
            return
        if not isinstance(text, str | int):
            continue
        if isinstance(text, str) and len(text) > INPUT_TEXT_LENGTH_MAX:
            # Nobody's time is spent on reading what is refused for its length.
            yield Flaw(place, f"must have at most {INPUT_TEXT_LENGTH_MAX} characters")
        elif looks_like_card_number(str(text)):
            yield Flaw(place, "looks like a card number: never send one here")


def looks_like_card_number(text: str) -> bool:
    """Look for 13 to 19 digits, alone or grouped, that begin as payment cards do and add up.

    Whatever groups of digits stand before or after them, an expiry date say, do not hide them.
    """
    return any(
        len(digits) in CARD_DIGITS and CARD_BEGINS.match(digits) and _luhn_holds(digits)
        for found in DIGIT_GROUPS.finditer(text)
        for digits in _neighbours_joined(re.split("[ -]", found.group()))
    )


def _neighbours_joined(groups: list[str]) -> Iterator[str]:
    for first in range(len(groups)):
        joined = ""
        for group in groups[first : first + CARD_DIGITS.stop]:
            joined += group
            if len(joined) >= CARD_DIGITS.stop:
                break
            yield joined


def _luhn_holds(text: str) -> bool:
    digits = [int(char) for char in reversed(text)]
    doubled = (sum(divmod(2 * digit, 10)) for digit in digits[1::2])
    return (sum(digits[::2]) + sum(doubled)) % 10 == 0


def _walk(pointer: str, value: object) -> Iterator[tuple[str, object]]:
    """Yield every value and every key inside *value*, with its JSON pointer."""
    match value:
        case Mapping():
            for key, inner in value.items():
                place = f"{pointer}/{_escaped(str(key))}"
                yield place, str(key)
                yield from _walk(place, inner)
        case list() | tuple():
            for index, inner in enumerate(value):
                yield from _walk(f"{pointer}/{index}", inner)
        case _:
            yield pointer, value


def _escaped(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")
