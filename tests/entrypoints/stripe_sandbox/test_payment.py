"""The main road: a session is opened, paid, announced, settled and refunded."""

import pytest
import stripe

from tests.entrypoints.stripe_sandbox.conftest import World, a_session


async def test_a_paid_session_is_complete_and_its_intent_succeeded(world: World) -> None:
    session = await world.open_session(
        client_reference_id="job-1",
        metadata={"job_id": "job-1"},
        payment_intent_data={
            "metadata": {"job_id": "job-1"},
            "receipt_email": "ada@example.com",
            "statement_descriptor_suffix": "RENDER",
            "description": "One render",
        },
    )
    assert (session.status, session.payment_status) == ("open", "unpaid")
    assert session.payment_intent is None
    assert session.url == f"{world.url}/c/pay/{session.id}"

    outcome = await world.control.pay(session.id, email="ada@example.com", name="Ada")

    assert outcome == {
        "status": "complete",
        "payment_status": "paid",
        "redirect_url": f"http://shop.test/thanks?session={session.id}",
    }
    complete = await world.stripe.v1.checkout.sessions.retrieve_async(
        session.id, {"expand": ["payment_intent.latest_charge"]}
    )
    assert (complete.status, complete.payment_status, complete.url) == ("complete", "paid", None)
    assert complete.customer_details.email == "ada@example.com"
    intent = complete.payment_intent
    assert (intent.status, intent.amount_received, intent.currency) == ("succeeded", 4000, "usd")
    assert intent.metadata["job_id"] == "job-1"
    charge = intent.latest_charge
    assert charge.metadata["job_id"] == "job-1"
    assert charge.calculated_statement_descriptor == "STRIPE SANDBOX* RENDER"
    assert charge.description == "One render"
    assert charge.payment_method_details.card.last4 == "4242"
    assert charge.balance_transaction is None


async def test_the_session_keeps_its_own_metadata_apart_from_the_intents(world: World) -> None:
    session = await world.open_session(
        metadata={"on": "session"}, payment_intent_data={"metadata": {"on": "intent"}}
    )

    await world.control.pay(session.id)

    intent_id = await world.intent_of(session.id)
    intent = await world.stripe.v1.payment_intents.retrieve_async(intent_id)
    assert session.metadata.to_dict() == {"on": "session"}
    assert intent.metadata.to_dict() == {"on": "intent"}


async def test_a_payment_is_announced_in_stripes_order(world: World) -> None:
    session = await world.open_session()

    await world.control.pay(session.id)

    assert await world.event_types() == [
        "charge.succeeded",
        "payment_intent.succeeded",
        "payment_intent.created",
        "checkout.session.completed",
    ]


async def test_events_of_one_payment_share_the_intents_stem(world: World) -> None:
    intent = await world.paid()
    stem = intent.removeprefix("pi_")[:16]

    events = (await world.stripe.v1.events.list_async({"limit": 100})).data

    stems = {event.type: event.id.removeprefix("evt_")[:16] == stem for event in events}
    assert stems == {
        "charge.succeeded": True,
        "payment_intent.succeeded": True,
        "payment_intent.created": True,
        "checkout.session.completed": False,
        "charge.updated": True,
    }
    assert all(event.id.startswith(("evt_3", "evt_1")) for event in events)


async def test_the_fee_is_known_two_seconds_later_and_told_by_charge_updated(world: World) -> None:
    session = await world.open_session(line_items=a_session(10_000)["line_items"])
    await world.control.pay(session.id)
    intent = await world.intent_of(session.id)
    assert (await world.control.get("/books"))["payment_intents"][0]["fee"] is None

    await world.control.advance(3)

    expanded = await world.stripe.v1.payment_intents.retrieve_async(
        intent, {"expand": ["latest_charge.balance_transaction"]}
    )
    transaction = expanded.latest_charge.balance_transaction
    assert (transaction.amount, transaction.fee, transaction.net) == (10_000, 320, 9_680)
    assert (transaction.type, transaction.reporting_category) == ("charge", "charge")
    assert transaction.source == expanded.latest_charge.id
    events = await world.stripe.v1.events.list_async({"type": "charge.updated"})
    assert events.data[0].data.previous_attributes.to_dict() == {"balance_transaction": None}
    assert events.data[0].data.object.balance_transaction == transaction.id


async def test_money_becomes_available_after_two_days(world: World) -> None:
    intent = await world.paid()
    books = await world.control.get("/books")
    assert books["balances"] == {"usd": {"pending": 4000 - 146, "available": 0}}

    await world.control.advance(3 * 24 * 3600)

    books = await world.control.get("/books")
    assert books["balances"] == {"usd": {"pending": 0, "available": 4000 - 146}}
    assert books["payment_intents"][0]["payment_intent"] == intent


