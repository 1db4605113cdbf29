"""What the edge lets in, and what bad input gets: a clear error, and nothing written."""

from __future__ import annotations

import asyncio
import io
import time
from typing import Any

import asyncpg
import jwt
import pytest
import stripe

from tests.end_to_end.house import House, until

A_KEY = "k" * 40
RENDER = {"offer": "render", "amount": 500}


# fmt: off
REFUSED: list[tuple[dict[str, Any], int, str]] = [
    # body                                                              status  pointer of a flaw
    ({"offer": "no-such-offer"},                                           404, ""),
    ({"offer": "render", "amount": 49},                                    422, "/amount"),
    ({"offer": "render", "amount": 10_001},                                422, "/amount"),
    ({"offer": "render", "amount": True},                                  422, "/amount"),
    ({"offer": "render", "amount": 20.5},                                  422, "/amount"),
    ({"offer": "render", "amount": 20.0},                                  422, "/amount"),
    ({"offer": "render", "amount": "10"},                                  422, "/amount"),
    ({"offer": "render", "amount": -1},                                    422, "/amount"),
    ({"offer": "render"},                                                  422, "/amount"),
    ({"offer": "thumbnail", "amount": 1},                                  422, "/amount"),
    ({"offer": "thumbnail", "currency": "chf"},                            422, "/currency"),
    ({"offer": "thumbnail", "quantity": 0},                                422, "/quantity"),
    ({"offer": "thumbnail", "quantity": 101},                              422, "/quantity"),
    ({"offer": "thumbnail", "inputs": {"x": 1}},                           422, "/inputs/x"),
    ({"offer": "image-upscale-2x"},                                        422, "/inputs/url"),
    ({"offer": "image-upscale-2x", "inputs": {"url": "file:///etc/passwd",
                                              "width": 1, "height": 1}},   422, "/inputs/url"),
    ({"offer": "thumbnail", "price": 1},                                   422, "/price"),
    ({"offer": "thumbnail", "metadata": {"job_id": "x"}},                  422, "/metadata/job_id"),
    ({"offer": "thumbnail", "metadata": {"a": "4242 4242 4242 4242"}},     422, "/metadata/a"),
    ({"offer": "render", "amount": 500, "inputs": {"n": "4242424242424242"}}, 422, "/inputs/n"),
    ({"offer": "thumbnail", "customer_email": "nobody"},                   422, "/customer_email"),
    ({"offer": "thumbnail", "success_url": "https://evil.example/"},       422, "/success_url"),
    ({"offer": "thumbnail", "cancel_url": "//evil.example/"},              422, "/cancel_url"),
    ({},                                                                   422, "/offer"),
]
# fmt: on


@pytest.mark.parametrize(("body", "status", "pointer"), REFUSED)
async def test_a_bad_purchase_is_refused_and_nothing_is_written(
    house: House, body: dict[str, Any], status: int, pointer: str
) -> None:
    answer = await house.post("/api/payments/checkout-session", body)

    assert answer.status == status, answer.body
    assert answer.headers["Content-Type"].startswith("application/problem+json")
    assert answer.body["request_id"]
    if pointer:
        assert pointer in [error["pointer"] for error in answer.body["errors"]]
    assert "4242" not in str(answer.body)
    assert await house.database.fetchval("SELECT count(*) FROM jobs") == 0


async def test_every_flaw_is_listed_at_once(house: House) -> None:
    body = {
        "offer": "image-upscale-2x",
        "inputs": {"url": "nonsense", "width": 0, "depth": 1},
        "currency": "chf",
        "success_url": "https://evil.example/",
    }

    answer = await house.post("/api/payments/checkout-session", body)

    pointers = {error["pointer"] for error in answer.body["errors"]}
    assert pointers == {
        "/inputs/url",
        "/inputs/width",
        "/inputs/height",
        "/inputs/depth",
        "/currency",
        "/success_url",
    }


async def test_an_inactive_offer_is_not_sold(house: House) -> None:
    await house.database.execute("UPDATE offers SET active = false WHERE slug = 'thumbnail'")

    answer = await house.post("/api/payments/checkout-session", {"offer": "thumbnail"})

    assert (answer.status, answer.body["errors"][0]["pointer"]) == (422, "/offer")


