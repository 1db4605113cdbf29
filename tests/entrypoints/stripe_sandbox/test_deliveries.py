"""Events on their way: signed, retried, and misbehaving when told to."""

import asyncio
import json
import time
from typing import Any

import aiohttp
import pytest
import stripe

from entrypoints.stripe_sandbox.app import create_sandbox
from tests.entrypoints.stripe_sandbox.conftest import (
    SECRET,
    Control,
    Shop,
    StartServer,
    World,
    settings,
    until,
)

FOUR = (
    "charge.succeeded",
    "payment_intent.succeeded",
    "payment_intent.created",
    "checkout.session.completed",
)


async def test_a_payment_reaches_the_shop_signed(world: World) -> None:
    session = await world.open_session(client_reference_id="job-1")
    await world.control.pay(session.id)

    await world.shop.has(*FOUR)

    body, headers = world.shop.received[0]
    assert headers["User-Agent"] == "Stripe/1.0 (+https://stripe.com/docs/webhooks)"
    assert headers["Content-Type"] == "application/json; charset=utf-8"
    assert json.loads(body)["object"] == "event"
    completed = next(each for each in world.shop.events if each.type == FOUR[3])
    assert completed.data.object.client_reference_id == "job-1"
    assert completed.api_version == "2026-10-28.endive"
    assert (completed.livemode, completed.pending_webhooks) == (False, 1)
    assert completed.request.to_dict() == {"id": None, "idempotency_key": None}
    assert "line_items" not in completed.data.object.to_dict()


async def test_the_fee_arrives_by_webhook_by_itself(world: World) -> None:
    session = await world.open_session()
    await world.control.pay(session.id)

    await world.control.advance(2)
    await world.shop.has("charge.updated")

    updated = next(each for each in world.shop.events if each.type == "charge.updated")
    assert updated.data.object.balance_transaction.startswith("txn_3")


async def test_signatures_carry_wall_time_whatever_the_clock_says(world: World) -> None:
    await world.control.advance(30 * 24 * 3600)
    session = await world.open_session()
    await world.control.pay(session.id)

    await world.shop.has(*FOUR)

    signature = world.shop.received[0][1]["Stripe-Signature"]
    signed_at = int(signature.split(",")[0].removeprefix("t="))
    assert abs(signed_at - time.time()) < 5
    assert abs(world.shop.events[0].created - 30 * 24 * 3600 - time.time()) < 5


async def test_while_a_secret_is_rotated_there_is_a_signature_for_each(
    aiohttp_server: StartServer, shop: Shop, http: aiohttp.ClientSession
) -> None:
    both = (SECRET, "whsec_previous")
    app = create_sandbox(settings(webhook_url=shop.url, webhook_secrets=both))
    server = await aiohttp_server(app)
    control = Control(http, str(server.make_url("")).rstrip("/"))
    await control.post("/events", type="a.b", object={"id": "x", "object": "y"})
    await until(lambda: bool(shop.received))

    body, headers = shop.received[0]
    for secret in both:
        assert stripe.Webhook.construct_event(body, headers["Stripe-Signature"], secret).type
    assert headers["Stripe-Signature"].count("v1=") == 2


async def test_what_is_not_taken_is_tried_again_with_a_fresh_signature(world: World) -> None:
    world.shop.answers = [500, 302]
    event = await make_event(world)
    await until(lambda: len(world.shop.received) == 1)
    await attempted(world, event, 1)
    assert (await world.stripe.v1.events.retrieve_async(event)).pending_webhooks == 1

    await world.control.advance(6)
    await attempted(world, event, 2)
    await world.control.advance(31)
    await attempted(world, event, 3)

    lines = await attempts(world, event)
    assert [line["status"] for line in lines] == [500, 302, 200]
    assert [line["attempt"] for line in lines] == [1, 2, 3]
    assert [line["state"] for line in lines] == ["pending", "pending", "succeeded"]
    assert lines[0]["next_attempt_at"] is not None
    assert lines[2]["next_attempt_at"] is None
    assert (await world.stripe.v1.events.retrieve_async(event)).pending_webhooks == 0


async def test_the_schedule_ends_and_the_event_stays_undelivered(world: World) -> None:
    world.shop.answers = [500, 500, 500]
    event = await make_event(world)
    for number in (1, 2, 3):
        await attempted(world, event, number)
        await world.control.advance(60)

    listed = await world.stripe.v1.events.list_async({"delivery_success": False})

    assert [each.id for each in listed.data] == [event]
    assert (await attempts(world, event))[-1]["state"] == "failed"
    assert (await world.control.get("/deliveries"))["pending"] == []


async def test_a_shop_that_is_down_is_an_attempt_too(world: World) -> None:
    endpoint = await world.stripe.v1.webhook_endpoints.create_async(
        {"url": "http://127.0.0.1:1/nobody", "enabled_events": ["a.b"]}
    )
    event = await make_event(world)
    await attempted(world, event, 2)

    line = next(each for each in await attempts(world, event) if each["endpoint"] == endpoint.id)
    assert line["status"] is None
    assert "ClientConnectorError" in line["error"]


async def test_an_event_can_be_sent_again_by_hand(world: World) -> None:
    event = await make_event(world)
    await attempted(world, event, 1)

    await world.control.post(f"/events/{event}/resend")

    await attempted(world, event, 2)
    assert [each.id for each in world.shop.events] == [event, event]


async def test_duplicates_are_deliveries_per_event(world: World) -> None:
    await world.control.post("/webhooks", duplicate=3)

    event = await make_event(world)

    await attempted(world, event, 3)
    assert [each.id for each in world.shop.events] == [event] * 3


