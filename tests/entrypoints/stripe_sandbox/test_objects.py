"""Every field the SDK's typed objects have is there, but those Stripe leaves out too."""

from typing import Any

import pytest
import stripe

from tests.entrypoints.stripe_sandbox.conftest import World

LEFT_OUT: dict[str, set[str]] = {
    # Included only when expanded; a charge's transfer for destination charges only.
    "checkout.session": {"line_items"},
    "charge": {"refunds", "transfer"},
    # Absent when unused on a card refund.
    "refund": {
        "description",
        "failure_balance_transaction",
        "failure_reason",
        "instructions_email",
        "next_action",
        "pending_reason",
        "presentment_details",
    },
    # Connect and event destinations only.
    "event": {"account", "context"},
    # Shown at creation; tells of deletion.
    "webhook_endpoint": {"secret", "deleted"},
    "account": {"company", "deleted", "groups", "individual"},
}
CLASSES: dict[str, type[stripe.StripeObject]] = {
    "checkout.session": stripe.checkout.Session,
    "payment_intent": stripe.PaymentIntent,
    "charge": stripe.Charge,
    "refund": stripe.Refund,
    "event": stripe.Event,
    "webhook_endpoint": stripe.WebhookEndpoint,
    "balance_transaction": stripe.BalanceTransaction,
    "account": stripe.Account,
}


def fields_of(kind: str) -> set[str]:
    cls = CLASSES[kind]
    named = {name for name in cls.__annotations__ if not name.startswith("_")}
    return named - {"OBJECT_NAME", "object"} - LEFT_OUT.get(kind, set())


async def one_of_each(world: World) -> dict[str, dict[str, Any]]:
    session = await world.open_session()
    await world.control.pay(session.id)
    await world.control.advance(3)
    v1 = world.stripe.v1
    intent = await world.intent_of(session.id)
    refund = await v1.refunds.create_async({"payment_intent": intent, "amount": 100})
    complete = await v1.checkout.sessions.retrieve_async(session.id)
    things: list[Any] = [
        complete,
        await v1.payment_intents.retrieve_async(intent),
        await v1.charges.retrieve_async(str(refund.charge)),
        refund,
        (await v1.events.list_async()).data[0],
        (await v1.webhook_endpoints.list_async()).data[0],
        await v1.balance_transactions.retrieve_async(str(refund.balance_transaction)),
        await v1.accounts.retrieve_current_async(),
    ]
    return {thing.object: thing.to_dict() for thing in things}


async def test_no_field_is_missing_and_none_is_made_up(world: World) -> None:
    things = await one_of_each(world)

    for kind, thing in things.items():
        expected = fields_of(kind)
        assert expected - set(thing) == set(), kind
        assert set(thing) - expected - {"object"} <= LEFT_OUT.get(kind, set()), kind


@pytest.mark.parametrize("kind", sorted(CLASSES))
def test_the_sdk_still_has_what_the_sandbox_leaves_out(kind: str) -> None:
    assert LEFT_OUT.get(kind, set()) <= set(CLASSES[kind].__annotations__)
