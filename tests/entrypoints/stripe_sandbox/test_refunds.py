"""Refunds: partial and whole, refused, slow, and broken after they had gone through."""

from typing import Any

import pytest
import stripe

from tests.entrypoints.stripe_sandbox.conftest import World

ABSENT = ("description", "failure_reason", "instructions_email", "next_action", "pending_reason")


async def test_a_refund_without_amount_returns_all(world: World) -> None:
    intent = await world.paid()

    refund = await world.stripe.v1.refunds.create_async(
        {
            "payment_intent": intent,
            "reason": "requested_by_customer",
            "metadata": {"refund_id": "r-1"},
        }
    )

    assert (refund.status, refund.amount, refund.currency) == ("succeeded", 4000, "usd")
    assert (refund.payment_intent, refund.reason) == (intent, "requested_by_customer")
    assert refund.metadata["refund_id"] == "r-1"
    assert refund.destination_details.card.type == "refund"
    assert not [name for name in ABSENT if name in refund.to_dict()]
    charge = await world.stripe.v1.charges.retrieve_async(refund.charge, {"expand": ["refunds"]})
    assert (charge.amount_refunded, charge.refunded) == (4000, True)
    assert [each.id for each in charge.refunds.data] == [refund.id]
    transaction = await world.stripe.v1.balance_transactions.retrieve_async(
        refund.balance_transaction
    )
    assert (transaction.type, transaction.amount, transaction.fee) == ("refund", -4000, 0)
    assert transaction.description == "REFUND FOR CHARGE"


async def test_a_refund_is_announced_in_stripes_order_with_the_request_that_made_it(
    world: World,
) -> None:
    intent = await world.paid()
    before = len(await world.event_types())

    refund = await world.stripe.v1.refunds.create_async(
        {"payment_intent": intent}, {"idempotency_key": "refund-1"}
    )

    assert (await world.event_types())[before:] == [
        "refund.created",
        "charge.refunded",
        "refund.updated",
        "charge.refund.updated",
    ]
    newest = (await world.stripe.v1.events.list_async({"limit": 4})).data
    assert {event.request.idempotency_key for event in newest} == {"refund-1"}
    assert {event.request.id for event in newest} == {refund.last_response.request_id}


async def test_partial_refunds_add_up_to_the_whole(world: World) -> None:
    intent = await world.paid()
    refunds = world.stripe.v1.refunds

    first = await refunds.create_async({"payment_intent": intent, "amount": 1000})
    partly = await world.stripe.v1.charges.retrieve_async(first.charge)
    await refunds.create_async({"charge": first.charge, "amount": 3000})
    wholly = await world.stripe.v1.charges.retrieve_async(first.charge)

    assert (partly.amount_refunded, partly.refunded) == (1000, False)
    assert (wholly.amount_refunded, wholly.refunded) == (4000, True)
    listed = await refunds.list_async({"payment_intent": intent})
    assert [refund.amount for refund in listed.data] == [3000, 1000]


async def test_more_than_is_left_is_refused(world: World) -> None:
    intent = await world.paid()
    await world.stripe.v1.refunds.create_async({"payment_intent": intent, "amount": 1000})

    with pytest.raises(stripe.InvalidRequestError) as refusal:
        await world.stripe.v1.refunds.create_async({"payment_intent": intent, "amount": 4000})

    assert (refusal.value.param, refusal.value.code) == ("amount", None)
    assert refusal.value.user_message == (
        "Refund amount ($40.00) is greater than unrefunded amount on charge ($30.00)"
    )