async def test_what_is_dropped_never_arrives_but_can_be_listed(world: World) -> None:
    await world.control.post("/webhooks", drop=1)
    event = await make_event(world)
    await attempted(world, event, 1)
    await world.control.advance(3600)

    assert world.shop.received == []
    assert (await attempts(world, event))[0]["state"] == "dropped"
    assert (await world.stripe.v1.events.retrieve_async(event)).id == event

    await world.control.post(f"/events/{event}/resend")
    await until(lambda: len(world.shop.received) == 1)


async def test_a_pause_holds_everything_until_it_ends(world: World) -> None:
    await world.control.post("/webhooks", pause=True)
    session = await world.open_session()
    await world.control.pay(session.id)
    await asyncio.sleep(0.1)
    assert world.shop.received == []

    await world.control.post("/webhooks", pause=False)

    await world.shop.has(*FOUR)


async def test_a_bad_signature_is_bad(world: World) -> None:
    await world.control.post("/webhooks", bad_signature=True)

    await make_event(world)

    await until(lambda: world.shop.unverified == 1)


async def test_a_delay_is_on_the_sandboxs_clock(world: World) -> None:
    await world.control.post("/webhooks", delay_s=600)
    event = await make_event(world)
    await asyncio.sleep(0.1)
    assert world.shop.received == []

    await world.control.advance(601)

    await attempted(world, event, 1)


async def test_reordered_deliveries_arrive_in_another_order(world: World) -> None:
    await world.control.post("/webhooks", reorder=True, reorder_window_s=0.3, seed=1)
    session = await world.open_session()
    await world.control.pay(session.id)

    await world.shop.has(*FOUR)

    assert tuple(world.shop.types) != FOUR


async def test_before_response_delivers_before_the_call_is_answered(world: World) -> None:
    intent = await world.paid()
    await world.shop.has("charge.updated")
    await world.control.post("/webhooks", before_response=True)

    await world.stripe.v1.refunds.create_async({"payment_intent": intent})

    assert "refund.created" in world.shop.types
    session = await world.open_session()
    await world.control.pay(session.id)
    assert world.shop.types.count("checkout.session.completed") == 2


async def test_the_dial_merges_and_null_is_back_to_normal(world: World) -> None:
    await world.control.post("/webhooks", drop=0.5, duplicate=2)
    merged = await world.control.post("/webhooks", delay_s=3)
    normal = await world.control.post("/webhooks", drop=None, duplicate=None, delay_s=None)

    assert (merged["drop"], merged["duplicate"], merged["delay_s"]) == (0.5, 2, 3)
    assert (normal["drop"], normal["duplicate"], normal["delay_s"]) == (0.0, 1, 0.0)


@pytest.mark.parametrize("turn", [{"drop": 2}, {"duplicate": 0}, {"wat": 1}, {"pause": "yes"}])
async def test_a_turn_that_makes_no_sense_is_refused(world: World, turn: dict[str, Any]) -> None:
    await world.control.post("/webhooks", expect=422, **turn)


async def test_endpoints_get_what_they_asked_for_in_their_version(
    world: World, aiohttp_server: StartServer
) -> None:
    made = await world.stripe.v1.webhook_endpoints.create_async(
        {
            "url": world.shop.url,
            "enabled_events": ["charge.succeeded"],
            "api_version": "2026-08-26.dahlia",
        }
    )
    session = await world.open_session()
    await world.control.pay(session.id)
    await until(lambda: len(world.shop.received) == 5)

    theirs = [
        (body, headers["Stripe-Signature"])
        for body, headers in world.shop.received
        if json.loads(body)["api_version"] == "2026-08-26.dahlia"
    ]
    assert len(theirs) == 1
    event = stripe.Webhook.construct_event(*theirs[0], made.secret)
    assert event.type == "charge.succeeded"


async def test_an_endpoint_shows_its_secret_once_and_ends_when_deleted(world: World) -> None:
    endpoints = world.stripe.v1.webhook_endpoints
    made = await endpoints.create_async(
        {"url": world.shop.url, "enabled_events": ["*"], "metadata": {"a": "1"}}
    )
    seen = await endpoints.retrieve_async(made.id)
    disabled = await endpoints.update_async(made.id, {"disabled": True})
    listed = await endpoints.list_async()
    gone = await endpoints.delete_async(made.id)

    assert made.secret.startswith("whsec_")
    assert "secret" not in seen.to_dict()
    assert (seen.status, disabled.status, seen.metadata["a"]) == ("enabled", "disabled", "1")
    assert listed.data[0].id == made.id
    assert gone.deleted
    with pytest.raises(stripe.InvalidRequestError):
        await endpoints.retrieve_async(made.id)


async def test_events_of_another_mode_account_and_version_can_be_made(world: World) -> None:
    made = await world.control.post(
        "/events",
        type="charge.succeeded",
        object={"id": "ch_live", "object": "charge"},
        livemode=True,
        account="acct_other",
        api_version="2024-04-10",
    )

    await until(lambda: bool(world.shop.received))

    event = world.shop.events[0]
    assert (event.id, event.livemode, event.account) == (made["id"], True, "acct_other")
    assert (event.api_version, event.data.object.id) == ("2024-04-10", "ch_live")


async def make_event(world: World) -> str:
    made = await world.control.post(
        "/events", type="a.b", object={"id": "thing_1", "object": "thing"}
    )
    return str(made["id"])


async def attempts(world: World, event: str) -> list[dict[str, Any]]:
    listed = await world.control.get(f"/deliveries?event={event}")
    lines: list[dict[str, Any]] = listed["deliveries"]
    return lines


async def attempted(world: World, event: str, times: int) -> None:
    deadline = time.monotonic() + 4
    while len(await attempts(world, event)) < times:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)
