"""What only shows when both ends are there: deliveries, and the way back to the shop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from urllib.parse import parse_qs, urlsplit

import aiohttp
import pytest
import stripe
from pytest_aiohttp import AiohttpServer

from adapters.stripe.client import open_stripe
from adapters.stripe.events import StripeEventReader
from adapters.stripe.gateway import StripePaymentGateway
from adapters.stripe.refunds import StripeRefundGateway
from adapters.stripe.signatures import StripeEventVerifier
from adapters.system.clock import wall_clock
from domain.payments.model import CheckoutOrder, CheckoutReport
from domain.provider_events.model import ProviderEvent, Subject
from entrypoints.stripe_sandbox.app import create_sandbox
from entrypoints.stripe_sandbox.settings import SandboxSettings
from tests.adapters.stripe.stand_in import INSTANCE, SECRET_KEY, Reply, StandIn
from tests.builders import a_quote

SECRET = "whsec_shared"


@pytest.fixture
async def sandbox_url(stand_in: StandIn, aiohttp_server: AiohttpServer) -> str:
    stand_in.answers(Reply(status=200))
    settings = SandboxSettings(
        seed=1, webhook_url=f"{stand_in.url}/webhook", webhook_secrets=(SECRET,)
    )
    return str((await aiohttp_server(create_sandbox(settings))).make_url("/"))


@pytest.fixture
async def sandbox(sandbox_url: str) -> AsyncIterator[stripe.StripeClient]:
    async with open_stripe(SECRET_KEY, base_url=sandbox_url, timeout_s=2) as client:
        yield client


@pytest.fixture
def gateway(sandbox: stripe.StripeClient, sandbox_url: str) -> StripePaymentGateway:
    return StripePaymentGateway(
        client=sandbox, mode="sandbox", instance=INSTANCE, sandbox_url=sandbox_url
    )


async def opened(gateway: StripePaymentGateway) -> CheckoutReport:
    order = CheckoutOrder(
        payment=a_quote(), offer="thumbnail", offer_name="Thumbnail", payment_methods=("card",)
    )
    return await gateway.open_checkout(gateway.checkout_parameters(order), key="key_1")


async def paid(sandbox_url: str, session_id: str) -> str:
    """Pay, and return where the customer's browser is sent."""
    async with (
        aiohttp.ClientSession(sandbox_url) as customer,
        customer.post(f"/_sandbox/checkout/{session_id}/pay", json={}) as response,
    ):
        return str((await response.json())["redirect_url"])


async def delivered(stand_in: StandIn, *kinds: str) -> dict[str, ProviderEvent]:
    """Wait until all of *kinds* have come, and check each as a service would."""
    verifier = StripeEventVerifier(secrets=[SECRET], wall_clock=wall_clock)
    events: dict[str, ProviderEvent] = {}
    async with asyncio.timeout(10):
        while not set(kinds) <= set(events):
            for request in stand_in.received:
                verifier.verify(request.body, request.headers["Stripe-Signature"])
                event = StripeEventReader().read(request.body.decode())
                events[event.kind] = event
            await asyncio.sleep(0.02)
    return events


async def test_every_event_of_a_payment_says_whose_it_is(
    stand_in: StandIn, sandbox_url: str, gateway: StripePaymentGateway
) -> None:
    session = await opened(gateway)
    await paid(sandbox_url, session.session_id)
    report = await gateway.fetch_checkout(session.session_id)

    events = await delivered(
        stand_in, "checkout.session.completed", "payment_intent.succeeded", "charge.succeeded"
    )

    told = [event for event in events.values() if event.subject is Subject.CHECKOUT]
    assert len(told) == 3
    for event in told:
        assert (event.app, event.instance) == ("counterfoil", INSTANCE)
        assert (event.payment_id, event.intent_id) == ("pay_a", report.intent_id)
        assert (event.livemode, event.account) == (False, None)
    assert events["checkout.session.completed"].session_id == session.session_id
    assert events["charge.succeeded"].charge_id == report.charge_id


async def test_every_event_of_a_refund_says_whose_it_is(
    stand_in: StandIn, sandbox_url: str, gateway: StripePaymentGateway, sandbox: stripe.StripeClient
) -> None:
    session = await opened(gateway)
    await paid(sandbox_url, session.session_id)
    report = await gateway.fetch_checkout(session.session_id)
    refunds = StripeRefundGateway(client=sandbox, mode="sandbox", instance=INSTANCE)
    marks = {"app": "counterfoil", "instance": INSTANCE, "refund_id": "ref_a"}
    made = await refunds.create_refund(
        {"payment_intent": report.intent_id, "amount": 50, "metadata": marks}, key="key_2"
    )

    events = await delivered(stand_in, "refund.created", "charge.refunded")

    of_refund, of_charge = events["refund.created"], events["charge.refunded"]
    assert (of_refund.subject, of_charge.subject) == (Subject.REFUND, Subject.REFUNDS_OF_CHARGE)
    assert of_refund.provider_refund_id == made.provider_id
    assert of_refund.refund_id == "ref_a"
    assert of_refund.intent_id == of_charge.intent_id == report.intent_id
    assert of_refund.charge_id == of_charge.charge_id == report.charge_id


async def test_the_customer_comes_back_with_the_session(
    sandbox_url: str, gateway: StripePaymentGateway
) -> None:
    session = await opened(gateway)

    there = await paid(sandbox_url, session.session_id)

    query = parse_qs(urlsplit(there).query)
    assert query == {
        "payment": ["success"],
        "job_id": ["job_a"],
        "session_id": [session.session_id],
    }
