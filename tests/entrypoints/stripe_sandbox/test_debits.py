"""A bank debit: complete at once, paid days later or never."""

from typing import Any

import pytest

from tests.entrypoints.stripe_sandbox.conftest import World

DAY_S = 24 * 3600
FAILING_IBAN = "DE62370400440532013001"
SUBMITTED = [
    "payment_intent.created",
    "payment_intent.processing",
    "charge.pending",
    "checkout.session.completed",
]
CAME = [
    "payment_intent.succeeded",
    "charge.succeeded",
    "checkout.session.async_payment_succeeded",
]
FAILED = [
    "payment_intent.payment_failed",
    "charge.failed",
    "checkout.session.async_payment_failed",
]
BOTH = ["card", "sepa_debit"]


async def debited(world: World, **more: Any) -> tuple[str, str]:
    """The ids of a session and of its PaymentIntent."""
    session = await world.open_session(allowed_payment_method_types=BOTH)
    outcome = await world.control.pay(session.id, method="sepa_debit", **more)
    assert outcome == {
        "status": "complete",
        "payment_status": "unpaid",
        "redirect_url": f"http://shop.test/thanks?session={session.id}",
    }
    return session.id, await world.intent_of(session.id)


async def states(world: World, session_id: str, intent_id: str) -> tuple[str, str | None, str]:
    """Of the session's payment, the intent and the charge."""
    session = await world.stripe.v1.checkout.sessions.retrieve_async(session_id)
    intent = await world.stripe.v1.payment_intents.retrieve_async(
        intent_id, {"expand": ["latest_charge"]}
    )
    assert session.status == "complete"
    return session.payment_status, intent.status, intent.latest_charge.status


async def test_a_debit_completes_the_session_and_pays_nothing_yet(world: World) -> None:
    session_id, intent_id = await debited(world)

    assert await states(world, session_id, intent_id) == ("unpaid", "processing", "pending")
    charge = (await world.stripe.v1.charges.list_async()).data[0]
    assert charge.id.startswith("py_")
    assert (charge.paid, charge.balance_transaction) == (False, None)
    assert charge.payment_method_details.type == "sepa_debit"
    assert charge.payment_method_details.sepa_debit.last4 == "3000"
    assert await world.event_types() == SUBMITTED


async def test_the_money_comes_by_itself_after_some_days(world: World) -> None:
    session_id, intent_id = await debited(world)
    await world.control.advance(2 * DAY_S)
    before = await states(world, session_id, intent_id)

    await world.control.advance(DAY_S)
    await world.control.advance(3)

    assert before == ("unpaid", "processing", "pending")
    assert await states(world, session_id, intent_id) == ("paid", "succeeded", "succeeded")
    assert await world.event_types() == [*SUBMITTED, *CAME, "charge.updated"]
    books = (await world.control.get("/books"))["payment_intents"][0]
    assert (books["captured"], books["fee"], books["net"]) == (4000, 146, 3854)


async def test_the_debit_of_the_failing_account_fails_by_itself(world: World) -> None:
    session_id, intent_id = await debited(world, iban="de62 3704 0044 0532 0130 01")

    await world.control.advance(3 * DAY_S)

    assert await states(world, session_id, intent_id) == (
        "unpaid",
        "requires_payment_method",
        "failed",
    )
    assert await world.event_types() == SUBMITTED + FAILED


async def test_a_debit_is_settled_by_hand_and_then_done(world: World) -> None:
    session_id, intent_id = await debited(world, iban=FAILING_IBAN)

    settled = await world.control.post(f"/payment_intents/{intent_id}/settle")
    await world.control.post(f"/payment_intents/{intent_id}/settle", expect=422)
    await world.control.post(f"/payment_intents/{intent_id}/fail", expect=422)
    await world.control.advance(4 * DAY_S)

    assert (settled["status"], settled["amount_received"]) == ("succeeded", 4000)
    assert await states(world, session_id, intent_id) == ("paid", "succeeded", "succeeded")
    assert await world.event_types() == [*SUBMITTED, *CAME, "charge.updated"]


