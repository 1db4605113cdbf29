"""What an offer costs: three rules, exact arithmetic, one rounding, upwards, at the end."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.offers.model import FieldKind, FixedPrice, InputField, InputRule, Offer, PerUnitPrice
from domain.offers.policy import currencies, default_currency, quote
from domain.shared.errors import Invalid
from domain.shared.money import AMOUNT_MINOR_MAX, Money
from tests.builders import an_offer, an_open_offer, an_upscale
from tests.domain.properties import tried

PICTURE = {"url": "https://x.example/1.png", "width": 4000, "height": 3000}


def _price(offer: Offer, **asked: Any) -> Money:
    usual: dict[str, Any] = {"inputs": {}, "quantity": 1, "currency": None, "amount_minor": None}
    return quote(offer, **{**usual, **asked}).amount


def _flaws(offer: Offer, **asked: Any) -> list[str]:
    with pytest.raises(Invalid) as caught:
        _price(offer, **asked)
    return [flaw.pointer for flaw in caught.value.flaws]


@pytest.mark.parametrize(
    ("asked", "price"),
    [
        ({}, Money(199, "usd")),
        ({"currency": "eur"}, Money(189, "eur")),
        ({"currency": "jpy", "quantity": 10}, Money(1500, "jpy")),
        ({"quantity": 3}, Money(597, "usd")),
    ],
)
def test_a_fixed_price_is_per_currency_times_the_quantity(
    asked: dict[str, Any], price: Money
) -> None:
    assert _price(an_offer(), **asked) == price


@pytest.mark.parametrize(
    ("width", "height", "currency", "quantity", "minor"),
    [
        # 12 megapixels × 6.5 cents × 1.4 = 109.2
        (4000, 3000, "usd", 1, 110),
        # exactly 91 cents is under the minimum
        (10_000, 1000, "usd", 1, 99),
        # 11 × 6.5 × 1.4 = 100.1
        (11_000, 1000, "usd", 1, 101),
        # 20 × 6.5 × 1.4 = 182, exactly: nothing to round
        (20_000, 1000, "usd", 1, 182),
        # rounded once per piece, then multiplied
        (4000, 3000, "usd", 3, 330),
        (1, 1, "usd", 1, 99),
        # 12 × 10 yen × 1.4 = 168
        (4000, 3000, "jpy", 1, 168),
        (1, 1, "jpy", 2, 300),
    ],
)
def test_a_price_per_unit_is_rounded_up_and_has_a_minimum(
    width: int, height: int, currency: str, quantity: int, minor: int
) -> None:
    inputs = {**PICTURE, "width": width, "height": height}

    price = _price(an_upscale(), inputs=inputs, currency=currency, quantity=quantity)

    assert price == Money(minor, currency)


def test_the_breakdown_says_how_the_price_came_about() -> None:
    priced = quote(an_upscale(), inputs=PICTURE, quantity=2, currency="usd", amount_minor=None)

    breakdown = priced.breakdown
    assert (breakdown.rule, breakdown.quantity, breakdown.unit_amount_minor) == ("per_unit", 2, 110)
    assert breakdown.facts == {
        "unit": "megapixel",
        "units": "12",
        "cost_per_unit_minor": "13/2",
        "markup": "2/5",
        "minimum_minor": 99,
    }


def _per_unit(cost: Fraction, markup: Fraction, divide_by: int = 1, minimum: int = 0) -> Offer:
    pricing = PerUnitPrice(
        unit="thing",
        multiply=("n",),
        divide_by=divide_by,
        cost_minor={"usd": cost},
        minimum_minor={"usd": minimum},
        markup=markup,
    )
    inputs = InputRule(fields={"n": InputField(kind=FieldKind.INTEGER)})
    return an_offer("by-the-thing", pricing=pricing, inputs=inputs)


@pytest.mark.parametrize(
    ("cost", "markup", "minor"),
    [
        # 0.1 + 0.2 style traps: exact here, not so in floating point
        (Fraction("0.1"), Fraction("0.1"), 11),
        (Fraction("1.1"), Fraction("0.1"), 121),
        (Fraction("0.29"), Fraction(0), 29),
        (Fraction("0.57"), Fraction(0), 57),
        (Fraction("1.005"), Fraction(0), 101),
        (Fraction(1, 3), Fraction(0), 34),
        (Fraction(1, 3), Fraction(2), 100),
    ],
    ids=str,
)
def test_the_arithmetic_is_exact(cost: Fraction, markup: Fraction, minor: int) -> None:
    assert _price(_per_unit(cost, markup), inputs={"n": 100}) == Money(minor, "usd")


COSTS = st.fractions(min_value=0, max_value=50, max_denominator=1000)
MARKUPS = st.fractions(min_value=0, max_value=3, max_denominator=100)
UNITS = st.integers(1, 10_000)


@tried
@given(cost=COSTS, markup=MARKUPS, units=UNITS, divide_by=st.integers(1, 1000))
def test_nothing_is_ever_sold_below_its_cost_nor_a_whole_unit_above(
    cost: Fraction, markup: Fraction, units: int, divide_by: int
) -> None:
    offer = _per_unit(cost, markup, divide_by)

    price = _price(offer, inputs={"n": units}).amount_minor

    exact = Fraction(units, divide_by) * cost * (1 + markup)
    assert exact <= price < exact + 1


@tried
@given(cost=COSTS, markup=MARKUPS, units=UNITS, more=st.integers(0, 100), least=st.integers(0, 99))
def test_more_units_never_cost_less(
    cost: Fraction, markup: Fraction, units: int, more: int, least: int
) -> None:
    offer = _per_unit(cost, markup, minimum=least)

    few = _price(offer, inputs={"n": units}).amount_minor
    many = _price(offer, inputs={"n": units + more}).amount_minor

    assert least <= few <= many


@pytest.mark.parametrize("amount", [50, 51, 9_999, 10_000])
def test_an_open_price_is_the_customers_within_limits(amount: int) -> None:
    assert _price(an_open_offer(), amount_minor=amount) == Money(amount, "usd")


WRONG: list[tuple[Offer, Mapping[str, Any], list[str]]] = [
    (an_open_offer(), {}, ["/amount"]),
    (an_open_offer(), {"amount_minor": 49}, ["/amount"]),
    (an_open_offer(), {"amount_minor": 10_001}, ["/amount"]),
    (an_open_offer(), {"amount_minor": 0}, ["/amount"]),
    (an_open_offer(), {"amount_minor": -50}, ["/amount"]),
    (an_open_offer(), {"amount_minor": 50, "quantity": 2}, ["/quantity"]),
    (an_open_offer(), {"amount_minor": 50, "currency": "eur"}, ["/currency"]),
    (an_offer(), {"amount_minor": 199}, ["/amount"]),
    (an_offer(), {"quantity": 0}, ["/quantity"]),
    (an_offer(), {"quantity": -1}, ["/quantity"]),
    (an_offer(), {"quantity": 11}, ["/quantity"]),
    (an_offer(), {"currency": "USD"}, ["/currency"]),
    (an_offer(), {"currency": ""}, ["/currency"]),
    (an_offer(), {"quantity": 0, "currency": "x", "amount_minor": 1, "inputs": {"a": 1}},
     ["/inputs/a", "/quantity", "/amount", "/currency"]),
    (an_upscale(), {}, ["/inputs/url", "/inputs/width", "/inputs/height"]),
]  # fmt: skip


@pytest.mark.parametrize(("offer", "asked", "pointers"), WRONG, ids=lambda case: str(case)[:48])
def test_every_flaw_is_listed(offer: Offer, asked: Mapping[str, Any], pointers: list[str]) -> None:
    assert _flaws(offer, **asked) == pointers


def test_what_nobody_can_charge_is_no_price() -> None:
    dear = an_offer("dear", pricing=FixedPrice(prices={"usd": AMOUNT_MINOR_MAX // 2 + 1}))

    assert _price(dear) == Money(50_000_000, "usd")
    assert _flaws(dear, quantity=2) == [""]


def test_the_first_currency_named_is_the_usual_one() -> None:
    assert [default_currency(offer) for offer in (an_offer(), an_upscale(), an_open_offer())] == [
        "usd",
        "usd",
        "usd",
    ]
    assert currencies(an_offer()) == ("usd", "eur", "jpy")
