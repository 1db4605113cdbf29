from __future__ import annotations

import prices
import pytest

AMOUNTS = [
    (0, "usd", "0.00 USD"),
    (5, "eur", "0.05 EUR"),
    (99, "gbp", "0.99 GBP"),
    (123_456, "usd", "1,234.56 USD"),
    (150, "jpy", "150 JPY"),
    (12_345, "jpy", "12,345 JPY"),
]

PER_MEGAPIXEL = {"rule": "per_unit", "unit": "megapixel", "markup": "2/5"}
RULES = [
    (
        PER_MEGAPIXEL | {"cost": {"usd": "13/2"}, "minimum": {"usd": 99}},
        "usd",
        "0.065 USD per megapixel + 40 %, at least 0.99 USD",
    ),
    (
        PER_MEGAPIXEL | {"cost": {"jpy": "10"}, "minimum": {"jpy": 150}},
        "jpy",
        "10 JPY per megapixel + 40 %, at least 150 JPY",
    ),
    ({"rule": "fixed", "prices": {"eur": 189}}, "eur", "1.89 EUR"),
    ({"rule": "open", "currency": "usd"}, "usd", "open price"),
]


@pytest.mark.parametrize(("amount_minor", "currency", "text"), AMOUNTS)
def test_money_has_the_decimals_of_its_currency(
    amount_minor: int, currency: str, text: str
) -> None:
    assert prices.money(amount_minor, currency) == text


@pytest.mark.parametrize(("price", "currency", "text"), RULES)
def test_a_price_rule_is_said_in_words(price: dict[str, object], currency: str, text: str) -> None:
    assert prices.rule(price, currency) == text