REFUSED = [
    # params                                        status  code                         param
    ({}, 400, None, None),
    ({"payment_intent": "INTENT", "amount": 0}, 400, "parameter_invalid_integer", "amount"),
    ({"payment_intent": "INTENT", "amount": -5}, 400, "parameter_invalid_integer", "amount"),
    ({"charge": "ch_unknown"}, 404, "resource_missing", "id"),
    ({"payment_intent": "pi_unknown"}, 404, "resource_missing", "intent"),
    ({"payment_intent": "INTENT", "reason": "whim"}, 400, None, "reason"),
    ({"payment_intent": "INTENT", "wat": "1"}, 400, "parameter_unknown", "wat"),
    ({"payment_intent": "INTENT", "charge": "ch_1"}, 400, "parameters_exclusive", None),
]


@pytest.mark.parametrize(("params", "status", "code", "param"), REFUSED)
async def test_a_refund_that_makes_no_sense_is_refused(
    world: World, params: dict[str, Any], status: int, code: str | None, param: str | None
) -> None:
    intent = await world.paid()
    sent: Any = {name: intent if value == "INTENT" else value for name, value in params.items()}

    with pytest.raises(stripe.InvalidRequestError) as refusal:
        await world.stripe.v1.refunds.create_async(sent)

    error = refusal.value
    assert (error.http_status, error.code, error.param) == (status, code, param)
    assert (await world.stripe.v1.refunds.list_async()).data == []


async def test_what_was_refunded_already_is_refused(world: World) -> None:
    intent = await world.paid()
    refund = await world.stripe.v1.refunds.create_async({"payment_intent": intent})

    with pytest.raises(stripe.InvalidRequestError) as refusal:
        await world.stripe.v1.refunds.create_async({"payment_intent": intent})

    assert refusal.value.code == "charge_already_refunded"
    assert refusal.value.user_message == f"Charge {refund.charge} has already been refunded."


async def test_an_intent_without_a_successful_charge_cannot_be_refunded(world: World) -> None:
    session = await world.open_session()
    await world.control.pay(session.id, "4000000000000002")
    intent = await world.intent_of(session.id)

    with pytest.raises(stripe.InvalidRequestError, match="does not have a successful charge"):
        await world.stripe.v1.refunds.create_async({"payment_intent": intent})


async def test_a_slow_refund_waits_and_then_goes_through(world: World) -> None:
    intent = await world.paid("4000000000007726")
    before = len(await world.event_types())

    refund = await world.stripe.v1.refunds.create_async({"payment_intent": intent})
    waiting = await world.stripe.v1.charges.retrieve_async(refund.charge)
    await world.control.advance(11)
    gone = await world.stripe.v1.refunds.retrieve_async(refund.id)
    refunded = await world.stripe.v1.charges.retrieve_async(refund.charge)

    assert (refund.status, refund.pending_reason) == ("pending", "processing")
    assert (refund.balance_transaction, waiting.amount_refunded) == (None, 0)
    assert (gone.status, refunded.amount_refunded) == ("succeeded", 4000)
    assert gone.balance_transaction is not None
    assert "pending_reason" not in gone.to_dict()
    assert (await world.event_types())[before:] == [
        "refund.created",
        "charge.refunded",
        "refund.updated",
        "charge.refund.updated",
    ]


async def test_a_refund_under_way_holds_its_part_of_the_charge(world: World) -> None:
    intent = await world.paid("4000000000007726")
    await world.stripe.v1.refunds.create_async({"payment_intent": intent, "amount": 3000})

    with pytest.raises(
        stripe.InvalidRequestError, match=r"unrefunded amount on charge \(\$10.00\)"
    ):
        await world.stripe.v1.refunds.create_async({"payment_intent": intent, "amount": 2000})


async def test_a_refund_that_succeeded_fails_later_and_the_money_is_back(world: World) -> None:
    intent = await world.paid("4000000000005126")
    refund = await world.stripe.v1.refunds.create_async({"payment_intent": intent})
    before = len(await world.event_types())

    await world.control.advance(11)

    failed = await world.stripe.v1.refunds.retrieve_async(
        refund.id, {"expand": ["failure_balance_transaction"]}
    )
    charge = await world.stripe.v1.charges.retrieve_async(refund.charge)
    assert refund.status == "succeeded"
    assert (failed.status, failed.failure_reason) == ("failed", "expired_or_canceled_card")
    returned = failed.failure_balance_transaction
    assert (returned.type, returned.amount) == ("refund_failure", 4000)
    assert (charge.amount_refunded, charge.refunded) == (0, False)
    assert (await world.event_types())[before:] == [
        "refund.failed",
        "refund.updated",
        "charge.refund.updated",
    ]


