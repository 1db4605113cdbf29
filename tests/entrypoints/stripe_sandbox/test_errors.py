"""Refusals: status, type, code and parameter as Stripe words them."""

import base64
import io
import time
from typing import Any

import pytest
import stripe

from tests.entrypoints.stripe_sandbox.conftest import KEY, World, a_session

OLD_VERSION = "2026-08-26.dahlia"


def priced(**price: Any) -> dict[str, Any]:
    return {"line_items": a_session(**price)["line_items"]}


LINE = a_session()["line_items"][0]
REFUSED_SESSIONS = [
    # what changes                                         code                  param
    ({"mode": None}, "parameter_missing", "mode"),
    ({"mode": "gift"}, None, "mode"),
    ({"mode": "subscription"}, None, "mode"),
    ({"success_url": None}, "parameter_missing", "success_url"),
    ({"success_url": "shop"}, "url_invalid", "success_url"),
    ({"cancel_url": "javascript:alert(1)"}, "url_invalid", "cancel_url"),
    ({"line_items": None}, "parameter_missing", "line_items"),
    ({"line_items": [LINE] * 101}, None, "line_items"),
    ({"line_items": [LINE | {"quantity": 0}]}, "parameter_invalid_integer", "line_items[0][quantity]"),
    ({"line_items": [{"price": "price_1", "quantity": 1}]}, "resource_missing", "line_items[0][price]"),
    ({"line_items": [{"quantity": 1}]}, "parameter_missing", "line_items[0][price_data]"),
    (priced(unit_amount="9.99"), "parameter_invalid_integer", "line_items[0][price_data][unit_amount]"),
    (priced(unit_amount=-1), "parameter_invalid_integer", "line_items[0][price_data][unit_amount]"),
    (priced(currency="zzz"), None, "line_items[0][price_data][currency]"),
    (priced(recurring={"interval": "month"}), None, "line_items[0][price_data][recurring]"),
    (priced(product_data={"name": "x", "wat": "1"}), "parameter_unknown", "line_items[0][price_data][product_data][wat]"),
    (priced(product_data={"description": "x"}), "parameter_missing", "line_items[0][price_data][product_data][name]"),
    (priced(unit_amount=49), "amount_too_small", "line_items"),
    (priced(unit_amount=0), "amount_too_small", "line_items"),
    (priced(unit_amount=100_000_000), "amount_too_large", "line_items"),
    (priced(unit_amount=49, currency="jpy"), "amount_too_small", "line_items"),
    (priced(unit_amount=1234, currency="bhd"), None, "line_items"),
    (priced(unit_amount=5050, currency="isk"), None, "line_items"),
    ({"line_items": [LINE, priced(currency="eur")["line_items"][0]]}, None, "line_items"),
    ({"expires_at": 1}, None, "expires_at"),
    ({"expires_at": int(time.time()) + 20 * 60}, None, "expires_at"),
    ({"expires_at": int(time.time()) + 25 * 3600}, None, "expires_at"),
    ({"client_reference_id": "x" * 201}, None, "client_reference_id"),
    ({"customer_email": "nobody"}, "email_invalid", "customer_email"),
    ({"locale": "xx"}, None, "locale"),
    ({"submit_type": "grab"}, None, "submit_type"),
    ({"automatic_tax": {"enabled": True}}, None, "automatic_tax"),
    ({"wat": "1"}, "parameter_unknown", "wat"),
    ({"payment_intent_data": {"wat": "1"}}, "parameter_unknown", "payment_intent_data[wat]"),
    ({"payment_intent_data": {"receipt_email": "x"}}, "email_invalid", "payment_intent_data[receipt_email]"),
    ({"payment_intent_data": {"statement_descriptor_suffix": "123"}}, None, "payment_intent_data[statement_descriptor_suffix]"),
    ({"payment_intent_data": {"statement_descriptor": "ABC"}}, None, "payment_intent_data[statement_descriptor]"),
    ({"payment_method_types": ["card"]}, "payment_method_types_no_longer_supported", "payment_method_types"),
    ({"allowed_payment_method_types": ["klarna"]}, None, None),
    ({"metadata": {"k": "v" * 501}}, None, "metadata[k]"),
    ({"metadata": {"a[b]": "v"}}, "parameter_unknown", "metadata[a[b]]"),
    ({"expand": ["wat"]}, None, "expand"),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "code", "param"), REFUSED_SESSIONS)
async def test_a_session_that_makes_no_sense_is_refused(
    world: World, changes: dict[str, Any], code: str | None, param: str | None
) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refusal:
        await world.open_session(**changes)

    error = refusal.value
    assert (error.http_status, error.code, error.param) == (400, code, param)
    assert error.request_id
    assert error.request_id.startswith("req_")
    assert (await world.stripe.v1.checkout.sessions.list_async()).data == []


ACCEPTED_AMOUNTS = [
    ("usd", 50),
    ("usd", 99_999_999),
    ("jpy", 50),
    ("gbp", 30),
    ("kwd", 1230),
    ("isk", 5000),
    ("mga", 500),
]


@pytest.mark.parametrize(("currency", "amount"), ACCEPTED_AMOUNTS)
async def test_amounts_at_the_edge_are_accepted(world: World, currency: str, amount: int) -> None:
    session = await world.open_session(**priced(unit_amount=amount, currency=currency))

    assert (session.amount_total, session.currency) == (amount, currency)


async def test_older_versions_still_take_payment_method_types(world: World) -> None:
    session = await world.open_session(
        payment_method_types=["card"], options={"stripe_version": OLD_VERSION}
    )

    assert session.payment_method_types == ["card"]
    assert session.last_response.headers["stripe-version"] == OLD_VERSION


