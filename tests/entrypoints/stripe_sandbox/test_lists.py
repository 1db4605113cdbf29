"""Lists, cursors, filters and expansion."""

import pytest
import stripe

from tests.entrypoints.stripe_sandbox.conftest import World


async def test_lists_are_newest_first_and_paged(world: World) -> None:
    made = [(await world.open_session()).id for _ in range(5)]
    sessions = world.stripe.v1.checkout.sessions

    first = await sessions.list_async({"limit": 2})
    second = await sessions.list_async({"limit": 2, "starting_after": first.data[-1].id})
    last = await sessions.list_async({"limit": 2, "starting_after": second.data[-1].id})
    back = await sessions.list_async({"limit": 2, "ending_before": last.data[0].id})

    assert [each.id for each in first.data + second.data + last.data] == list(reversed(made))
    assert (first.has_more, second.has_more, last.has_more) == (True, True, False)
    assert [each.id for each in back.data] == [each.id for each in second.data]
    assert back.has_more
    assert first.url == "/v1/checkout/sessions"


async def test_auto_paging_sees_everything_once(world: World) -> None:
    made = {(await world.open_session()).id for _ in range(7)}

    page = await world.stripe.v1.checkout.sessions.list_async({"limit": 3, "status": "open"})
    seen = [session.id async for session in page.auto_paging_iter()]

    assert len(seen) == 7
    assert set(seen) == made


async def test_sessions_are_found_by_status_email_intent_and_time(world: World) -> None:
    open_ = await world.open_session(customer_email="ada@example.com")
    paid = await world.open_session()
    await world.control.pay(paid.id, email="bob@example.com")
    sessions = world.stripe.v1.checkout.sessions
    intent = await world.intent_of(paid.id)

    async def found(**params: object) -> list[str]:
        return [each.id for each in (await sessions.list_async(params)).data]

    assert await found(status="open") == [open_.id]
    assert await found(status="complete") == [paid.id]
    assert await found(customer_details={"email": "ada@example.com"}) == [open_.id]
    assert await found(payment_intent=intent) == [paid.id]
    assert await found(payment_intent="pi_unknown") == []
    assert await found(created={"gte": paid.created + 1}) == []
    assert await found(created={"gte": open_.created, "lte": paid.created}) == [paid.id, open_.id]


async def test_events_are_found_by_type_and_time(world: World) -> None:
    await world.paid()
    events = world.stripe.v1.events

    one = await events.list_async({"type": "charge.updated"})
    some = await events.list_async({"types": ["charge.updated", "charge.succeeded"]})
    wild = await events.list_async({"type": "charge.*"})
    since = await events.list_async({"created": {"gt": one.data[0].created}})

    assert [event.type for event in one.data] == ["charge.updated"]
    assert [event.type for event in some.data] == ["charge.updated", "charge.succeeded"]
    assert [event.type for event in wild.data] == ["charge.updated", "charge.succeeded"]
    assert since.data == []


async def test_events_are_readable_for_thirty_days(world: World) -> None:
    await world.paid()
    event = (await world.stripe.v1.events.list_async()).data[0]

    await world.control.advance(31 * 24 * 3600)

    assert (await world.stripe.v1.events.list_async()).data == []
    with pytest.raises(stripe.InvalidRequestError) as refusal:
        await world.stripe.v1.events.retrieve_async(event.id)
    assert refusal.value.code == "resource_missing"


async def test_an_event_keeps_what_was_so_when_it_happened(world: World) -> None:
    await world.paid()
    events = await world.stripe.v1.events.list_async({"type": "charge.succeeded"})

    assert events.data[0].data.object.balance_transaction is None


async def test_lists_expand_what_they_hold(world: World) -> None:
    intent = await world.paid()
    await world.stripe.v1.refunds.create_async({"payment_intent": intent, "amount": 100})

    charges = await world.stripe.v1.charges.list_async(
        {"expand": ["data.balance_transaction", "data.refunds.data.balance_transaction"]}
    )
    transactions = await world.stripe.v1.balance_transactions.list_async(
        {"expand": ["data.source.payment_intent"]}
    )

    charge = charges.data[0]
    assert charge.balance_transaction.fee == 146
    assert charge.refunds.data[0].balance_transaction.amount == -100
    assert [each.source.object for each in transactions.data] == ["refund", "charge"]
    assert {each.source.payment_intent.id for each in transactions.data} == {intent}


async def test_creating_expands_too(world: World) -> None:
    intent = await world.paid()

    refund = await world.stripe.v1.refunds.create_async(
        {"payment_intent": intent, "expand": ["charge", "payment_intent.latest_charge"]}
    )

    assert refund.charge.amount_refunded == 4000
    assert refund.payment_intent.latest_charge.id == refund.charge.id


async def test_balance_transactions_are_found_by_source_and_type(world: World) -> None:
    intent = await world.paid()
    refund = await world.stripe.v1.refunds.create_async({"payment_intent": intent, "amount": 100})
    transactions = world.stripe.v1.balance_transactions

    of_refund = await transactions.list_async({"source": refund.id})
    of_charges = await transactions.list_async({"type": "charge"})

    assert [each.amount for each in of_refund.data] == [-100]
    assert [each.amount for each in of_charges.data] == [4000]
