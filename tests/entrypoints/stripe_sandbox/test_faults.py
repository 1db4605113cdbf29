"""Faults to order, as the SDK meets them."""

import asyncio
from typing import Any

import aiohttp
import pytest
import stripe

from tests.entrypoints.stripe_sandbox.conftest import World, sdk

SESSIONS = "/v1/checkout/sessions"


async def sessions_made(world: World) -> int:
    await world.control.call("DELETE", "/faults")
    return len((await world.stripe.v1.checkout.sessions.list_async()).data)


async def impatient_open(world: World, timeout_s: float = 0.3) -> None:
    client = stripe.AIOHTTPClient(timeout=aiohttp.ClientTimeout(total=timeout_s))
    hurried = World(sdk(world.url, client), world.control, world.http, world.shop, world.url)
    try:
        await hurried.open_session(options={"idempotency_key": "k1"})
    finally:
        await client.close_async()


ANSWERED = [
    # order                                    exception                   status  sessions made
    ({"kind": "error"}, stripe.APIError, 500, 0),
    ({"kind": "error", "applied": True}, stripe.APIError, 500, 1),
    ({"kind": "error", "status": 503}, stripe.APIError, 503, 0),
    ({"kind": "error", "status": 401}, stripe.AuthenticationError, 401, 0),
    ({"kind": "error", "status": 402, "code": "card_declined"}, stripe.CardError, 402, 0),
    ({"kind": "error", "status": 404, "code": "resource_missing"}, stripe.InvalidRequestError, 404, 0),
    ({"kind": "rate_limit"}, stripe.RateLimitError, 429, 0),
    ({"kind": "lock_timeout"}, stripe.RateLimitError, 429, 0),
]  # fmt: skip


@pytest.mark.parametrize(("order", "error", "status", "made"), ANSWERED)
async def test_fault_is_answered(
    world: World, order: dict[str, Any], error: type[stripe.StripeError], status: int, made: int
) -> None:
    await world.control.post("/faults", path=SESSIONS, method="post", **order)

    with pytest.raises(error) as refusal:
        await world.open_session()

    assert refusal.value.http_status == status
    assert await sessions_made(world) == made


async def test_the_limiter_and_the_lock_differ_by_code(world: World) -> None:
    codes = []
    for kind in ("rate_limit", "lock_timeout"):
        await world.control.post("/faults", kind=kind, times=1)
        with pytest.raises(stripe.RateLimitError) as refusal:
            await world.open_session(options={"idempotency_key": "k1"})
        codes.append(refusal.value.error.code)

    assert codes == ["rate_limit", "lock_timeout"]
    # Neither is remembered under the key.
    assert (await world.open_session(options={"idempotency_key": "k1"})).status == "open"


async def test_unavailable_is_not_remembered_and_an_applied_500_is(world: World) -> None:
    options = {"idempotency_key": "k1"}
    await world.control.post("/faults", kind="error", status=503, times=1)
    with pytest.raises(stripe.APIError):
        await world.open_session(options=options)
    await world.control.post("/faults", kind="error", applied=True, times=1)
    with pytest.raises(stripe.APIError):
        await world.open_session(options=options)

    with pytest.raises(stripe.APIError) as replayed:
        await world.open_session(options=options)

    assert replayed.value.headers["idempotent-replayed"] == "true"
    assert await sessions_made(world) == 1


@pytest.mark.parametrize(("kind", "made"), [("timeout_before", 0), ("timeout_after", 1)])
async def test_a_timeout_leaves_the_outcome_unknown(world: World, kind: str, made: int) -> None:
    await world.control.post("/faults", kind=kind, path=SESSIONS, times=1)

    with pytest.raises(stripe.APIConnectionError):
        await impatient_open(world)

    assert await sessions_made(world) == made
    await world.open_session(options={"idempotency_key": "k1"})
    assert await sessions_made(world) == 1


async def test_a_timeout_ends_by_cutting_the_connection(world: World) -> None:
    await world.control.post("/faults", kind="timeout_before", delay_s=0.1, times=1)

    with pytest.raises(stripe.APIConnectionError):
        await world.open_session()


async def test_a_body_cut_in_half_was_applied(world: World) -> None:
    await world.control.post("/faults", kind="reset_mid_body", path=SESSIONS, times=1)

    with pytest.raises((aiohttp.ClientError, stripe.APIConnectionError)):
        await world.open_session(options={"idempotency_key": "k1"})

    assert await sessions_made(world) == 1
    assert (await world.open_session(options={"idempotency_key": "k1"})).status == "open"
    assert await sessions_made(world) == 1


async def test_slow_is_slow_and_right(world: World) -> None:
    await world.control.post("/faults", kind="slow", delay_s=0.2, path=f"{SESSIONS}*")
    loop = asyncio.get_running_loop()
    started = loop.time()

    session = await world.open_session()

    assert loop.time() - started >= 0.2
    assert session.status == "open"


async def test_a_fault_can_let_some_pass_and_then_strike_some_times(world: World) -> None:
    await world.control.post("/faults", kind="error", path=SESSIONS, after=2, times=2)

    outcomes = []
    for _ in range(6):
        try:
            await world.open_session()
            outcomes.append("ok")
        except stripe.APIError:
            outcomes.append("error")

    assert outcomes == ["ok", "ok", "error", "error", "ok", "ok"]


async def test_probability_is_repeatable_from_a_seed(world: World) -> None:
    async def outcomes() -> list[int]:
        await world.control.post("/reset", seed=3)
        await world.control.post("/faults", kind="error", path="/v1/account", probability=0.5)
        return [(await world.raw("GET", "/v1/account"))[0] for _ in range(20)]

    first, second = await outcomes(), await outcomes()

    assert first == second
    assert set(first) == {200, 500}


MATCHES = [
    # method  path                             strikes GET /v1/refunds/re_1
    ("GET", "/v1/refunds/*", True),
    ("*", "/v1/*", True),
    ("POST", "/v1/refunds/*", False),
    ("GET", "/v1/refunds", False),
    ("GET", "^/v1/refunds/re_[0-9]+$", True),
    ("GET", "^/v1/charges", False),
]


@pytest.mark.parametrize(("method", "path", "strikes"), MATCHES)
async def test_a_fault_strikes_where_it_was_ordered(
    world: World, method: str, path: str, strikes: bool
) -> None:
    await world.control.post("/faults", kind="error", method=method, path=path)

    status, _, _ = await world.raw("GET", "/v1/refunds/re_1")

    assert status == (500 if strikes else 404)


REFUSED = [
    ({"kind": "earthquake"}, "kind must be one of"),
    ({}, "kind"),
    ({"kind": "error", "path": "^["}, "regular expression"),
    ({"kind": "error", "probability": 2}, "probability"),
    ({"kind": "error", "wat": 1}, "wat"),
]


@pytest.mark.parametrize(("order", "message"), REFUSED)
async def test_a_fault_that_makes_no_sense_is_refused(
    world: World, order: dict[str, Any], message: str
) -> None:
    answer = await world.control.post("/faults", expect=422, **order)

    assert message in answer["error"]["message"]


async def test_faults_are_listed_counted_and_cleared(world: World) -> None:
    await world.control.post("/faults", kind="error", path="/v1/account", times=1)
    for _ in range(3):
        await world.raw("GET", "/v1/account")

    listed = (await world.control.get("/faults"))["faults"]
    cleared = await world.control.call("DELETE", "/faults")

    assert [(rule["seen"], rule["fired"]) for rule in listed] == [(3, 1)]
    assert cleared == {"faults": []}
