"""One row per condition, over real HTTP: what Stripe does, and what we make of it."""

from __future__ import annotations

import json
from typing import Any

import pytest
import stripe

from adapters.stripe.account import StripeAccount
from adapters.stripe.client import open_stripe
from adapters.stripe.gateway import StripePaymentGateway
from adapters.stripe.refunds import StripeRefundGateway
from domain.payments.errors import ProviderMisconfigured, ProviderRefused, ProviderUnavailable
from domain.shared.errors import DomainError
from tests.adapters.stripe.stand_in import (
    INSTANCE,
    SECRET_KEY,
    Reply,
    StandIn,
    a_session,
    an_error,
)

KEY = "cf1:test:refund.create:ref_a:g1"
REPLAYED = {"Idempotent-Replayed": "true", "Request-Id": "req_4711"}
HTML = b"<html>Bad gateway</html>"

REFUSED = [
    ("400 with a code", an_error(400, code="charge_already_refunded"), "charge_already_refunded"),
    ("400 disputed", an_error(400, code="charge_disputed"), "charge_disputed"),
    ("400 too small", an_error(400, code="amount_too_small"), "amount_too_small"),
    ("400 without a code", an_error(400, param="amount"), "invalid_request(amount)"),
    ("400 without anything", an_error(400), "invalid_request"),
    ("400 with a code that is no code", an_error(400, code={"a": 1}), "invalid_request"),
    ("400 with a sentence for a code", an_error(400, code="Ada's card"), "invalid_request"),
    ("402 declined", an_error(402, type="card_error", code="card_declined"), "card_declined"),
    ("404", an_error(404, code="resource_missing", param="id"), "resource_missing"),
    ("no longer supported", an_error(400, code="parameter_unknown"), "parameter_unknown"),
]
MISCONFIGURED = [
    ("401", an_error(401)),
    ("403", an_error(403)),
    ("400 of a key with other parameters", an_error(400, type="idempotency_error")),
    ("400 expired key", an_error(400, code="api_key_expired")),
    ("400 live key needed", an_error(400, code="testmode_charges_only")),
    ("404 other mode", an_error(404, code="livemode_mismatch")),
]
UNKNOWN = [
    ("409 in flight", an_error(409, type="idempotency_error", code="idempotency_key_in_use")),
    ("409", an_error(409)),
    ("424", an_error(424)),
    ("429 rate", an_error(429, code="rate_limit")),
    ("429 lock", an_error(429, code="lock_timeout")),
    ("400 rate, of old", an_error(400, code="rate_limit")),
    ("400 lock", an_error(400, code="lock_timeout")),
    ("405", an_error(405)),
    ("500", an_error(500, type="api_error")),
    ("500 remembered", Reply(status=500, body=an_error().body, headers=REPLAYED)),
    ("502 of a proxy", Reply(status=502, body=HTML)),
    ("503", an_error(503)),
    ("504", an_error(504)),
    ("400 of a proxy", Reply(status=400, body=HTML)),
    ("401 of a proxy", Reply(status=401, body=HTML)),
    ("404 of a proxy", Reply(status=404, body=HTML)),
    ("400 in another shape", Reply(status=400, body={"message": "no"})),
    ("400 with an error that is a word", Reply(status=400, body={"error": "no"})),
    ("400 with an error that is nothing", Reply(status=400, body={"error": None})),
    ("402 with an error that is a list", Reply(status=402, body={"error": []})),
    ("401 with an error that is a number", Reply(status=401, body={"error": 5})),
    ("200 that is no JSON", Reply(body=HTML)),
    ("200 without a body", Reply(body=b"")),
    ("200 that is a list", Reply(body=[])),
    ("200 that is a word", Reply(body="ok")),
    ("200 that is nothing", Reply(body=None)),
    ("200 that is no text", Reply(body=b"\xff\xfe")),
    ("200 nested without end", Reply(body=b"[" * 500_000)),
    ("200 nested deeply", Reply(body=b'{"a":' * 900 + b"1" + b"}" * 900)),
    ("200 of something else", Reply(body={"id": "cus_1", "object": "customer"})),
    ("200 too long", Reply(body=b'"' + b"x" * 5_000_000 + b'"')),
    ("204", Reply(status=204, body=b"")),
    ("a redirect", Reply(status=307, headers={"Location": "/elsewhere"})),
    ("silence", Reply(delay_s=2)),
    ("cut off", Reply(body=a_session(), cut=True)),
]
ALL_BAD = [
    *((name, reply, ProviderRefused) for name, reply, _ in REFUSED),
    *((name, reply, ProviderMisconfigured) for name, reply in MISCONFIGURED),
    *((name, reply, ProviderUnavailable) for name, reply in UNKNOWN),
]


