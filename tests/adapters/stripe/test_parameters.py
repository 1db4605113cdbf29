from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qsl, unquote

import pytest
import stripe
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.stripe.gateway import StripePaymentGateway
from adapters.stripe.parameters import as_stored, statement_suffix, with_session_placeholder
from adapters.stripe.refunds import StripeRefundGateway
from domain.offers.model import Breakdown
from domain.payments.model import CheckoutOrder, Payment
from domain.refunds.model import RefundOrder
from domain.shared.money import Money
from tests.adapters.stripe.stand_in import (
    INSTANCE,
    Reply,
    StandIn,
    a_refund_object,
    a_session,
)
from tests.builders import a_payment, a_quote, a_refund

KEY = "cf1:test:checkout.open:pay_a:g1"


def an_order(payment: Payment | None = None, **facts: Any) -> CheckoutOrder:
    usual: dict[str, Any] = {"offer": "thumbnail", "offer_name": "Thumbnail"}
    return CheckoutOrder(
        payment=payment or a_quote(), payment_methods=("card",), **{**usual, **facts}
    )


def a_refund_order(**facts: Any) -> RefundOrder:
    usual: dict[str, Any] = {
        "refund": a_refund(),
        "payment": a_payment("paid", intent_id="pi_3a"),
        "offer": "thumbnail",
        "failure_reason": None,
    }
    return RefundOrder(**{**usual, **facts})


def test_a_checkout_is_asked_for_in_exactly_these_words(payments: StripePaymentGateway) -> None:
    marks = {
        "app": "counterfoil",
        "instance": INSTANCE,
        "job_id": "job_a",
        "payment_id": "pay_a",
        "offer": "thumbnail",
    }

    assert payments.checkout_parameters(an_order()) == {
        "mode": "payment",
        "client_reference_id": "job_a",
        "line_items": [
            {
                "price_data": {
                    "currency": "usd",
                    "unit_amount": 199,
                    "product_data": {"name": "Thumbnail"},
                },
                "quantity": 1,
            }
        ],
        "allowed_payment_method_types": ["card"],
        "adaptive_pricing": {"enabled": False},
        "success_url": (
            "https://shop.example/thanks?payment=success&job_id=job_a"
            "&session_id={CHECKOUT_SESSION_ID}"
        ),
        "cancel_url": "https://shop.example/basket?payment=cancel&job_id=job_a",
        "metadata": marks,
        "payment_intent_data": {"metadata": marks, "statement_descriptor_suffix": "Thumbnail"},
    }


def test_a_customer_who_gave_an_address_gets_a_receipt(payments: StripePaymentGateway) -> None:
    sent: Any = payments.checkout_parameters(an_order(a_quote(customer_email="ada@example.com")))

    assert sent["customer_email"] == "ada@example.com"
    assert sent["payment_intent_data"]["receipt_email"] == "ada@example.com"


def test_the_quantity_times_the_price_is_what_was_quoted(payments: StripePaymentGateway) -> None:
    three = Breakdown(rule="fixed", quantity=3, unit_amount_minor=199)
    payment = a_quote(amount=Money(597, "eur"), breakdown=three)

    sent: Any = payments.checkout_parameters(an_order(payment))

    assert sent["line_items"][0]["quantity"] == 3
    assert sent["line_items"][0]["price_data"]["unit_amount"] == 199
    assert sent["line_items"][0]["price_data"]["currency"] == "eur"


def test_a_breakdown_that_does_not_add_up_is_never_sent(payments: StripePaymentGateway) -> None:
    wrong = a_quote(breakdown=Breakdown(rule="fixed", quantity=2, unit_amount_minor=199))

    with pytest.raises(RuntimeError, match="add up"):
        payments.checkout_parameters(an_order(wrong))


def test_our_marks_win_over_the_callers(payments: StripePaymentGateway) -> None:
    forged = {"app": "other", "instance": "inst_x", "payment_id": "pay_x", "campaign": "spring"}

    sent: Any = payments.checkout_parameters(an_order(a_quote(metadata=forged)))

    for metadata in (sent["metadata"], sent["payment_intent_data"]["metadata"]):
        assert metadata["app"] == "counterfoil"
        assert metadata["instance"] == INSTANCE
        assert metadata["payment_id"] == "pay_a"
        assert metadata["campaign"] == "spring"


def test_no_expiry_is_sent_for_it_would_differ_at_every_try(
    payments: StripePaymentGateway,
) -> None:
    assert "expires_at" not in payments.checkout_parameters(an_order())


def test_the_offers_ways_to_pay_are_asked_for(payments: StripePaymentGateway) -> None:
    order = CheckoutOrder(
        payment=a_quote(),
        offer="thumbnail",
        offer_name="Thumbnail",
        payment_methods=("card", "sepa_debit"),
    )

    sent = payments.checkout_parameters(order)

    assert sent["allowed_payment_method_types"] == ["card", "sepa_debit"]
    assert "payment_method_types" not in sent


def test_a_refund_is_asked_for_in_exactly_these_words(refunds: StripeRefundGateway) -> None:
    sent = refunds.refund_parameters(a_refund_order(failure_reason="no_such_image"))

    assert sent == {
        "payment_intent": "pi_3a",
        "amount": 199,
        "metadata": {
            "app": "counterfoil",
            "instance": INSTANCE,
            "job_id": "job_a",
            "payment_id": "pay_a",
            "offer": "thumbnail",
            "refund_id": "ref_a",
            "failure_reason": "no_such_image",
        },
    }


def test_a_refund_fits_stripes_limits_whatever_the_worker_wrote(
    refunds: StripeRefundGateway,
) -> None:
    sent: Any = refunds.refund_parameters(a_refund_order(failure_reason="é" * 10_000))

    assert sent["metadata"]["failure_reason"] == "é" * 500