UNAUTHORIZED = [
    # Authorization                                      what the message says
    (None, "You did not provide an API key"),
    ("Bearer ", "You did not provide an API key"),
    ("Basic !!!", "You did not provide an API key"),
    ("Bearer sk_live_1234567890abcd", "Invalid API Key provided: sk_live_**********abcd"),
    ("Bearer hello", "Invalid API Key provided"),
    ("Bearer pk_test_123", "publishable API key"),
]


@pytest.mark.parametrize(("authorization", "message"), UNAUTHORIZED)
async def test_a_request_without_a_test_key_is_unauthorized(
    world: World, authorization: str | None, message: str
) -> None:
    headers = {"Authorization": authorization} if authorization is not None else {}
    async with world.http.get(f"{world.url}/v1/account", headers=headers) as answer:
        body = await answer.json()

    assert answer.status == 401
    assert body["error"]["type"] == "invalid_request_error"
    assert message in body["error"]["message"]


BASIC = base64.b64encode(f"{KEY}:".encode()).decode()


@pytest.mark.parametrize("authorization", [f"Basic {BASIC}", "Bearer rk_test_1", f"bearer {KEY}"])
async def test_basic_authentication_and_restricted_keys_are_accepted(
    world: World, authorization: str
) -> None:
    status, body, _ = await world.raw("GET", "/v1/account", Authorization=authorization)

    assert (status, body["id"]) == (200, "acct_1Sandbox00000001")


async def test_another_account_is_forbidden(world: World) -> None:
    with pytest.raises(stripe.PermissionError) as refusal:
        await world.stripe.v1.charges.list_async({}, {"stripe_account": "acct_other"})

    assert refusal.value.error.code == "account_invalid"


PROTOCOL = [
    # method, path and query                       status  code                         param
    ("GET", "/v1/foo", 404, None, None),
    ("PUT", "/v1/refunds", 404, None, None),
    ("GET", "/v1/charges/", 404, None, None),
    ("GET", "/v1/charges/ch_1", 404, "resource_missing", "id"),
    ("GET", "/v1/payment_intents/pi_1", 404, "resource_missing", "intent"),
    ("GET", "/v1/checkout/sessions/cs_1", 404, "resource_missing", "id"),
    ("GET", "/v1/refunds/re_1", 404, "resource_missing", "id"),
    ("GET", "/v1/events/evt_1", 404, "resource_missing", "id"),
    ("GET", "/v1/webhook_endpoints/we_1", 404, "resource_missing", "id"),
    ("GET", "/v1/balance_transactions/txn_1", 404, "resource_missing", "id"),
    ("GET", "/v1/charges?limit=0", 400, "parameter_invalid_integer", "limit"),
    ("GET", "/v1/charges?limit=101", 400, "parameter_invalid_integer", "limit"),
    ("GET", "/v1/charges?limit=many", 400, "parameter_invalid_integer", "limit"),
    ("GET", "/v1/charges?starting_after=ch_1", 400, "resource_missing", "starting_after"),
    ("GET", "/v1/charges?starting_after=a&ending_before=b", 400, "parameters_exclusive", "ending_before"),
    ("GET", "/v1/charges?expand[]=data.wat", 400, None, "expand"),
    ("GET", "/v1/charges?expand[]=balance_transaction", 400, None, "expand"),
    ("GET", "/v1/charges?expand[]=data.payment_intent.latest_charge.payment_intent.x", 400, None, "expand"),
    ("GET", "/v1/events?type=a&types[]=b", 400, "parameters_exclusive", "types"),
    ("GET", "/v1/account?wat=1", 400, "parameter_unknown", "wat"),
    ("GET", "/v1/account?a=%FF", 400, None, None),
]  # fmt: skip


@pytest.mark.parametrize(("method", "path", "status", "code", "param"), PROTOCOL)
async def test_request_is_refused_in_stripes_shape(
    world: World, *, method: str, path: str, status: int, code: str | None, param: str | None
) -> None:
    got, body, headers = await world.raw(method, path)

    error = body["error"]
    assert (got, error["type"]) == (status, "invalid_request_error")
    assert (error.get("code"), error.get("param")) == (code, param)
    assert headers["Request-Id"] in error["request_log_url"]
    assert headers["Content-Type"] == "application/json"


async def test_an_unknown_url_is_named(world: World) -> None:
    _, body, _ = await world.raw("GET", "/v1/foo/bar")

    assert body["error"]["message"].startswith("Unrecognized request URL (GET: /v1/foo/bar). ")


async def test_a_post_that_is_not_a_form_is_refused(world: World) -> None:
    status, body, _ = await world.raw(
        "POST", "/v1/refunds", data='{"a":1}', **{"Content-Type": "application/json"}
    )

    assert status == 400
    assert "POST content type" in body["error"]["message"]


async def test_a_body_that_is_too_large_is_refused_in_json(world: World) -> None:
    headers = {
        "Authorization": f"Bearer {KEY}",
        "Content-Type": "application/x-www-form-urlencoded",
    }
    large = io.BytesIO(b"a=" + b"b" * 1_100_000)
    async with world.http.post(f"{world.url}/v1/refunds", data=large, headers=headers) as answer:
        body = await answer.json()

    assert (answer.status, body["error"]["type"]) == (413, "invalid_request_error")


async def test_a_version_that_is_none_is_refused(world: World) -> None:
    status, body, _ = await world.raw("GET", "/v1/account", **{"Stripe-Version": "latest"})

    assert status == 400
    assert body["error"]["message"] == "Invalid Stripe API version: latest"
