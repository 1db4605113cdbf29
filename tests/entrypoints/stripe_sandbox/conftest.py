"""A sandbox on a free port, the official SDK to talk to it, and a shop that listens."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import attrs
import pytest
import stripe
from aiohttp import web
from aiohttp.test_utils import TestServer

from entrypoints.stripe_sandbox.app import create_sandbox
from entrypoints.stripe_sandbox.settings import SandboxSettings

KEY = "sk_test_counterfoil"
SECRET = "whsec_current"
OLD_SECRET = "whsec_previous"
PATIENCE_S = 4.0

StartServer = Callable[[web.Application], Awaitable[TestServer]]


@pytest.fixture(autouse=True)
def _no_telemetry(monkeypatch: pytest.MonkeyPatch) -> None:
    # Read by the library at the first call, and otherwise a file in the home directory.
    monkeypatch.setattr(stripe, "enable_telemetry", False)


@attrs.define
class Shop:
    """Receives webhooks: keeps the raw bytes and headers, verifies with Stripe's own library."""

    url: str = ""
    answers: list[int] = attrs.field(factory=list)
    received: list[tuple[bytes, dict[str, str]]] = attrs.field(factory=list)
    on_event: Callable[[stripe.Event], Awaitable[None]] | None = None
    unverified: int = 0

    async def receive(self, request: web.Request) -> web.Response:
        body = await request.read()
        self.received.append((body, dict(request.headers)))
        try:
            event = self.verify(body, request.headers["Stripe-Signature"])
        except stripe.SignatureVerificationError:
            self.unverified += 1
            return web.Response(status=400)
        if self.on_event is not None:
            await self.on_event(event)
        status = self.answers.pop(0) if self.answers else 200
        headers = {"Location": "/elsewhere"} if status == 302 else {}
        return web.Response(status=status, headers=headers)

    def verify(self, body: bytes, signature: str) -> stripe.Event:
        return stripe.Webhook.construct_event(body, signature, SECRET)

    @property
    def events(self) -> list[stripe.Event]:
        signed = ((body, headers["Stripe-Signature"]) for body, headers in self.received)
        return [self.verify(body, signature) for body, signature in signed]

    @property
    def types(self) -> list[str]:
        return [event.type for event in self.events]

    async def has(self, *types: str) -> None:
        """Wait until an event of each of these types has arrived."""
        await until(lambda: set(types) <= set(self.types))


@attrs.frozen
class Control:
    """The control plane."""

    session: aiohttp.ClientSession
    url: str

    async def call(self, method: str, path: str, /, expect: int = 200, **body: Any) -> Any:
        payload = body or None
        async with self.session.request(method, f"{self.url}/_sandbox{path}", json=payload) as got:
            answer = await got.json()
            assert got.status == expect, answer
            return answer

    async def get(self, path: str, expect: int = 200) -> Any:
        return await self.call("GET", path, expect)

    async def post(self, path: str, /, expect: int = 200, **body: Any) -> Any:
        return await self.call("POST", path, expect, **body)

    async def pay(self, session_id: str, card: str = "4242424242424242", **more: Any) -> Any:
        return await self.post(f"/checkout/{session_id}/pay", card=card, **more)

    async def advance(self, seconds: float) -> Any:
        return await self.post("/clock/advance", seconds=seconds)


@attrs.frozen
class World:
    """Everything a test talks to."""

    stripe: stripe.StripeClient
    control: Control
    http: aiohttp.ClientSession
    shop: Shop
    url: str

    async def open_session(self, **changes: Any) -> stripe.checkout.Session:
        options = changes.pop("options", {})
        params: Any = a_session() | changes
        return await self.stripe.v1.checkout.sessions.create_async(params, options)

    async def paid(self, card: str = "4242424242424242", **changes: Any) -> str:
        """The id of a PaymentIntent that succeeded and whose fee is known."""
        session = await self.open_session(**changes)
        assert (await self.control.pay(session.id, card))["payment_status"] == "paid"
        await self.control.advance(3)
        return await self.intent_of(session.id)

    async def intent_of(self, session_id: str) -> str:
        session = await self.stripe.v1.checkout.sessions.retrieve_async(session_id)
        assert isinstance(session.payment_intent, str)
        return session.payment_intent

    async def event_types(self, **params: Any) -> list[str]:
        """Oldest first."""
        events = await self.stripe.v1.events.list_async({"limit": 100, **params})
        return [event.type for event in reversed(events.data)]

    async def raw(
        self, method: str, path: str, data: str = "", **headers: str
    ) -> tuple[int, dict[str, Any], dict[str, str]]:
        sent = {"Authorization": f"Bearer {KEY}", **headers}
        if method == "POST":
            sent.setdefault("Content-Type", "application/x-www-form-urlencoded")
        async with self.http.request(
            method, self.url + path, data=data or None, headers=sent
        ) as got:
            return got.status, await got.json(), dict(got.headers)


def a_session(amount: int = 4000, **price: Any) -> dict[str, Any]:
    return {
        "mode": "payment",
        "allowed_payment_method_types": ["card"],
        "line_items": [
            {
                "price_data": {
                    "currency": "usd",
                    "unit_amount": amount,
                    "product_data": {"name": "Render"},
                    **price,
                },
                "quantity": 1,
            }
        ],
        "success_url": "http://shop.test/thanks?session={CHECKOUT_SESSION_ID}",
        "cancel_url": "http://shop.test/cart",
    }


async def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < deadline, "it did not come about in time"
        await asyncio.sleep(0.01)


def sdk(url: str, http: stripe.AIOHTTPClient) -> stripe.StripeClient:
    return stripe.StripeClient(
        KEY,
        http_client=http,
        max_network_retries=0,
        base_addresses={"api": url, "files": url, "connect": url, "meter_events": url},
    )


def settings(**changes: Any) -> SandboxSettings:
    return SandboxSettings(**{"retry_schedule_s": (5.0, 30.0), "seed": 7, **changes})


@pytest.fixture
async def shop(aiohttp_server: StartServer) -> Shop:
    shop = Shop()
    app = web.Application()
    app.router.add_post("/webhooks", shop.receive)
    server = await aiohttp_server(app)
    shop.url = str(server.make_url("/webhooks"))
    return shop


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture
def state_dir() -> Path | None:
    """Memory only, unless a test says otherwise."""
    return None


@pytest.fixture
async def world(
    aiohttp_server: StartServer, shop: Shop, http: aiohttp.ClientSession, state_dir: Path | None
) -> AsyncIterator[World]:
    app = create_sandbox(
        settings(webhook_url=shop.url, webhook_secrets=(SECRET,), state_dir=state_dir)
    )
    server = await aiohttp_server(app)
    url = str(server.make_url("")).rstrip("/")
    client = stripe.AIOHTTPClient(timeout=aiohttp.ClientTimeout(total=10))
    yield World(sdk(url, client), Control(http, url), http, shop, url)
    await client.close_async()