def test_a_payment_without_an_intent_cannot_be_refunded(refunds: StripeRefundGateway) -> None:
    with pytest.raises(RuntimeError, match="nothing to give back"):
        refunds.refund_parameters(a_refund_order(payment=a_payment("paid")))


SUFFIXES = [
    ("Thumbnail", "Thumbnail"),
    ("Image upscale", "Image upsc"),
    ("Video (4K)", "Video 4K"),
    ("Ein Bild für Élodie", "Ein Bild f"),
    ("Café", "Cafe"),
    ("<b>*'\"\\", "b"),
    ("Straße", "Strae"),
    ("A         B", "A B"),
    ("123456789 z", None),
    ("2026", None),
    ("写真", None),
    ("***", None),
    ("", None),
]


@pytest.mark.parametrize(("name", "suffix"), SUFFIXES)
def test_only_plain_words_stand_on_a_card_statement(name: str, suffix: str | None) -> None:
    assert statement_suffix(name) == suffix


@given(st.text())
def test_no_name_makes_a_suffix_stripe_would_refuse(name: str) -> None:
    suffix = statement_suffix(name)

    assert suffix is None or (
        1 <= len(suffix) <= 10
        and suffix.isascii()
        and suffix.replace(" ", "").isalnum()
        and any(char.isalpha() for char in suffix)
        and suffix == suffix.strip()
    )


def test_a_name_without_a_plain_letter_is_sent_without_a_suffix(
    payments: StripePaymentGateway,
) -> None:
    sent: Any = payments.checkout_parameters(an_order(offer_name="写真"))

    assert "statement_descriptor_suffix" not in sent["payment_intent_data"]


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://a.example/x", "https://a.example/x?session_id={CHECKOUT_SESSION_ID}"),
        ("https://a.example/x?b=1", "https://a.example/x?b=1&session_id={CHECKOUT_SESSION_ID}"),
        ("https://a.example/x#top", "https://a.example/x?session_id={CHECKOUT_SESSION_ID}#top"),
    ],
)
def test_stripe_is_left_a_place_for_the_session(url: str, expected: str) -> None:
    assert with_session_placeholder(url) == expected


RICH = an_order(
    a_quote(
        customer_email="ada+test@example.com",
        metadata={"b": "ü & = ?", "a": "1", "long key": "two\nlines", "z[": "{}"},
        amount=Money(597, "usd"),
        breakdown=Breakdown(rule="fixed", quantity=3, unit_amount_minor=199),
    )
)


def as_jsonb(parameters: object) -> Any:
    """As PostgreSQL gives jsonb back: keys by length, then by bytes."""

    def reordered(value: Any) -> Any:
        if isinstance(value, dict):
            return {k: reordered(value[k]) for k in sorted(value, key=lambda k: (len(k), k))}
        return [reordered(v) for v in value] if isinstance(value, list) else value

    return reordered(json.loads(json.dumps(parameters)))


async def test_what_was_frozen_is_sent_byte_for_byte(
    stand_in: StandIn, payments: StripePaymentGateway
) -> None:
    stand_in.answers(Reply(body=a_session()))
    frozen = payments.checkout_parameters(RICH)

    await payments.open_checkout(frozen, key=KEY)
    await payments.open_checkout(as_jsonb(frozen), key=KEY)
    await payments.open_checkout(json.loads(json.dumps(frozen, sort_keys=True)), key=KEY)

    first, second, third = (request.body for request in stand_in.received)
    assert first == second == third
    assert {request.headers["Idempotency-Key"] for request in stand_in.received} == {KEY}


async def test_a_frozen_refund_is_sent_byte_for_byte(
    stand_in: StandIn, refunds: StripeRefundGateway
) -> None:
    stand_in.answers(Reply(body=a_refund_object()))
    frozen = refunds.refund_parameters(a_refund_order(failure_reason="späte Absage"))

    await refunds.create_refund(frozen, key=KEY)
    await refunds.create_refund(as_jsonb(frozen), key=KEY)

    first, second = (request.body for request in stand_in.received)
    assert first == second


async def test_the_form_says_what_the_parameters_say(
    stand_in: StandIn, payments: StripePaymentGateway
) -> None:
    stand_in.answers(Reply(body=a_session()))

    await payments.open_checkout(payments.checkout_parameters(RICH), key=KEY)

    form = dict(parse_qsl(stand_in.received[0].body.decode(), keep_blank_values=True))
    assert form["adaptive_pricing[enabled]"] == "false"
    assert form["allowed_payment_method_types[0]"] == "card"
    assert form["line_items[0][price_data][unit_amount]"] == "199"
    assert form["metadata[b]"] == form["payment_intent_data[metadata][b]"] == "ü & = ?"
    assert form["metadata[long key]"] == "two\nlines"
    assert "session_id={CHECKOUT_SESSION_ID}" in unquote(stand_in.received[0].body.decode())
    assert stand_in.received[0].path == "/v1/checkout/sessions"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)


@settings(max_examples=30)
@given(st.dictionaries(st.text(max_size=8), JSON))
def test_putting_parameters_in_order_changes_nothing_of_them(parameters: dict[str, Any]) -> None:
    assert as_stored(parameters) == parameters
    assert json.dumps(as_stored(as_jsonb(parameters))) == json.dumps(as_stored(parameters))


async def test_every_parameter_is_one_the_library_knows(payments: StripePaymentGateway) -> None:
    known = stripe.params.checkout.SessionCreateParams.__annotations__

    assert set(payments.checkout_parameters(RICH)) <= set(known)