async def test_a_debit_is_failed_by_hand_for_a_reason(world: World) -> None:
    session_id, intent_id = await debited(world)
    path = f"/payment_intents/{intent_id}/fail"

    await world.control.post(path, expect=422, failure_code="bad_mood")
    failed = await world.control.post(path, failure_code="account_closed")
    await world.control.advance(4 * DAY_S)

    assert failed["last_payment_error"]["code"] == "account_closed"
    assert failed["last_payment_error"]["payment_method"]["type"] == "sepa_debit"
    assert await states(world, session_id, intent_id) == (
        "unpaid",
        "requires_payment_method",
        "failed",
    )
    assert await world.event_types() == SUBMITTED + FAILED
    books = (await world.control.get("/books"))["payment_intents"][0]
    assert (books["captured"], books["charge"], books["net"]) == (0, None, 0)


async def test_each_event_carries_the_payment_as_it_was_then(world: World) -> None:
    _, intent_id = await debited(world)
    await world.control.post(f"/payment_intents/{intent_id}/settle")

    events = await world.stripe.v1.events.list_async({"limit": 100})

    told = {event.type: event.data.object for event in events.data}
    assert told["payment_intent.processing"]["amount_received"] == 0
    assert told["charge.pending"]["status"] == "pending"
    assert told["checkout.session.completed"]["payment_status"] == "unpaid"
    assert told["charge.succeeded"]["paid"] is True
    assert told["charge.succeeded"]["id"] == told["charge.pending"]["id"]
    assert told["payment_intent.succeeded"]["amount_received"] == 4000
    assert told["checkout.session.async_payment_succeeded"]["payment_status"] == "paid"


async def test_a_debit_under_way_cannot_be_refunded_and_a_settled_one_can(world: World) -> None:
    _, intent_id = await debited(world)
    status, refusal, _ = await world.raw("POST", "/v1/refunds", f"payment_intent={intent_id}")
    await world.control.post(f"/payment_intents/{intent_id}/settle")

    refund = await world.stripe.v1.refunds.create_async({"payment_intent": intent_id})

    assert (status, refusal["error"]["type"]) == (400, "invalid_request_error")
    assert (refund.status, refund.amount) == ("succeeded", 4000)


ALLOWED = [
    # allowed                     excluded         taken
    (None, None, ["card", "sepa_debit"]),
    (["card"], None, ["card"]),
    (["sepa_debit"], None, ["sepa_debit"]),
    (["sepa_debit", "klarna"], None, ["sepa_debit"]),
    (None, ["sepa_debit"], ["card"]),
]


@pytest.mark.parametrize(("allowed", "excluded", "taken"), ALLOWED)
async def test_a_session_takes_the_methods_it_allows_and_no_others(
    world: World, allowed: list[str] | None, excluded: list[str] | None, taken: list[str]
) -> None:
    limits = {"allowed_payment_method_types": allowed, "excluded_payment_method_types": excluded}
    session = await world.open_session(**limits)

    async with world.http.get(f"{world.url}/c/pay/{session.id}") as answer:
        text = await answer.text()

    assert session.payment_method_types == taken
    assert ("Bank debit" in text) is (len(taken) == 2)
    for method in {"card", "sepa_debit"} - set(taken):
        await world.control.post(f"/checkout/{session.id}/pay", expect=422, method=method)


async def test_a_form_made_by_hand_pays_by_no_method_the_session_refuses(world: World) -> None:
    session = await world.open_session(allowed_payment_method_types=["card"])
    form = {"email": "a@b.test", "name": "Ada", "method": "sepa_debit", "iban": FAILING_IBAN}

    async with world.http.post(f"{world.url}/c/pay/{session.id}", data=form) as answer:
        text = await answer.text()

    assert (answer.status, "not available" in text) == (402, True)
    assert await world.event_types() == []


async def test_an_iban_that_is_empty_is_told(world: World) -> None:
    session = await world.open_session(allowed_payment_method_types=BOTH)
    form = {"email": "a@b.test", "name": "Ada", "method": "sepa_debit", "iban": " "}

    async with world.http.post(f"{world.url}/c/pay/{session.id}", data=form) as answer:
        text = await answer.text()

    assert (answer.status, "Your IBAN is incomplete." in text) == (402, True)
    assert 'value="sepa_debit"' in text
