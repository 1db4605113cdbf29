from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.stripe.currencies import PRESENTMENT, exponent, granularity, objection
from domain.shared.money import AMOUNT_MINOR_MAX, Money

ZERO = "bif clp djf gnf jpy kmf krw mga pyg rwf vnd vuv xaf xof xpf".split()  # noqa: SIM905  a list
THREE = "bhd jod kwd omr tnd".split()  # noqa: SIM905  a list

MINIMUMS = [
    ("usd", 50),
    ("aed", 200),
    ("ars", 50),
    ("aud", 50),
    ("brl", 50),
    ("cad", 50),
    ("chf", 50),
    ("cop", 50),
    ("czk", 1500),
    ("dkk", 250),
    ("eur", 50),
    ("gbp", 30),
    ("hkd", 400),
    ("huf", 17500),
    ("idr", 50),
    ("ils", 50),
    ("inr", 50),
    ("jpy", 50),
    ("krw", 50),
    ("mxn", 1000),
    ("myr", 200),
    ("nok", 300),
    ("nzd", 50),
    ("php", 50),
    ("pln", 200),
    ("ron", 200),
    ("rub", 50),
    ("sek", 300),
    ("sgd", 50),
    ("thb", 1000),
    ("zar", 50),
    # None is published: anything that can be written at all.
    ("ngn", 1),
    ("ugx", 100),
    ("isk", 100),
    ("kwd", 10),
]


@pytest.mark.parametrize("currency", sorted(PRESENTMENT))
def test_every_currency_has_stripes_decimals(currency: str) -> None:
    expected = 0 if currency in ZERO else 3 if currency in THREE else 2

    assert exponent(currency) == expected


@pytest.mark.parametrize(("currency", "least"), MINIMUMS)
def test_the_minimum_can_be_charged_and_less_cannot(currency: str, least: int) -> None:
    assert objection(Money(least, currency)) is None
    assert objection(Money(least - 1, currency)) == (
        f"{currency} needs at least {least}, in its minor unit"
    )


@pytest.mark.parametrize("currency", sorted(PRESENTMENT))
def test_the_maximum_is_eight_digits_everywhere(currency: str) -> None:
    largest = AMOUNT_MINOR_MAX - AMOUNT_MINOR_MAX % granularity(currency)

    assert objection(Money(largest, currency)) is None
    assert objection(Money(100_000_000, currency)) == (
        f"{currency} takes at most 99999999, in its minor unit"
    )


@pytest.mark.parametrize(
    ("minor", "currency", "multiple"),
    [(5_124, "kwd", 10), (5_121, "bhd", 10), (550, "isk", 100), (1_010, "ugx", 100)],
)
def test_some_amounts_cannot_be_written_there(minor: int, currency: str, multiple: int) -> None:
    assert objection(Money(minor, currency)) == f"{currency} takes multiples of {multiple} only"


@pytest.mark.parametrize("currency", ["xyz", "btc", "xau", "irr", "iqd", "lyd"])
def test_a_currency_stripe_does_not_have_cannot_be_charged(currency: str) -> None:
    assert objection(Money(1_000, currency)) == f"{currency} is not a currency that can be charged"


@given(st.integers(0, 10**12), st.from_regex("[a-z]{3}", fullmatch=True))
def test_there_is_always_an_answer(minor: int, currency: str) -> None:
    answer = objection(Money(minor, currency))

    assert answer is None or currency in answer
