from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.shared.clock import Moment
from domain.shared.money import Money, total
from tests.builders import HOUR, NOW
from tests.domain.properties import tried

MINOR = st.integers(0, 10**12)


@pytest.mark.parametrize("amount", [-1, 1.0, 1.5, "1", True, None, float("nan")])
def test_an_amount_is_a_whole_number_of_minor_units(amount: Any) -> None:
    with pytest.raises(ValueError, match="whole number"):
        Money(amount, "usd")


@pytest.mark.parametrize("currency", ["USD", "us", "usdt", "", " usd", "u$d", "usd\n"])
def test_a_currency_is_three_lower_case_letters(currency: str) -> None:
    with pytest.raises(ValueError, match="match regex"):
        Money(1, currency)


@tried
@given(a=MINOR, b=MINOR)
def test_what_is_added_can_be_taken_away_again(a: int, b: int) -> None:
    assert Money(a, "usd").plus(Money(b, "usd")).minus(Money(b, "usd")) == Money(a, "usd")


def test_there_is_no_less_than_nothing() -> None:
    with pytest.raises(ValueError, match="whole number"):
        Money(1, "usd").minus(Money(2, "usd"))


@pytest.mark.parametrize("add", [Money.plus, Money.minus])
def test_currencies_are_never_added_up(add: Any) -> None:
    with pytest.raises(ValueError, match="never added up"):
        add(Money(1, "usd"), Money(1, "eur"))


@tried
@given(amounts=st.lists(MINOR, max_size=5))
def test_a_total_is_the_sum_and_of_nothing_it_is_zero(amounts: list[int]) -> None:
    assert total([Money(a, "jpy") for a in amounts], "jpy") == Money(sum(amounts), "jpy")


def test_only_some_money_is_true_and_it_reads_as_it_is_written() -> None:
    assert not Money(0, "usd")
    assert Money(1, "usd")
    assert str(Money(199, "usd")) == "199 usd"


def test_a_business_time_comes_earlier_on_the_lease_clock_by_the_offset() -> None:
    moment = Moment(now=NOW + 72 * HOUR, lease_now=NOW)

    assert moment.on_lease_clock(NOW + 73 * HOUR) == NOW + HOUR
