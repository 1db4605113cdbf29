"""Which inputs a job takes, and what must never be among them: card numbers."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.offers.model import FieldKind, InputField, InputRule
from domain.offers.policy import card_number_flaws, input_flaws, looks_like_card_number
from tests.domain.properties import tried

RULE = InputRule(
    fields={
        "text": InputField(kind=FieldKind.TEXT, minimum=2, maximum=5),
        "note": InputField(kind=FieldKind.TEXT, required=False),
        "url": InputField(kind=FieldKind.URL, required=False),
        "n": InputField(kind=FieldKind.INTEGER, required=False, minimum=1, maximum=9),
        "really": InputField(kind=FieldKind.BOOLEAN, required=False),
    }
)
ANYTHING = InputRule(anything=True)


def _flaws(rule: InputRule, inputs: dict[str, Any]) -> list[str]:
    return [flaw.pointer for flaw in input_flaws(rule, inputs)]


@pytest.mark.parametrize(
    "inputs",
    [
        {"text": "ab"},
        {"text": "abcde", "n": 1, "really": False, "note": ""},
        {"text": "ab", "n": 9, "really": True, "note": "x" * 2000},
        {"text": "ab", "url": "http://x.example"},
        {"text": "ab", "url": "https://user@x.example:8080/a?b=c#d"},
    ],
)
def test_inputs_that_fit_are_taken(inputs: dict[str, Any]) -> None:
    assert _flaws(RULE, inputs) == []


WRONG: list[tuple[dict[str, Any], list[str]]] = [
    ({}, ["/inputs/text"]),
    ({"text": "a"}, ["/inputs/text"]),
    ({"text": "abcdef"}, ["/inputs/text"]),
    ({"text": 1}, ["/inputs/text"]),
    ({"text": None}, ["/inputs/text"]),
    ({"text": "ab", "n": 0}, ["/inputs/n"]),
    ({"text": "ab", "n": 10}, ["/inputs/n"]),
    ({"text": "ab", "n": 1.0}, ["/inputs/n"]),
    ({"text": "ab", "n": "1"}, ["/inputs/n"]),
    ({"text": "ab", "n": True}, ["/inputs/n"]),
    ({"text": "ab", "really": 1}, ["/inputs/really"]),
    ({"text": "ab", "really": "true"}, ["/inputs/really"]),
    ({"text": "ab", "note": "x" * 2001}, ["/inputs/note"]),
    ({"text": "ab", "url": "ftp://x.example"}, ["/inputs/url"]),
    ({"text": "ab", "url": "javascript:alert(1)"}, ["/inputs/url"]),
    ({"text": "ab", "url": "//x.example"}, ["/inputs/url"]),
    ({"text": "ab", "url": "https://"}, ["/inputs/url"]),
    ({"text": "ab", "url": "https://x.example/\n"}, ["/inputs/url"]),
    ({"text": "ab", "url": "https://[::1"}, ["/inputs/url"]),
    ({"text": "ab", "other": 1}, ["/inputs/other"]),
    ({"text": "ab", "a/b~c": 1}, ["/inputs/a~1b~0c"]),
    ({"n": 0, "really": 0}, ["/inputs/text", "/inputs/n", "/inputs/really"]),
]


@pytest.mark.parametrize(("inputs", "pointers"), WRONG, ids=lambda case: str(case)[:40])
def test_every_input_that_does_not_fit_is_named(
    inputs: dict[str, Any], pointers: list[str]
) -> None:
    assert _flaws(RULE, inputs) == pointers


@pytest.mark.parametrize(
    "inputs",
    [{}, {"a": [1, {"b": None}]}, {"many": list(range(498))}, {"a": {"b": {"c": {"d": "deep"}}}}],
    ids=lambda inputs: str(inputs)[:30],
)
def test_an_offer_may_take_anything_small(inputs: dict[str, Any]) -> None:
    assert _flaws(ANYTHING, inputs) == []


def _nested(depth: int) -> dict[str, Any]:
    return {"a": _nested(depth - 1)} if depth else {"a": 1}


@pytest.mark.parametrize(
    "inputs",
    [{"many": list(range(600))}, _nested(8), {"long": "x" * 2001}, {"x" * 2001: 1}],
    ids=["many", "deep", "long", "a long name"],
)
def test_anything_is_not_everything(inputs: dict[str, Any]) -> None:
    assert _flaws(ANYTHING, inputs) != []


CARDS = [
    "4242424242424242",
    "4242 4242 4242 4242",
    "4242-4242-4242-4242",
    "5555555555554444",
    "2223003122003222",
    "378282246310005",
    "3782 822463 10005",
    "6011111111111117",
    "3056930009020004",
    "4222222222222",
    "6205500000000000004",
    "my card is 4242424242424242, thanks",
    "card:4242424242424242;exp:1229",
    "4242 4242 4242 4242 12/29",
    "4242 4242 4242 4242 123",
    "12 4242 4242 4242 4242",
    "42 4242 4242 4242 4242",
    "(4242-4242-4242-4242)",
]


@pytest.mark.parametrize("text", CARDS)
def test_a_card_number_is_recognised_however_it_is_written(text: str) -> None:
    assert looks_like_card_number(text)


NO_CARDS = [
    "",
    "1735689600000",  # milliseconds since the epoch
    "1735689600000000",  # microseconds
    "1735689600000000000",  # nanoseconds
    "4242424242424241",  # does not add up
    "4242 4242 4242 4241",
    "42424242424242424242424242",
    "424242424242",  # too short
    "1234567890123456",
    "9999999999999995",  # adds up, and no card begins like that
    "2026-11-02T09:00:00.000000Z",
    "+49 30 901820 4242",
    "550e8400-e29b-41d4-a716-446655440000",
    "job_4242424242424242abcdefgh",
    "pi_3Qk4242424242424242",
    "a4242424242424242",
    "4242424242424242a",
    "4242.4242.4242.4242",
    "0x4242424242424242",
]


@pytest.mark.parametrize("text", NO_CARDS)
def test_what_is_no_card_number_is_left_alone(text: str) -> None:
    assert not looks_like_card_number(text)


def _luhn_digit(body: str) -> str:
    doubled = [int(digit) * (2 - index % 2) for index, digit in enumerate(reversed(body))]
    return str(-sum(sum(divmod(number, 10)) for number in doubled) % 10)


@tried
@given(st.from_regex(r"(4[0-9]|5[1-5]|3[47])[0-9]{11,13}", fullmatch=True), st.data())
def test_any_card_number_is_recognised_and_one_wrong_digit_is_not(
    body: str, data: st.DataObject
) -> None:
    number = body + _luhn_digit(body)
    place = data.draw(st.integers(2, len(number) - 1))
    wrong = number[:place] + str((int(number[place]) + 1) % 10) + number[place + 1 :]

    assert looks_like_card_number(number)
    assert not looks_like_card_number(wrong)


def test_it_is_found_wherever_it_hides_and_its_place_is_named() -> None:
    hidden = {
        "a": {"b": ["x", 4242424242424242]},
        "4242 4242 4242 4242": 1,
        "fine": [1735689600000, "cs_test_1"],
    }

    pointers = [flaw.pointer for flaw in card_number_flaws("/inputs", hidden)]

    assert pointers == ["/inputs/a/b/1", "/inputs/4242 4242 4242 4242"]