@pytest.mark.parametrize(
    ("reply", "reason"), [pytest.param(r, reason, id=name) for name, r, reason in REFUSED]
)
async def test_a_definite_no_is_refused_with_its_code(
    stand_in: StandIn, refunds: StripeRefundGateway, reply: Reply, reason: str
) -> None:
    stand_in.answers(reply)

    with pytest.raises(ProviderRefused) as refused:
        await refunds.create_refund({"payment_intent": "pi_3a"}, key=KEY)

    assert refused.value.reason == reason


@pytest.mark.parametrize("reply", [pytest.param(r, id=name) for name, r in MISCONFIGURED])
async def test_what_a_person_must_put_right_is_no_refusal(
    stand_in: StandIn, refunds: StripeRefundGateway, reply: Reply
) -> None:
    stand_in.answers(reply)

    with pytest.raises(ProviderMisconfigured):
        await refunds.create_refund({"payment_intent": "pi_3a"}, key=KEY)


@pytest.mark.parametrize("reply", [pytest.param(r, id=name) for name, r in UNKNOWN])
async def test_anything_else_leaves_the_outcome_unknown(
    stand_in: StandIn, refunds: StripeRefundGateway, reply: Reply
) -> None:
    stand_in.answers(reply)

    with pytest.raises(ProviderUnavailable):
        await refunds.create_refund({"payment_intent": "pi_3a"}, key=KEY)

    assert len(stand_in.received) == 1, "one attempt: the outbox is what tries again"


@pytest.mark.parametrize("reply", [pytest.param(r, id=name) for name, r in UNKNOWN])
async def test_reading_has_the_same_table(
    stand_in: StandIn, payments: StripePaymentGateway, reply: Reply
) -> None:
    stand_in.answers(reply)

    with pytest.raises(ProviderUnavailable):
        await payments.fetch_checkout("cs_test_a1")


async def test_a_server_that_is_not_there_leaves_the_outcome_unknown() -> None:
    async with open_stripe(SECRET_KEY, base_url="http://127.0.0.1:1", timeout_s=1) as client:
        gateway = StripeRefundGateway(client=client, mode="test", instance=INSTANCE)

        with pytest.raises(ProviderUnavailable, match="cannot be reached"):
            await gateway.create_refund({"payment_intent": "pi_3a"}, key=KEY)


async def test_a_server_error_told_again_says_so(
    stand_in: StandIn, refunds: StripeRefundGateway
) -> None:
    stand_in.answers(Reply(status=500, body=an_error().body, headers=REPLAYED))

    with pytest.raises(ProviderUnavailable, match="Idempotent-Replayed: true"):
        await refunds.create_refund({"payment_intent": "pi_3a"}, key=KEY)


async def test_an_error_can_be_found_in_stripes_log(
    stand_in: StandIn, refunds: StripeRefundGateway
) -> None:
    stand_in.answers(an_error(500, type="api_error", code="whoops"))

    with pytest.raises(ProviderUnavailable, match="HTTP 500, APIError, whoops, req_4711"):
        await refunds.create_refund({"payment_intent": "pi_3a"}, key=KEY)


@pytest.mark.parametrize(
    ("reply", "kind"), [pytest.param(r, kind, id=name) for name, r, kind in ALL_BAD]
)
async def test_no_error_repeats_what_was_said(
    stand_in: StandIn, payments: StripePaymentGateway, reply: Reply, kind: type[DomainError]
) -> None:
    stand_in.answers(reply)

    with pytest.raises(kind) as raised:
        await payments.open_checkout({"customer_email": "ada@example.com"}, key=KEY)

    shown = "".join(_everything_printed(raised.value))
    assert SECRET_KEY not in shown
    assert "ada@example.com" not in shown
    assert len(shown) < 5_000


def _everything_printed(error: BaseException) -> list[str]:
    """What a log would show: the message, and the causes a traceback goes on to."""
    shown = [str(error), repr(error), json.dumps([str(arg) for arg in error.args])]
    if error.__cause__ is not None:
        shown += _everything_printed(error.__cause__)
    if error.__context__ is not None and not error.__suppress_context__:
        shown += _everything_printed(error.__context__)
    return shown


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (Reply(body={"id": "acct_1", "object": "account"}), None),
        (Reply(body={"id": "cus_1", "object": "customer"}), ProviderUnavailable),
        (an_error(401), ProviderMisconfigured),
        (an_error(404, code="resource_missing"), ProviderMisconfigured),
        (an_error(500), ProviderUnavailable),
    ],
    ids=["told", "told otherwise", "401", "404", "500"],
)
async def test_whose_key_it_is_is_asked_of_stripe(
    stand_in: StandIn, client: stripe.StripeClient, reply: Reply, kind: Any
) -> None:
    stand_in.answers(reply)
    account = StripeAccount(client)

    if kind is None:
        assert await account.account_id() == "acct_1"
        assert stand_in.received[0].path == "/v1/account"
    else:
        with pytest.raises(kind):
            await account.account_id()