RAW = [
    (b"nope", 400),
    (b"[]", 400),
    (b"null", 400),
    (b'{"offer": "a", "offer": "b"}', 400),
    (b'{"amount": NaN}', 400),
    (b'{"amount": 1e999}', 400),
    (b"[" * 100_000, 400),
    (b"\xff\xfe", 400),
    # Deep enough for a recursive check to fail, and not for the parser.
    (b'{"inputs":' + b"[" * 600 + b"]" * 600 + b"}", 400),
    (rb'{"offer": "a\u0000"}', 400),
    (rb'{"offer": "thumbnail", "metadata": {"a\ud800": "b"}}', 400),
    (b'{"offer": "' + b"x" * 1_048_576 + b'"}', 413),
]


@pytest.mark.parametrize(("raw", "status"), RAW, ids=lambda value: str(value)[:20])
async def test_what_cannot_be_read_is_refused(house: House, raw: bytes, status: int) -> None:
    url = f"http://127.0.0.1:{house.settings.port}/api/payments/checkout-session"

    async with house.http.post(
        url, data=io.BytesIO(raw), headers={"Content-Type": "application/json"}
    ) as answer:
        assert answer.status == status, await answer.text()


async def test_a_body_that_drips_is_cut_after_ten_seconds(house: House) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", house.settings.port)
    writer.write(
        b"POST /api/payments/checkout-session HTTP/1.1\r\nHost: localhost\r\n"
        b"Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n{"
    )
    started = time.monotonic()

    answer = await asyncio.wait_for(reader.readline(), 15)

    assert b"408" in answer
    assert 9 < time.monotonic() - started < 13
    writer.close()
    await writer.wait_closed()


# -- signatures ------------------------------------------------------------------------------


async def send_event(house: House, body: str, header: str | None) -> int:
    url = f"http://127.0.0.1:{house.settings.port}/api/payments/webhook"
    headers = {"Stripe-Signature": header} if header is not None else {}
    async with house.http.post(url, data=body, headers=headers) as answer:
        return answer.status


def signed(house: House, body: str, *, age_s: int = 0) -> str:
    secret = house.settings.stripe.webhook_secrets[0]
    at = int(time.time()) - age_s
    return stripe.WebhookSignature.generate_signature_header(body, secret, at)


async def test_only_events_signed_just_now_are_stored(house: House) -> None:
    body = '{"id": "evt_1", "object": "event"}'

    refused = [
        await send_event(house, body, None),
        await send_event(house, body, "t=1,v1=00"),
        await send_event(house, body, signed(house, body, age_s=301)),
        await send_event(house, body, signed(house, body, age_s=-400)),
        await send_event(house, f"{body} ", signed(house, body)),
    ]

    assert refused == [400] * 5
    assert await house.database.fetchval("SELECT count(*) FROM inbox") == 0


async def test_a_signed_event_nobody_can_read_is_kept_for_a_person(house: House) -> None:
    status = await send_event(house, "[1, 2]", signed(house, "[1, 2]"))

    row = await house.database.fetchrow("SELECT state, reason, payload FROM inbox")
    assert status == 200
    assert (row["state"], row["payload"]) == ("dead", "[1, 2]")
    assert row["reason"].startswith("unreadable")


# -- who is who ------------------------------------------------------------------------------


async def test_only_those_concerned_see_a_purchase(house: House) -> None:
    owner, stranger = house.token("olga"), house.token("sam")
    owned = await house.buy(token=owner)
    guest, other = await house.buy(), await house.buy()
    job, status = f"/api/jobs/{owned['job_id']}", f"/api/payments/status/{owned['session_id']}"
    admin = house.token("alice", "admin")

    assert owned["access_token"] is None
    # fmt: off
    seen = {
        (path, who): (await house.get(path, token=token)).status
        for path in (job, status)
        for who, token in {
            "owner": owner, "admin": admin, "stranger": stranger, "nobody": None,
            "a guest": guest["access_token"], "worker": house.worker,
        }.items()
    }
    # fmt: on
    allowed = {"owner", "admin"}
    assert seen == {key: 200 if key[1] in allowed else 404 for key in seen}

    guests = f"/api/jobs/{guest['job_id']}"
    assert (await house.get(guests, token=guest["access_token"])).status == 200
    assert (await house.get(guests, token=other["access_token"])).status == 404
    assert (await house.get(guests, token=owner)).status == 404
    absent = await house.get("/api/jobs/job_absent", token=owner)
    assert (await house.get("/api/jobs/job%00", token=owner)).status == 404
    foreign = await house.get(guests, token=owner)
    assert absent.body["type"] == foreign.body["type"]


