from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import stripe
from pytest_aiohttp import AiohttpServer

from adapters.stripe.client import open_stripe
from adapters.stripe.gateway import StripePaymentGateway
from adapters.stripe.refunds import StripeRefundGateway
from tests.adapters.stripe.stand_in import INSTANCE, SECRET_KEY, StandIn, app_of


@pytest.fixture
async def stand_in(aiohttp_server: AiohttpServer) -> StandIn:
    there = StandIn()
    server = await aiohttp_server(app_of(there))
    there.url = str(server.make_url("/")).rstrip("/")
    return there


@pytest.fixture
async def client(stand_in: StandIn) -> AsyncIterator[stripe.StripeClient]:
    async with open_stripe(SECRET_KEY, base_url=stand_in.url, timeout_s=0.5) as client:
        yield client


@pytest.fixture
def payments(client: stripe.StripeClient) -> StripePaymentGateway:
    return StripePaymentGateway(client=client, mode="test", instance=INSTANCE)


@pytest.fixture
def refunds(client: stripe.StripeClient) -> StripeRefundGateway:
    return StripeRefundGateway(client=client, mode="test", instance=INSTANCE)
