"""Every test card, and a second card after the first was refused."""

from typing import Any

import pytest

from tests.entrypoints.stripe_sandbox.conftest import World

PAYS = [
    # number             brand         last four
    ("4242424242424242", "visa", "4242"),
    ("4242 4242 4242 4242", "visa", "4242"),
    ("5555555555554444", "mastercard", "4444"),
    ("378282246310005", "amex", "0005"),
    ("4000000000007726", "visa", "7726"),
    ("4000000000005126", "visa", "5126"),
    ("pm_card_mastercard", "mastercard", "4444"),
]
DECLINES = [
    # number             code               decline code              advice
    ("4000000000000002", "card_declined", "generic_decline", "try_again_later"),
    ("4000000000009995", "card_declined", "insufficient_funds", "try_again_later"),
    ("4000000000009987", "card_declined", "lost_card", "do_not_try_again"),
    ("4000000000009979", "card_declined", "stolen_card", "do_not_try_again"),
    ("4000000000006975", "card_declined", "card_velocity_exceeded", "try_again_later"),
    ("4000000000000069", "expired_card", "expired_card", "confirm_card_data"),
    ("4000000000000127", "incorrect_cvc", "incorrect_cvc", "confirm_card_data"),
    ("4000000000000119", "processing_error", "processing_error", "try_again_later"),
    ("4000000000000341", "card_declined", "generic_decline", "try_again_later"),
]
UNREADABLE = [
    ({"card": "4242424242424241"}, "incorrect_number"),
    ({"card": "not a card"}, "incorrect_number"),
    ({"card": "4111111111111111"}, "test_mode_live_card"),
    ({"exp_month": 13}, "invalid_expiry_month"),
    ({"exp_year": 2020}, "invalid_expiry_year"),
    ({"exp_year": 20}, "invalid_expiry_year"),
    ({"cvc": "12"}, "invalid_cvc"),
    ({"cvc": "1234"}, "invalid_cvc"),
]


@pytest.mark.parametrize(("number", "brand", "last4"), PAYS)
async def test_card_pays(world: World, number: str, brand: str, last4: str) -> None:
    session = await world.open_session()

    outcome = await world.control.pay(session.id, number)

    assert (outcome["status"], outcome["payment_status"]) == ("complete", "paid")
    charge = (await world.stripe.v1.charges.list_async()).data[0]
    card = charge.payment_method_details.card
    assert (card.brand, card.last4) == (brand, last4)
    assert (charge.status, charge.paid, charge.captured) == ("succeeded", True, True)
    assert (charge.outcome.type, charge.outcome.network_status) == (
        "authorized",
        "approved_by_network",
    )


@pytest.mark.parametrize(("number", "code", "decline_code", "advice_code"), DECLINES)
async def test_card_is_declined_and_the_session_stays_open(
    world: World, number: str, code: str, decline_code: str, advice_code: str
) -> None:
    session = await world.open_session()

    outcome = await world.control.pay(session.id, number)

    assert outcome["decline_code"] == decline_code
    assert (outcome["status"], outcome["payment_status"]) == ("open", "unpaid")
    assert outcome["redirect_url"] is None
    intent = await world.stripe.v1.payment_intents.retrieve_async(
        await world.intent_of(session.id), {"expand": ["latest_charge"]}
    )
    error = intent.last_payment_error
    assert (intent.status, intent.amount_received) == ("requires_payment_method", 0)
    assert (error.type, error.code, error.decline_code) == ("card_error", code, decline_code)
    assert (error.advice_code, error.charge) == (advice_code, intent.latest_charge.id)
    charge = intent.latest_charge
    assert (charge.status, charge.paid, charge.failure_code) == ("failed", False, code)
    assert (charge.outcome.type, charge.outcome.reason) == ("issuer_declined", decline_code)
    assert await world.event_types() == [
        "payment_intent.created",
        "charge.failed",
        "payment_intent.payment_failed",
    ]


@pytest.mark.parametrize(("typed", "code"), UNREADABLE)
async def test_card_that_cannot_be_read_attempts_no_payment(
    world: World, typed: dict[str, Any], code: str
) -> None:
    session = await world.open_session()

    outcome = await world.control.pay(session.id, **typed)

    assert (outcome["code"], outcome["status"]) == (code, "open")
    assert (await world.stripe.v1.payment_intents.list_async()).data == []
    assert await world.event_types() == []


async def test_a_second_card_pays_the_same_intent(world: World) -> None:
    session = await world.open_session()
    await world.control.pay(session.id, "4000000000000002")
    first = await world.intent_of(session.id)

    outcome = await world.control.pay(session.id, "4242424242424242")

    assert outcome["payment_status"] == "paid"
    assert await world.intent_of(session.id) == first
    intent = await world.stripe.v1.payment_intents.retrieve_async(first)
    assert (intent.status, intent.last_payment_error) == ("succeeded", None)
    charges = await world.stripe.v1.charges.list_async({"payment_intent": first})
    assert [charge.status for charge in charges.data] == ["succeeded", "failed"]
    assert await world.event_types() == [
        "payment_intent.created",
        "charge.failed",
        "payment_intent.payment_failed",
        "charge.succeeded",
        "payment_intent.succeeded",
        "checkout.session.completed",
    ]


async def test_a_full_number_is_nowhere_to_be_read_again(world: World) -> None:
    session = await world.open_session()
    await world.control.pay(session.id, "4000000000000002")
    await world.control.pay(session.id, "5555555555554444")

    seen = str(await world.control.get("/books")) + str(await world.control.get("/journal"))
    events = await world.stripe.v1.events.list_async({"limit": 100})

    assert "5555555555554444" not in seen + str(events)
    assert "4000000000000002" not in seen + str(events)