async def test_roles_are_asked_for(house: House) -> None:
    anyone, worker, admin = house.token("u"), house.worker, house.token("a", "admin")
    lease, refund = ("/api/jobs/lease", {}), ("/api/payments/refund", {})

    assert (await house.post(*lease)).status == 401
    assert (await house.post(*lease, token=anyone)).status == 403
    assert (await house.post(*lease, token=admin)).status == 403
    assert (await house.post(*lease, token=worker)).status == 204
    assert (await house.post(*refund, token=worker)).status == 403
    assert (await house.post("/api/payments/create-session", {"amount": 500})).status == 401


async def test_a_bearer_that_does_not_hold_is_never_taken_for_nobody(house: House) -> None:
    secret, now = house.settings.tokens.secret, int(time.time())
    good = {"sub": "u", "iat": now, "exp": now + 60, "iss": "counterfoil", "aud": "counterfoil"}
    bad = [
        "nonsense",
        jwt.encode(good, "another secret, also 32 bytes long", algorithm="HS256"),
        jwt.encode(good, None, algorithm="none"),
        jwt.encode({**good, "exp": now - 60}, secret, algorithm="HS256"),
        jwt.encode({**good, "aud": "else"}, secret, algorithm="HS256"),
        jwt.encode({**good, "iss": "else"}, secret, algorithm="HS256"),
        jwt.encode({k: v for k, v in good.items() if k != "exp"}, secret, algorithm="HS256"),
        jwt.encode({k: v for k, v in good.items() if k != "sub"}, secret, algorithm="HS256"),
        jwt.encode(good, secret + "x" * 32, algorithm="HS512"),
    ]

    answers = [
        await house.post("/api/payments/checkout-session", {"offer": "thumbnail"}, token=token)
        for token in bad
    ]

    assert [answer.status for answer in answers] == [401] * len(bad)
    assert await house.database.fetchval("SELECT count(*) FROM jobs") == 0


# -- the render service's routes -------------------------------------------------------------


async def test_create_session_and_status_serve_the_render_service(house: House) -> None:
    token = house.token("renderer")

    made = await house.post("/api/payments/create-session", {"amount": 2500}, token=token)

    assert made.status == 200
    assert set(made.body) == {"session_id", "session_url", "payment_id"}
    seen = await house.get(f"/api/payments/status/{made.body['session_id']}", token=token)
    assert (seen.body["status"], seen.body["amount"], seen.body["currency"]) == (
        "pending",
        2500,
        "usd",
    )


# -- idempotency -----------------------------------------------------------------------------


async def test_the_same_key_gives_the_same_answer_again(house: House) -> None:
    first = await house.post("/api/payments/checkout-session", RENDER, key=A_KEY)
    second = await house.post("/api/payments/checkout-session", RENDER, key=A_KEY)
    other = await house.post("/api/payments/checkout-session", {**RENDER, "amount": 501}, key=A_KEY)

    assert (first.status, second.status, other.status) == (201, 201, 422)
    assert second.body == first.body
    assert "Idempotent-Replayed" not in first.headers
    assert second.headers["Idempotent-Replayed"] == "true"
    stored = await house.database.fetchval(
        "SELECT row_to_json(idempotency_keys)::text FROM idempotency_keys"
    )
    assert first.body["access_token"] not in stored
    assert first.body["session_url"] not in stored


async def test_fifty_at_once_with_one_key_buy_once(house: House) -> None:
    answers = await asyncio.gather(
        *(house.post("/api/payments/checkout-session", RENDER, key=A_KEY) for _ in range(50))
    )

    statuses = {answer.status for answer in answers}
    assert statuses <= {201, 409}
    assert 201 in statuses
    assert all(a.headers["Retry-After"] for a in answers if a.status == 409)
    assert await house.database.fetchval("SELECT count(*) FROM jobs") == 1
    assert len((await house.stripe("/checkout/sessions"))["data"]) == 1


async def test_keys_belong_to_their_caller(house: House) -> None:
    mine = await house.post(
        "/api/payments/checkout-session", RENDER, key="mine", token=house.token("me")
    )
    yours = await house.post(
        "/api/payments/checkout-session", RENDER, key="mine", token=house.token("you")
    )

    assert mine.body["job_id"] != yours.body["job_id"]