async def test_a_tampered_payment_captures_something_else_than_was_asked(world: World) -> None:
    session = await world.open_session()

    await world.control.pay(session.id, tamper={"amount": 50, "currency": "eur"})

    seen = await world.stripe.v1.checkout.sessions.retrieve_async(
        session.id, {"expand": ["payment_intent.latest_charge"]}
    )
    intent = seen.payment_intent
    assert (seen.amount_total, seen.currency, seen.payment_status) == (4000, "usd", "paid")
    assert (intent.amount, intent.amount_received, intent.currency) == (50, 50, "eur")
    assert (intent.latest_charge.amount_captured, intent.latest_charge.currency) == (50, "eur")


async def test_a_session_expires_by_the_clock(world: World) -> None:
    session = await world.open_session()

    await world.control.advance(24 * 3600 + 1)

    expired = await world.stripe.v1.checkout.sessions.retrieve_async(session.id)
    assert (expired.status, expired.payment_status, expired.url) == ("expired", "unpaid", None)
    assert await world.event_types() == ["checkout.session.expired"]


async def test_a_session_expires_when_asked_to_and_says_who_asked(world: World) -> None:
    session = await world.open_session()

    expired = await world.stripe.v1.checkout.sessions.expire_async(
        session.id, options={"idempotency_key": "expire-1"}
    )

    assert (expired.status, expired.url) == ("expired", None)
    event = (await world.stripe.v1.events.list_async()).data[0]
    assert event.type == "checkout.session.expired"
    assert event.request.id == expired.last_response.request_id
    assert event.request.idempotency_key == "expire-1"


@pytest.mark.parametrize("ended", ["paid", "expired"])
async def test_a_session_that_is_not_open_cannot_expire(world: World, ended: str) -> None:
    session = await world.open_session()
    if ended == "paid":
        await world.control.pay(session.id)
    else:
        await world.stripe.v1.checkout.sessions.expire_async(session.id)

    with pytest.raises(stripe.InvalidRequestError) as refusal:
        await world.stripe.v1.checkout.sessions.expire_async(session.id)

    status = "complete" if ended == "paid" else "expired"
    assert refusal.value.http_status == 400
    assert f"has a status of `{status}`" in str(refusal.value)


async def test_an_expired_session_cannot_be_paid(world: World) -> None:
    session = await world.open_session()
    await world.control.advance(24 * 3600 + 1)

    outcome = await world.control.pay(session.id)

    assert (outcome["status"], outcome["payment_status"]) == ("expired", "unpaid")
    assert outcome["redirect_url"] is None
    assert (await world.control.get("/books"))["payment_intents"] == []


async def test_a_bank_may_capture_after_the_session_had_expired(world: World) -> None:
    session = await world.open_session()
    await world.control.advance(24 * 3600 + 1)

    outcome = await world.control.pay(session.id, late=True)

    assert (outcome["status"], outcome["payment_status"]) == ("complete", "paid")
    assert await world.event_types() == [
        "checkout.session.expired",
        "charge.succeeded",
        "payment_intent.succeeded",
        "payment_intent.created",
        "checkout.session.completed",
    ]


async def test_a_session_is_paid_only_once(world: World) -> None:
    session = await world.open_session()
    await world.control.pay(session.id)

    again = await world.control.pay(session.id)

    assert (again["status"], again["payment_status"]) == ("complete", "paid")
    assert len((await world.stripe.v1.charges.list_async()).data) == 1


async def test_going_back_changes_nothing(world: World) -> None:
    session = await world.open_session()

    left = await world.control.post(f"/checkout/{session.id}/abandon")

    assert left == {"redirect_url": "http://shop.test/cart"}
    seen = await world.stripe.v1.checkout.sessions.retrieve_async(session.id)
    assert seen.status == "open"


async def test_the_lines_of_a_session_are_listed_in_the_order_given(world: World) -> None:
    lines = [
        a_session(100)["line_items"][0] | {"quantity": 3, "metadata": {"n": "1"}},
        a_session(250)["line_items"][0],
    ]
    session = await world.open_session(line_items=lines)

    listed = await world.stripe.v1.checkout.sessions.line_items.list_async(session.id)

    assert [(item.quantity, item.amount_total) for item in listed.data] == [(3, 300), (1, 250)]
    assert listed.data[0].price.unit_amount == 100
    assert listed.data[0].description == "Render"
    assert session.amount_total == 550
    expanded = await world.stripe.v1.checkout.sessions.retrieve_async(
        session.id, {"expand": ["line_items"]}
    )
    assert [item.id for item in expanded.line_items.data] == [item.id for item in listed.data]


async def test_metadata_of_a_session_can_be_changed_and_unset(world: World) -> None:
    session = await world.open_session(metadata={"keep": "1", "drop": "2"})
    sessions = world.stripe.v1.checkout.sessions

    changed = await sessions.update_async(session.id, {"metadata": {"drop": "", "new": "3"}})
    cleared = await sessions.update_async(session.id, {"metadata": ""})

    assert changed.metadata.to_dict() == {"keep": "1", "new": "3"}
    assert cleared.metadata.to_dict() == {}
