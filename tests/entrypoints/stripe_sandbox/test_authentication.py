"""3-D Secure: the bank asks, and the answer decides."""

from pathlib import Path

import aiohttp
import pytest
import stripe
from aiohttp.test_utils import TestServer

from entrypoints.stripe_sandbox.app import create_sandbox
from tests.entrypoints.stripe_sandbox.conftest import Control, World, a_session, sdk, settings

ASKS = "4000000000003220"
ASKS_THEN_DECLINES = "4000008400001629"
STARTED = ["payment_intent.created", "payment_intent.requires_action"]
PAID = ["charge.succeeded", "payment_intent.succeeded", "checkout.session.completed"]
ASKING = [
    ASKS,
    ASKS_THEN_DECLINES,
    "4000002500003155",
    "4000002760003184",
    "4000008260003178",
    "pm_card_threeDSecure2Required",
]


async def intent(world: World, session_id: str) -> stripe.PaymentIntent:
    return await world.stripe.v1.payment_intents.retrieve_async(await world.intent_of(session_id))


async def answer(world: World, session_id: str, said: str) -> tuple[int, str]:
    url = f"{world.url}/c/pay/{session_id}/challenge"
    async with world.http.post(url, data={"answer": said}, allow_redirects=False) as got:
        return got.status, got.headers.get("Location", "")


@pytest.mark.parametrize("card", ASKING)
async def test_a_card_whose_bank_asks_takes_nothing_until_it_is_answered(
    world: World, card: str
) -> None:
    session = await world.open_session()

    outcome = await world.control.pay(session.id, card)

    url = f"{world.url}/c/pay/{session.id}/challenge"
    assert outcome == {
        "status": "open",
        "payment_status": "unpaid",
        "redirect_url": None,
        "next_action": {"type": "redirect_to_url", "url": url},
    }
    asked = await intent(world, session.id)
    assert (asked.status, asked.amount_received) == ("requires_action", 0)
    assert asked.next_action is not None
    assert asked.next_action.redirect_to_url is not None
    assert asked.next_action.redirect_to_url.url == url
    assert (await world.stripe.v1.charges.list_async()).data == []
    assert await world.event_types() == STARTED


async def test_an_authenticated_payment_succeeds_and_its_charge_says_so(world: World) -> None:
    session = await world.open_session()
    await world.control.pay(session.id, ASKS, email="ada@example.com", name="Ada")

    status, location = await answer(world, session.id, "complete")

    assert (status, location) == (303, f"http://shop.test/thanks?session={session.id}")
    paid = await world.stripe.v1.checkout.sessions.retrieve_async(session.id)
    assert (paid.status, paid.payment_status, paid.url) == ("complete", "paid", None)
    assert paid.customer_details is not None
    assert (paid.customer_details.email, paid.customer_details.name) == ("ada@example.com", "Ada")
    done = await intent(world, session.id)
    assert (done.status, done.next_action, done.amount_received) == ("succeeded", None, 4000)
    charge = (await world.stripe.v1.charges.list_async()).data[0]
    secured = charge.payment_method_details.card.three_d_secure
    assert (secured.result, secured.authentication_flow) == ("authenticated", "challenge")
    assert await world.event_types() == STARTED + PAID


async def test_each_event_carries_the_payment_as_it_was_then(world: World) -> None:
    session = await world.open_session()
    await world.control.pay(session.id, ASKS, authenticate="complete")

    events = await world.stripe.v1.events.list_async({"limit": 100})

    told = {event.type: event.data.object for event in events.data}
    assert told["payment_intent.created"]["status"] == "requires_payment_method"
    assert told["payment_intent.created"]["next_action"] is None
    assert told["payment_intent.requires_action"]["status"] == "requires_action"
    assert told["payment_intent.requires_action"]["next_action"]["type"] == "redirect_to_url"
    assert told["payment_intent.succeeded"]["next_action"] is None
    assert told["checkout.session.completed"]["payment_status"] == "paid"
    card = told["charge.succeeded"]["payment_method_details"]["card"]
    assert card["three_d_secure"]["result"] == "authenticated"


async def test_a_failed_authentication_charges_nobody_and_the_session_stays_open(
    world: World,
) -> None:
    session = await world.open_session()

    outcome = await world.control.pay(session.id, ASKS, authenticate="fail")

    assert (outcome["status"], outcome["payment_status"]) == ("open", "unpaid")
    assert outcome["code"] == "payment_intent_authentication_failure"
    failed = await intent(world, session.id)
    assert (failed.status, failed.next_action) == ("requires_payment_method", None)
    assert failed.last_payment_error is not None
    assert failed.last_payment_error.code == "payment_intent_authentication_failure"
    assert failed.latest_charge is None
    assert (await world.stripe.v1.charges.list_async()).data == []
    assert await world.event_types() == [*STARTED, "payment_intent.payment_failed"]