@pytest.mark.parametrize(("key", "status"), [("short", 422), ("x" * 256, 400)])
async def test_a_key_anybody_could_guess_or_nobody_can_store_is_refused(
    house: House, key: str, status: int
) -> None:
    answer = await house.post("/api/payments/checkout-session", RENDER, key=key)

    assert answer.status == status


# -- somebody else's outage ------------------------------------------------------------------


async def test_when_stripe_is_down_the_same_key_resumes_the_same_job(house: House) -> None:
    fault = {"method": "POST", "path": "/v1/checkout/sessions", "kind": "rate_limit", "times": 1}
    await house.sandbox("POST", "/faults", fault)

    down = await house.post("/api/payments/checkout-session", RENDER, key=A_KEY)
    assert (down.status, down.body["type"]) == (503, "urn:counterfoil:problem:checkout_delayed")
    assert down.headers["Retry-After"]

    up = await house.post("/api/payments/checkout-session", RENDER, key=A_KEY)
    assert up.status == 201
    assert up.body["job_id"] == down.body["job_id"]
    assert up.body["access_token"] == down.body["access_token"]
    assert await house.database.fetchval("SELECT count(*) FROM payments") == 1


async def test_while_the_database_is_down_no_event_is_acknowledged(house: House) -> None:
    body = '{"id": "evt_1", "object": "event", "type": "x", "created": 1, "livemode": false}'
    name = await house.database.fetchval("SELECT current_database()")
    admin = await asyncpg.connect(house.settings.database_url, database="postgres")
    try:
        await admin.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
        await admin.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", name
        )
        down = await send_event(house, body, signed(house, body))
        unready = await house.get("/readyz")
        alive = await house.get("/livez")
    finally:
        await admin.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')
        await admin.close()
    again = await send_event(house, body, signed(house, body))

    assert (down, unready.status, alive.status, again) == (503, 503, 200, 200)
    assert await house.database.fetchval("SELECT count(*) FROM inbox") == 1


async def test_a_waiting_worker_is_woken_and_a_stopping_api_sends_it_home(house: House) -> None:
    waiting = asyncio.create_task(house.lease(wait_s=30))
    await asyncio.sleep(0.2)
    bought = await house.buy()
    await house.pay(bought)
    assert (await asyncio.wait_for(waiting, 5))["job_id"] == bought["job_id"]

    waiting = asyncio.create_task(house.lease(wait_s=30))
    await asyncio.sleep(0.2)
    await asyncio.wait_for(house.stop_api(), 5)
    assert await waiting is None


async def test_a_keyed_refund_whose_answer_was_lost_is_not_made_twice(house: House) -> None:
    bought = await house.buy({"offer": "thumbnail", "quantity": 10})
    await house.pay(bought)
    await house.until_job(bought, "paid")
    admin, body = (
        house.token("alice", "admin"),
        {"payment_id": bought["payment_id"], "amount": 500, "reason": "a part was missing"},
    )

    first = await house.post("/api/payments/refund", body, token=admin, key="refund-1")
    # As if the API had died between the refund's commit and the answer's.
    lost = await house.database.execute(
        "UPDATE idempotency_keys SET answer_status = NULL, answer_body = NULL WHERE key = 'refund-1'"
    )
    second = await house.post("/api/payments/refund", body, token=admin, key="refund-1")

    assert lost == "UPDATE 1"
    assert (first.status, second.status) == (202, 202)
    assert second.body["refund_id"] == first.body["refund_id"]
    assert await house.database.fetchval("SELECT count(*) FROM refunds") == 1


async def test_what_callers_hear_of_an_outage_tells_nothing_of_our_insides(house: House) -> None:
    name = await house.database.fetchval("SELECT current_database()")
    admin = await asyncpg.connect(house.settings.database_url, database="postgres")
    try:
        await admin.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
        await admin.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", name
        )
        down = await house.get("/api/offers")
    finally:
        await admin.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')
        await admin.close()

    assert (down.status, down.body["detail"]) == (
        503,
        "Our database does not answer at present: try again shortly",
    )
    await until_ready(house)


async def until_ready(house: House) -> None:
    await until(lambda: house.get("/readyz"), lambda answer: answer.status == 200)


async def test_a_megabyte_of_digits_does_not_keep_the_others_waiting(house: House) -> None:
    hostile = {"offer": "thumbnail", "metadata": {"a": "5 " * 500_000}}

    refused = await house.post("/api/payments/checkout-session", hostile)

    assert refused.status == 422
    assert len(refused.body["errors"]) < 5
