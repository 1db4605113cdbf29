"""Money: an exact whole number of a currency's minor unit, as the provider counts it."""

from __future__ import annotations

import attrs

AMOUNT_MINOR_MAX = 99_999_999
"""The largest single amount: eight digits, the limit most payment methods share."""


def _whole_number(_: object, attribute: attrs.Attribute[int], value: int) -> None:
    # bool is an int to Python, and never an amount.
    if type(value) is not int or value < 0:
        msg = f"{attribute.name} must be a whole number of minor units, not {value!r}"
        raise ValueError(msg)


@attrs.frozen
class Money:
    amount_minor: int = attrs.field(validator=_whole_number)
    currency: str = attrs.field(validator=attrs.validators.matches_re("[a-z]{3}"))

    def plus(self, other: Money) -> Money:
        return Money(self.amount_minor + other._minor_of(self.currency), self.currency)

    def minus(self, other: Money) -> Money:
        """Take *other* away. Raises ValueError below zero: a caller must have checked."""
        return Money(self.amount_minor - other._minor_of(self.currency), self.currency)

    def _minor_of(self, currency: str) -> int:
        if currency != self.currency:
            msg = f"{self.currency} and {currency} are never added up"
            raise ValueError(msg)
        return self.amount_minor

    def __bool__(self) -> bool:
        return self.amount_minor > 0

    def __str__(self) -> str:
        return f"{self.amount_minor} {self.currency}"


def total(amounts: list[Money], currency: str) -> Money:
    """Add up *amounts*, all of *currency*; nothing adds up to zero."""
    result = Money(0, currency)
    for amount in amounts:
        result = result.plus(amount)
    return result