async def test_a_refund_can_be_broken_by_hand_after_it_had_succeeded_and_made_again(
    world: World,
) -> None:
    intent = await world.paid()
    refund = await world.stripe.v1.refunds.create_async({"payment_intent": intent})

    await world.control.post(f"/refunds/{refund.id}/fail", failure_reason="lost_or_stolen_card")
    again = await world.stripe.v1.refunds.create_async({"payment_intent": intent})

    books = (await world.control.get("/books"))["payment_intents"][0]
    assert (books["captured"], books["refunded"], books["fee"]) == (4000, 4000, 146)
    assert books["net"] == -146
    assert books["refunds"]["failed"] == {"count": 1, "amount": 4000, "ids": [refund.id]}
    assert books["refunds"]["succeeded"]["ids"] == [again.id]


async def test_a_waiting_refund_is_finished_by_hand_once(world: World) -> None:
    intent = await world.paid("4000000000007726")
    refund = await world.stripe.v1.refunds.create_async({"payment_intent": intent})

    finished = await world.control.post(f"/refunds/{refund.id}/succeed")
    refused = await world.control.post(f"/refunds/{refund.id}/succeed", expect=422)

    assert finished["status"] == "succeeded"
    assert "only a pending one" in refused["error"]["message"]


async def test_a_waiting_refund_that_fails_never_moved_money(world: World) -> None:
    intent = await world.paid("4000000000007726")
    refund = await world.stripe.v1.refunds.create_async({"payment_intent": intent})

    failed = await world.control.post(f"/refunds/{refund.id}/fail", failure_reason="declined")

    assert (failed["status"], failed["failure_reason"]) == ("failed", "declined")
    assert "failure_balance_transaction" not in failed
    await world.control.advance(60)
    assert (await world.stripe.v1.refunds.retrieve_async(refund.id)).status == "failed"


async def test_refunds_wait_while_the_balance_is_short(world: World) -> None:
    intent = await world.paid()
    await world.control.post("/balance", short=True)

    refund = await world.stripe.v1.refunds.create_async({"payment_intent": intent})
    await world.control.advance(24 * 3600)
    waiting = await world.stripe.v1.refunds.retrieve_async(refund.id)
    await world.control.post("/balance", short=False)
    gone = await world.stripe.v1.refunds.retrieve_async(refund.id)

    assert (waiting.status, waiting.pending_reason) == ("pending", "insufficient_funds")
    assert gone.status == "succeeded"


async def test_only_the_metadata_of_a_refund_changes(world: World) -> None:
    intent = await world.paid()
    refund = await world.stripe.v1.refunds.create_async({"payment_intent": intent})

    changed = await world.stripe.v1.refunds.update_async(refund.id, {"metadata": {"a": "1"}})

    assert changed.metadata.to_dict() == {"a": "1"}
    event = (await world.stripe.v1.events.list_async({"type": "refund.updated"})).data[0]
    assert event.data.previous_attributes.to_dict() == {"metadata": {"a": None}}


async def test_a_card_refund_cannot_be_cancelled(world: World) -> None:
    intent = await world.paid()
    refund = await world.stripe.v1.refunds.create_async({"payment_intent": intent})

    with pytest.raises(stripe.InvalidRequestError) as refusal:
        await world.stripe.v1.refunds.cancel_async(refund.id)

    assert refusal.value.http_status == 400
    assert refusal.value.user_message == "Canceling this refund is unsupported."
