"""What an idempotency key remembers, and what it does not."""

import asyncio
from typing import Any

import pytest
import stripe

from tests.entrypoints.stripe_sandbox.conftest import World

ENOUGH = "mode=payment&success_url=http://s.test&line_items[0][quantity]=1" + "".join(
    f"&line_items[0][price_data]{rest}"
    for rest in ("[currency]=usd", "[unit_amount]=4000", "[product_data][name]=Render")
)
SESSIONS = "/v1/checkout/sessions"


async def post(world: World, key: str, form: str = ENOUGH, path: str = SESSIONS) -> Any:
    return await world.raw("POST", path, form, **{"Idempotency-Key": key})


async def test_the_same_key_answers_the_same_again(world: World) -> None:
    status, first, headers = await post(world, "k1")
    again_status, again, again_headers = await post(world, "k1")

    assert (status, again_status) == (200, 200)
    assert again == first
    assert headers["Idempotency-Key"] == "k1"
    assert "Idempotent-Replayed" not in headers
    assert again_headers["Idempotent-Replayed"] == "true"
    assert again_headers["Original-Request"] == headers["Request-Id"]
    assert again_headers["Request-Id"] != headers["Request-Id"]
    assert len((await world.stripe.v1.checkout.sessions.list_async()).data) == 1


async def test_the_order_of_parameters_does_not_matter(world: World) -> None:
    await post(world, "k1")
    _, _, headers = await post(world, "k1", "&".join(reversed(ENOUGH.split("&"))))

    assert headers["Idempotent-Replayed"] == "true"


async def test_the_same_key_with_other_parameters_is_an_error(world: World) -> None:
    await world.open_session(options={"idempotency_key": "k1"})

    with pytest.raises(stripe.IdempotencyError) as refusal:
        await world.open_session(submit_type="book", options={"idempotency_key": "k1"})

    assert refusal.value.http_status == 400
    assert str(refusal.value.user_message).startswith(
        "Keys for idempotent requests can only be used with the same parameters they were first "
        "used with. Try using a key other than 'k1'"
    )


async def test_the_same_key_on_another_endpoint_is_an_error(world: World) -> None:
    await world.open_session(options={"idempotency_key": "k1"})

    with pytest.raises(stripe.IdempotencyError):
        await world.stripe.v1.refunds.create_async({"charge": "ch_1"}, {"idempotency_key": "k1"})


async def test_a_refusal_after_execution_began_is_remembered(world: World) -> None:
    intent = await world.paid()
    too_much: Any = {"payment_intent": intent, "amount": 9000}
    for _ in range(2):
        with pytest.raises(stripe.InvalidRequestError) as refusal:
            await world.stripe.v1.refunds.create_async(too_much, {"idempotency_key": "k1"})

    assert refusal.value.headers["idempotent-replayed"] == "true"


async def test_a_refusal_of_the_parameters_is_not_remembered(world: World) -> None:
    with pytest.raises(stripe.InvalidRequestError):
        await world.open_session(locale="xx", options={"idempotency_key": "k1"})

    session = await world.open_session(options={"idempotency_key": "k1"})

    assert session.status == "open"


async def test_a_request_without_a_valid_key_is_not_remembered(world: World) -> None:
    status, _, _ = await world.raw(
        "POST", SESSIONS, ENOUGH, **{"Idempotency-Key": "k1", "Authorization": "Bearer no"}
    )
    again, _, headers = await post(world, "k1")

    assert (status, again) == (401, 200)
    assert "Idempotent-Replayed" not in headers


async def test_an_error_500_is_remembered(world: World) -> None:
    await world.control.post("/faults", kind="error", path=SESSIONS, times=1)

    first, body, _ = await post(world, "k1")
    again, same, headers = await post(world, "k1")
    other, _, _ = await post(world, "k2")

    assert (first, again, other) == (500, 500, 200)
    assert same == body
    assert headers["Idempotent-Replayed"] == "true"


async def test_a_key_is_forgotten_after_a_day(world: World) -> None:
    _, first, _ = await post(world, "k1")
    await world.control.advance(24 * 3600 - 60)
    _, within, _ = await post(world, "k1")
    await world.control.advance(120)
    _, after, headers = await post(world, "k1")

    assert within["id"] == first["id"]
    assert after["id"] != first["id"]
    assert "Idempotent-Replayed" not in headers


async def test_fifty_calls_at_once_with_one_key_make_one_session(world: World) -> None:
    answers = await asyncio.gather(*(post(world, "k1") for _ in range(50)))

    made = {body["id"] for status, body, _ in answers if status == 200}
    others = {body["error"]["code"] for status, body, _ in answers if status != 200}
    assert len(made) == 1
    assert others <= {"idempotency_key_in_use"}
    assert len((await world.stripe.v1.checkout.sessions.list_async()).data) == 1


async def test_a_key_that_is_in_flight_conflicts(world: World) -> None:
    await world.control.post("/faults", kind="slow", path=SESSIONS, delay_s=0.3, times=1)
    slow = asyncio.create_task(post(world, "k1"))
    await asyncio.sleep(0.1)

    status, body, headers = await post(world, "k1")

    assert (status, body["error"]["code"]) == (409, "idempotency_key_in_use")
    assert headers["Stripe-Should-Retry"] == "true"
    _, first, _ = await slow
    _, again, _ = await post(world, "k1")
    assert again["id"] == first["id"]


async def test_a_key_that_is_too_long_is_refused(world: World) -> None:
    status, body, _ = await post(world, "k" * 256)

    assert status == 400
    assert "Idempotency-Key" in body["error"]["message"]


async def test_keys_mean_nothing_when_reading(world: World) -> None:
    session = await world.open_session()
    path = f"{SESSIONS}/{session.id}"
    await world.raw("GET", path, **{"Idempotency-Key": "k1"})
    await world.control.pay(session.id)

    _, seen, headers = await world.raw("GET", path, **{"Idempotency-Key": "k1"})

    assert seen["status"] == "complete"
    assert "Idempotent-Replayed" not in headers


async def test_a_refund_repeated_with_its_key_moves_money_once(world: World) -> None:
    intent = await world.paid()
    params: Any = {"payment_intent": intent, "amount": 1000}

    refunds = [
        await world.stripe.v1.refunds.create_async(params, {"idempotency_key": "r1"})
        for _ in range(3)
    ]

    assert len({refund.id for refund in refunds}) == 1
    charge = await world.stripe.v1.charges.retrieve_async(str(refunds[0].charge))
    assert charge.amount_refunded == 1000
