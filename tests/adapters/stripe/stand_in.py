"""A server that answers what a test tells it to, for what no well-behaved Stripe would say."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any

import attrs
from aiohttp import web

SECRET_KEY = "sk_test_canary_51Hq9PleaseNeverPrintMe"
INSTANCE = "inst_here"


@attrs.frozen(kw_only=True)
class Reply:
    """*body* is JSON unless it is bytes. *cut* ends the connection in the middle of it."""

    status: int = 200
    body: Any = attrs.field(factory=dict)
    headers: Mapping[str, str] = attrs.field(factory=dict)
    delay_s: float = 0
    cut: bool = False


@attrs.frozen(kw_only=True)
class Received:
    method: str
    path: str
    query: dict[str, str]
    body: bytes
    headers: dict[str, str]


@attrs.define
class StandIn:
    """Gives its replies in turn, the last one again and again."""

    replies: list[Reply] = attrs.field(factory=list)
    received: list[Received] = attrs.field(factory=list)
    url: str = ""

    def answers(self, *replies: Reply) -> None:
        self.replies[:] = replies

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.received.append(
            Received(
                method=request.method,
                path=request.path,
                query=dict(request.query),
                body=await request.read(),
                headers=dict(request.headers),
            )
        )
        reply = self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]
        if reply.delay_s:
            await asyncio.sleep(reply.delay_s)
        return await _write(request, reply)


async def _write(request: web.Request, reply: Reply) -> web.StreamResponse:
    body = reply.body if isinstance(reply.body, bytes) else json.dumps(reply.body).encode()
    if not reply.cut:
        return web.Response(
            status=reply.status,
            body=body,
            headers={"Content-Type": "application/json", **reply.headers},
        )
    response = web.StreamResponse(headers={"Content-Length": str(len(body) + 1000)})
    await response.prepare(request)
    await response.write(body)
    assert request.transport is not None
    request.transport.abort()
    return response


def app_of(stand_in: StandIn) -> web.Application:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", stand_in.handle)
    return app


def an_error(status: int = 400, **details: object) -> Reply:
    """An error as Stripe says it, with a sentence that quotes what the customer typed."""
    said = {
        "type": "invalid_request_error",
        "message": f"Invalid email address: ada@example.com (your key is {SECRET_KEY})",
        **details,
    }
    return Reply(status=status, body={"error": said}, headers={"Request-Id": "req_4711"})


def a_session(**facts: object) -> dict[str, Any]:
    """A checkout as Stripe shows it: open, unpaid, ours."""
    usual: dict[str, Any] = {
        "id": "cs_test_a1",
        "object": "checkout.session",
        "status": "open",
        "payment_status": "unpaid",
        "livemode": False,
        "expires_at": 1_793_700_000,
        "url": "https://checkout.stripe.com/c/pay/cs_test_a1#fidkdWxOYHwnPyd1blpxYHZxWj",
        "payment_intent": None,
        "metadata": {
            "app": "counterfoil",
            "instance": INSTANCE,
            "job_id": "job_a",
            "payment_id": "pay_a",
        },
        "customer_details": None,
    }
    return {**usual, **facts}


def an_intent(**facts: object) -> dict[str, Any]:
    """An intent that took 1.99 USD."""
    usual: dict[str, Any] = {
        "id": "pi_3a",
        "object": "payment_intent",
        "status": "succeeded",
        "currency": "usd",
        "amount_received": 199,
        "livemode": False,
        "latest_charge": {"id": "ch_3a", "object": "charge"},
    }
    return {**usual, **facts}


def a_paid_session(**facts: object) -> dict[str, Any]:
    usual: dict[str, Any] = {
        "status": "complete",
        "payment_status": "paid",
        "url": None,
        "payment_intent": an_intent(),
    }
    return a_session(**{**usual, **facts})


def a_refund_object(**facts: object) -> dict[str, Any]:
    """A refund as Stripe shows it, without the fields it leaves out."""
    usual: dict[str, Any] = {
        "id": "re_3a",
        "object": "refund",
        "amount": 199,
        "currency": "usd",
        "status": "succeeded",
        "payment_intent": "pi_3a",
        "charge": "ch_3a",
        "metadata": {
            "app": "counterfoil",
            "instance": INSTANCE,
            "payment_id": "pay_a",
            "refund_id": "ref_a",
        },
    }
    return {**usual, **facts}
