from __future__ import annotations

from typing import Any

import pytest

from adapters.stripe.refunds import StripeRefundGateway
from domain.payments.errors import ProviderUnavailable
from domain.refunds.model import RefundReport
from domain.shared.money import Money
from tests.adapters.stripe.stand_in import Reply, StandIn, a_refund_object, an_error
from tests.builders import a_payment

KEY = "cf1:test:refund.create:ref_a:g1"
AGAIN = {"Idempotent-Replayed": "true"}
PAYMENT = a_payment("paid", intent_id="pi_3a")


def a_page(*refunds: object, more: bool = False, **facts: object) -> Reply:
    page = {"object": "list", "url": "/v1/refunds", "has_more": more, "data": list(refunds)}
    return Reply(body={**page, **facts})


async def test_a_refund_is_reported_without_what_stripe_leaves_out(
    stand_in: StandIn, refunds: StripeRefundGateway
) -> None:
    stand_in.answers(Reply(body=a_refund_object()))

    report = await refunds.create_refund({"payment_intent": "pi_3a", "amount": 199}, key=KEY)

    assert report == RefundReport(
        provider_id="re_3a",
        refund_id="ref_a",
        intent_id="pi_3a",
        charge_id="ch_3a",
        amount=Money(199, "usd"),
        status="succeeded",
        failure_reason=None,
        pending_reason=None,
    )
    assert stand_in.received[0].headers["Idempotency-Key"] == KEY


STATUSES = [
    {"status": "pending", "pending_reason": "insufficient_funds"},
    {"status": "requires_action"},
    {"status": "failed", "failure_reason": "expired_or_canceled_card"},
    {"status": "canceled"},
    {"status": "a_word_of_tomorrow"},
]


@pytest.mark.parametrize("said", STATUSES, ids=lambda said: said["status"])
async def test_every_status_comes_with_its_reason(
    stand_in: StandIn, refunds: StripeRefundGateway, said: dict[str, str]
) -> None:
    stand_in.answers(Reply(body=a_refund_object(**said)))

    report = await refunds.fetch_refund("re_3a")

    assert report.status == said["status"]
    assert report.pending_reason == said.get("pending_reason")
    assert report.failure_reason == said.get("failure_reason")


async def test_objects_that_came_whole_are_named(
    stand_in: StandIn, refunds: StripeRefundGateway
) -> None:
    whole = a_refund_object(
        payment_intent={"id": "pi_9"}, charge={"id": "ch_9", "object": "charge"}
    )
    stand_in.answers(Reply(body=whole))

    report = await refunds.fetch_refund("re_3a")

    assert (report.intent_id, report.charge_id) == ("pi_9", "ch_9")


async def test_a_refund_made_in_the_dashboard_carries_no_id_of_ours(
    stand_in: StandIn, refunds: StripeRefundGateway
) -> None:
    stand_in.answers(Reply(body=a_refund_object(metadata={"refund_id": "ref_a"})))

    assert (await refunds.fetch_refund("re_3a")).refund_id is None


UNREADABLE: list[tuple[str, dict[str, Any]]] = [
    ("another object", {"object": "charge"}),
    ("no status", {"status": None}),
    ("no amount", {"amount": None}),
    ("less than nothing", {"amount": -1}),
    ("truth for an amount", {"amount": True}),
    ("no currency", {"currency": ""}),
    ("an endless status", {"status": "s" * 100_000}),
    ("a reason in words", {"failure_reason": "Ada's bank said no"}),
    ("an id that is none", {"id": "re 1"}),
]


@pytest.mark.parametrize("facts", [pytest.param(f, id=name) for name, f in UNREADABLE])
async def test_an_answer_that_cannot_be_is_no_answer(
    stand_in: StandIn, refunds: StripeRefundGateway, facts: dict[str, Any]
) -> None:
    stand_in.answers(Reply(body=a_refund_object(**facts)))

    with pytest.raises(ProviderUnavailable, match="unreadable answer"):
        await refunds.create_refund({"payment_intent": "pi_3a"}, key=KEY)


async def test_a_refund_told_again_is_read_anew(
    stand_in: StandIn, refunds: StripeRefundGateway
) -> None:
    """It was pending then, and has failed since."""
    stand_in.answers(
        Reply(body=a_refund_object(status="pending"), headers=AGAIN),
        Reply(body=a_refund_object(status="failed", failure_reason="declined")),
    )

    report = await refunds.create_refund({"payment_intent": "pi_3a"}, key=KEY)

    assert (report.status, report.failure_reason) == ("failed", "declined")


async def test_a_refund_that_was_made_and_is_not_there_was_not_refused(
    stand_in: StandIn, refunds: StripeRefundGateway
) -> None:
    stand_in.answers(
        Reply(body=a_refund_object(), headers=AGAIN), an_error(404, code="resource_missing")
    )

    with pytest.raises(ProviderUnavailable):
        await refunds.create_refund({"payment_intent": "pi_3a"}, key=KEY)


async def test_all_pages_are_read(stand_in: StandIn, refunds: StripeRefundGateway) -> None:
    stand_in.answers(
        a_page(a_refund_object(id="re_3"), a_refund_object(id="re_2"), more=True),
        a_page(a_refund_object(id="re_1")),
    )

    found = await refunds.find_refunds(PAYMENT)

    assert [report.provider_id for report in found] == ["re_3", "re_2", "re_1"]
    assert [request.query for request in stand_in.received] == [
        {"payment_intent": "pi_3a", "limit": "100"},
        {"payment_intent": "pi_3a", "limit": "100", "starting_after": "re_2"},
    ]


async def test_the_next_page_is_not_where_the_answer_says(
    stand_in: StandIn, refunds: StripeRefundGateway
) -> None:
    stand_in.answers(a_page(a_refund_object(), more=True, url="@evil.example/v1/refunds"), a_page())

    await refunds.find_refunds(PAYMENT)

    assert [request.path for request in stand_in.received] == ["/v1/refunds", "/v1/refunds"]


@pytest.mark.parametrize("page", [a_page(more=True), a_page(a_refund_object(), more=True)])
async def test_a_list_without_end_is_no_answer(
    stand_in: StandIn, refunds: StripeRefundGateway, page: Reply
) -> None:
    stand_in.answers(page)

    with pytest.raises(ProviderUnavailable, match="without end"):
        await refunds.find_refunds(PAYMENT)


async def test_half_a_list_is_no_list(stand_in: StandIn, refunds: StripeRefundGateway) -> None:
    """A refund that is not found is one that may be made: a page lost must not look like that."""
    stand_in.answers(a_page(a_refund_object(id="re_3"), more=True), an_error(500))

    with pytest.raises(ProviderUnavailable):
        await refunds.find_refunds(PAYMENT)


async def test_of_what_was_never_captured_there_is_nothing_to_find(
    stand_in: StandIn, refunds: StripeRefundGateway
) -> None:
    assert await refunds.find_refunds(a_payment()) == []
    assert stand_in.received == []