async def test_another_card_pays_the_same_intent_after_a_failed_authentication(
    world: World,
) -> None:
    session = await world.open_session()
    await world.control.pay(session.id, ASKS, authenticate="fail")
    first = await world.intent_of(session.id)

    outcome = await world.control.pay(session.id)

    assert outcome["payment_status"] == "paid"
    assert await world.intent_of(session.id) == first
    failed = ["payment_intent.payment_failed"]
    assert await world.event_types() == STARTED + failed + PAID


async def test_a_bank_may_authenticate_and_still_decline(world: World) -> None:
    session = await world.open_session()

    outcome = await world.control.pay(session.id, ASKS_THEN_DECLINES, authenticate="complete")

    assert (outcome["status"], outcome["decline_code"]) == ("open", "generic_decline")
    charge = (await world.stripe.v1.charges.list_async()).data[0]
    assert charge.status == "failed"
    assert charge.payment_method_details.card.three_d_secure.result == "authenticated"
    assert await world.event_types() == [
        *STARTED,
        "charge.failed",
        "payment_intent.payment_failed",
    ]


async def test_authentication_that_is_optional_is_not_asked_for(world: World) -> None:
    session = await world.open_session()

    outcome = await world.control.pay(session.id, "4000000000003055")

    assert outcome["payment_status"] == "paid"
    charge = (await world.stripe.v1.charges.list_async()).data[0]
    assert charge.payment_method_details.card.three_d_secure is None


async def test_a_challenge_is_answered_once(world: World) -> None:
    session = await world.open_session()
    await world.control.pay(session.id, ASKS)
    await answer(world, session.id, "fail")

    status, location = await answer(world, session.id, "complete")

    assert (status, location) == (303, f"/c/pay/{session.id}?refused=1")
    assert (await world.stripe.v1.charges.list_async()).data == []


async def test_a_challenge_is_void_once_another_card_was_tried(world: World) -> None:
    session = await world.open_session()
    await world.control.pay(session.id, ASKS)
    await world.control.pay(session.id, "4000000000000002")

    await answer(world, session.id, "complete")

    charges = (await world.stripe.v1.charges.list_async()).data
    assert [charge.status for charge in charges] == ["failed"]


async def test_a_challenge_answered_after_expiry_charges_nobody(world: World) -> None:
    session = await world.open_session()
    await world.control.pay(session.id, ASKS)
    await world.stripe.v1.checkout.sessions.expire_async(session.id)

    await answer(world, session.id, "complete")

    assert (await world.stripe.v1.charges.list_async()).data == []


async def test_what_was_tampered_with_stays_so_through_the_challenge(world: World) -> None:
    session = await world.open_session()
    await world.control.pay(session.id, ASKS, tamper={"amount": 100})

    await answer(world, session.id, "complete")

    assert (await intent(world, session.id)).amount_received == 100


async def test_an_answer_that_is_none_is_refused(world: World) -> None:
    session = await world.open_session()
    await world.control.pay(session.id, ASKS)

    status, _ = await answer(world, session.id, "perhaps")
    await world.control.post(f"/checkout/{session.id}/pay", expect=422, authenticate="perhaps")

    assert status == 400
    assert (await intent(world, session.id)).status == "requires_action"


def written(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.iterdir())


async def test_a_challenge_outlives_a_restart(http: aiohttp.ClientSession, tmp_path: Path) -> None:
    async with TestServer(create_sandbox(settings(state_dir=tmp_path))) as first:
        url = str(first.make_url("")).rstrip("/")
        client = stripe.AIOHTTPClient()
        session = await sdk(url, client).v1.checkout.sessions.create_async(a_session())
        await client.close_async()
        await Control(http, url).pay(session.id, ASKS)

    async with TestServer(create_sandbox(settings(state_dir=tmp_path))) as second:
        page = str(second.make_url(f"/c/pay/{session.id}/challenge"))
        async with http.post(page, data={"answer": "complete"}, allow_redirects=False) as got:
            assert got.headers["Location"] == f"http://shop.test/thanks?session={session.id}"
    assert ASKS.encode() not in written(tmp_path)
