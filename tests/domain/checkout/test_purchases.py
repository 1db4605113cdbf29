"""What a purchase may carry along: metadata and an e-mail address."""

from __future__ import annotations

import pytest

from domain.checkout.model import Purchase
from domain.checkout.policy import RESERVED_METADATA, flaws_of
from tests.builders import a_purchase


def _flaws(purchase: Purchase) -> list[str]:
    return [flaw.pointer for flaw in flaws_of(purchase, [])]


@pytest.mark.parametrize(
    "metadata",
    [
        {},
        {"cart": "7"},
        {"k" * 40: "v" * 500},
        {f"key_{n}": "v" for n in range(20)},
        {"unicode \N{SNOWMAN}": "1735689600000"},
    ],
    ids=lambda metadata: str(metadata)[:30],
)
def test_small_metadata_is_taken(metadata: dict[str, str]) -> None:
    assert _flaws(a_purchase(metadata=metadata)) == []


WRONG = [
    ({f"key_{n}": "v" for n in range(21)}, ["/metadata"]),
    ({"": "v"}, ["/metadata"]),
    ({"k" * 41: "v"}, ["/metadata"]),
    ({"a[b]": "v"}, ["/metadata"]),
    ({"a/b": "v"}, ["/metadata"]),
    ({"k": ""}, ["/metadata/k"]),
    ({"k": "v" * 501}, ["/metadata/k"]),
    ({"k": "4242 4242 4242 4242"}, ["/metadata/k"]),
    ({"4242424242424242": "v"}, ["/metadata/4242424242424242"]),
    ({"a": "", "b": ""}, ["/metadata/a", "/metadata/b"]),
]


@pytest.mark.parametrize(("metadata", "pointers"), WRONG, ids=lambda case: str(case)[:30])
def test_metadata_that_the_provider_or_we_could_not_keep_is_refused(
    metadata: dict[str, str], pointers: list[str]
) -> None:
    assert _flaws(a_purchase(metadata=metadata)) == pointers


@pytest.mark.parametrize("name", sorted(RESERVED_METADATA))
def test_our_own_names_are_reserved(name: str) -> None:
    assert _flaws(a_purchase(metadata={name: "v"})) == [f"/metadata/{name}"]


def test_what_says_whose_an_object_is_cannot_be_forged() -> None:
    assert {"app", "instance", "job_id", "payment_id", "refund_id"} <= RESERVED_METADATA


@pytest.mark.parametrize("email", ["ada@example.org", "a+b.c@sub.example.co", "ä@exämple.org"])
def test_an_address_is_taken(email: str) -> None:
    assert _flaws(a_purchase(customer_email=email)) == []


@pytest.mark.parametrize(
    "email",
    [
        "",
        "nobody",
        "a@b",
        "@example.org",
        "a@",
        "a@@example.org",
        "a b@example.org",
        "a@example.org\nBcc: eve@example.org",
        "a@example..org",
        "a@.example.org",
        "a@example.org,b@example.org",
        '"a"@example.org',
        "<a@example.org>",
        "a@example.org ",
        "x" * 65 + "@example.org",
        "a@" + "x" * 260 + ".org",
    ],
)
def test_what_is_no_address_is_refused(email: str) -> None:
    assert _flaws(a_purchase(customer_email=email)) == ["/customer_email"]


def test_an_address_is_no_place_for_a_card_number_either() -> None:
    assert _flaws(a_purchase(customer_email="4242424242424242@example.org")) == ["/customer_email"]
