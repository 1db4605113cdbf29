"""Stripe's form encoding, and how declared parameters give it types."""

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from entrypoints.stripe_sandbox.wire.errors import ApiError
from entrypoints.stripe_sandbox.wire.fields import (
    MOMENT,
    Boolean,
    Field,
    Integer,
    ListOf,
    Metadata,
    Record,
    Text,
    Url,
    read_parameters,
)
from entrypoints.stripe_sandbox.wire.forms import parse_form

NESTS = [
    ("", {}),
    ("a=1", {"a": "1"}),
    ("a=", {"a": ""}),
    ("a=1&a=2", {"a": "2"}),
    ("a[b][c]=1", {"a": {"b": {"c": "1"}}}),
    ("a[0][b]=1&a[1][b]=2", {"a": {"0": {"b": "1"}, "1": {"b": "2"}}}),
    ("a[]=x&a[]=y", {"a": {"0": "x", "1": "y"}}),
    ("a%5Bb%5D%5B0%5D=1", {"a": {"b": {"0": "1"}}}),
    ("a=x+y%26z&b=%E2%82%AC", {"a": "x y&z", "b": "€"}),
    ("metadata[7]=x", {"metadata": {"7": "x"}}),
    ("a[b=1", {"a[b": "1"}),
    ("metadata[a[b]]=1", {"metadata[a[b]]": "1"}),
]


@pytest.mark.parametrize(("encoded", "nested"), NESTS)
def test_form_nests(encoded: str, nested: dict[str, Any]) -> None:
    assert parse_form(encoded) == nested


@pytest.mark.parametrize("encoded", ["a=1&a[b]=2", "a" + "[b]" * 20 + "=1", "a=%ff"])
def test_form_that_makes_no_sense_is_refused(encoded: str) -> None:
    with pytest.raises(ApiError):
        parse_form(encoded)


FIELDS = Record(
    {
        "amount": Integer(least=1),
        "flag": Boolean(),
        "kind": Text(choices=("a", "b")),
        "short": Text(longest=10),
        "note": Text(unsettable=True),
        "url": Url(),
        "created": MOMENT,
        "tags": ListOf(Text(), most=2),
        "lines": ListOf(Record({"price": Text()}, required=("price",))),
        "metadata": Metadata(),
    }
)
READS: list[tuple[str, dict[str, Any]]] = [
    ("amount=12&flag=true", {"amount": 12, "flag": True}),
    ("tags[1]=b&tags[0]=a", {"tags": ["a", "b"]}),
    ("tags[]=a", {"tags": ["a"]}),
    ("lines[0][price]=p", {"lines": [{"price": "p"}]}),
    ("created=5", {"created": 5}),
    ("created[gte]=5&created[lt]=9", {"created": {"gte": 5, "lt": 9}}),
    ("note=", {"note": None}),
    ("metadata[a]=&metadata[b]=1", {"metadata": {"a": "", "b": "1"}}),
    ("metadata=", {"metadata": None}),
]


@pytest.mark.parametrize(("encoded", "expected"), READS)
def test_parameters_read(encoded: str, expected: dict[str, Any]) -> None:
    assert read_parameters(FIELDS, parse_form(encoded)) == expected


REFUSES = [
    # form                        code                         param
    ("wat=1", "parameter_unknown", "wat"),
    ("lines[0][wat]=1", "parameter_unknown", "lines[0][wat]"),
    ("lines[0]=x", None, "lines[0]"),
    ("lines[0][price]=", "parameter_invalid_empty", "lines[0][price]"),
    ("amount=1.5", "parameter_invalid_integer", "amount"),
    ("amount=abc", "parameter_invalid_integer", "amount"),
    ("amount=0", "parameter_invalid_integer", "amount"),
    ("amount=", "parameter_invalid_empty", "amount"),
    ("amount=٣", "parameter_invalid_integer", "amount"),
    ("amount[x]=1", "parameter_invalid_integer", "amount"),
    ("flag=yes", None, "flag"),
    ("flag=", "parameter_invalid_empty", "flag"),
    ("kind=c", None, "kind"),
    ("short=12345678901", None, "short"),
    ("url=javascript:alert(1)", "url_invalid", "url"),
    ("tags=x", None, "tags"),
    ("tags[x]=1", None, "tags"),
    ("tags[]=1&tags[]=2&tags[]=3", None, "tags"),
    ("created[since]=1", "parameter_unknown", "created[since]"),
    ("metadata[a][b]=1", None, "metadata[a]"),
    ("metadata[a[b]]=1", "parameter_unknown", "metadata[a[b]]"),
    (f"metadata[{'k' * 41}]=1", None, "metadata"),
    (f"metadata[k]={'v' * 501}", None, "metadata[k]"),
    ("&".join(f"metadata[k{n}]=v" for n in range(51)), None, "metadata"),
]


@pytest.mark.parametrize(("encoded", "code", "param"), REFUSES)
def test_parameters_are_refused_by_name(encoded: str, code: str | None, param: str) -> None:
    with pytest.raises(ApiError) as refusal:
        read_parameters(FIELDS, parse_form(encoded))

    error = refusal.value
    assert (error.code, error.param, error.status) == (code, param, 400)
    assert not error.kept


def test_a_missing_parameter_is_named_with_its_path() -> None:
    required: Field = Record({"lines": FIELDS.fields["lines"]}, required=("lines",))
    with pytest.raises(ApiError) as refusal:
        required.read({}, "")

    assert refusal.value.code == "parameter_missing"
    assert refusal.value.message == "Missing required param: lines."


@given(st.text())
def test_no_text_breaks_the_parser(encoded: str) -> None:
    # Refused with an ApiError or read: anything else fails the test.
    with suppress(ApiError):
        read_parameters(FIELDS, parse_form(encoded))
