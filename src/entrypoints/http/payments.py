from __future__ import annotations

import hashlib
from typing import Annotated, Any

import msgspec
from aiohttp import web

from domain.checkout.model import OpenedCheckout, PaymentView, Purchase
from domain.idempotency.model import KeyRecord
from domain.jobs.policy import Caller
from domain.shared.ids import PaymentId, RefundId
from entrypoints.http.auth import caller_of, signed_in, with_role
from entrypoints.http.keys import APPLICATION, EDGE
from entrypoints.http.parsing import Request, read_json
from entrypoints.http.replies import Reply, json_response, keyed, timestamp

routes = web.RouteTableDef()

Amount = Annotated[int, msgspec.Meta(ge=1, le=99_999_999)]


class CheckoutBody(Request):
    offer: str
    quantity: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] = 1
    inputs: dict[str, Any] = msgspec.field(default_factory=dict)
    amount: Amount | None = None
    currency: str | None = None
    customer_email: str | None = None
    success_url: str | None = None
    cancel_url: str | None = None
    metadata: dict[str, str] = msgspec.field(default_factory=dict)


class OpenBody(Request):
    amount: Amount
    success_url: str | None = None
    cancel_url: str | None = None


class RefundBody(Request):
    payment_id: Annotated[str, msgspec.Meta(max_length=100)]
    reason: Annotated[str, msgspec.Meta(min_length=1, max_length=500)]
    amount: Amount | None = None
    note: Annotated[str, msgspec.Meta(max_length=2_000)] | None = None


@routes.post("/api/payments/checkout-session")
async def open_checkout(request: web.Request) -> web.Response:
    caller = await caller_of(request)
    body = await read_json(request, CheckoutBody)
    purchase = Purchase(
        offer=body.offer,
        quantity=body.quantity,
        inputs=body.inputs,
        amount_minor=body.amount,
        currency=body.currency,
        customer_email=body.customer_email,
        success_url=body.success_url,
        cancel_url=body.cancel_url,
        metadata=body.metadata,
    )

    async def run(record: KeyRecord | None) -> Reply:
        opened = await _open(request, purchase, caller, record)
        return Reply(201, render_checkout(request, opened))

    return await keyed(request, caller, body, run)


@routes.post("/api/payments/create-session")
async def create_session(request: web.Request) -> web.Response:
    caller = await signed_in(request)
    body = await read_json(request, OpenBody)
    purchase = Purchase(
        offer=request.app[EDGE].open_offer,
        amount_minor=body.amount,
        success_url=body.success_url,
        cancel_url=body.cancel_url,
    )

    async def run(record: KeyRecord | None) -> Reply:
        opened = await _open(request, purchase, caller, record)
        rendered = render_checkout(request, opened)
        kept = {name: rendered[name] for name in ("session_id", "session_url", "payment_id")}
        return Reply(200, kept)

    return await keyed(request, caller, body, run)


async def _open(
    request: web.Request, purchase: Purchase, caller: Caller, record: KeyRecord | None
) -> OpenedCheckout:
    application = request.app[APPLICATION]
    if record is not None and record.job_id is not None:
        return await application.resume_checkout(record.job_id)
    keyed_request = record.request if record is not None else None
    return await application.open_checkout(purchase, caller=caller, request=keyed_request)


@routes.get("/api/payments/status/{session_id:[A-Za-z0-9_]+}")
async def payment_status(request: web.Request) -> web.Response:
    caller = await caller_of(request)
    view = await request.app[APPLICATION].read_payment(
        request.match_info["session_id"], caller=caller
    )
    return json_response(render_payment(view))


@routes.post("/api/payments/refund")
async def refund(request: web.Request) -> web.Response:
    admin = await with_role(request, "admin")
    body = await read_json(request, RefundBody)

    async def run(record: KeyRecord | None) -> Reply:
        note = f"{body.reason}: {body.note}" if body.note else body.reason
        made, remaining = await request.app[APPLICATION].request_refund(
            PaymentId(body.payment_id),
            amount_minor=body.amount,
            note=note,
            by=admin,
            refund_id=None if record is None else _refund_id(record),
        )
        return Reply(
            202,
            {
                "refund_id": made.id,
                "status": made.state,
                "amount": made.amount.amount_minor,
                "currency": made.amount.currency,
                "remaining": remaining.amount_minor,
            },
        )

    return await keyed(request, await caller_of(request), body, run)


def _refund_id(record: KeyRecord) -> RefundId:
    """The same keyed request always asks for the same refund, however often it is run."""
    asked = record.request
    facts = [asked.scope, asked.key, asked.fingerprint, record.first_used_at.isoformat()]
    return RefundId(f"ref_{hashlib.sha256(msgspec.json.encode(facts)).hexdigest()[:32]}")


def render_checkout(request: web.Request, opened: OpenedCheckout) -> dict[str, object]:
    return {
        "job_id": opened.job_id,
        "payment_id": opened.payment_id,
        "session_id": opened.session_id,
        "session_url": opened.session_url,
        "publishable_key": request.app[EDGE].publishable_key,
        "access_token": opened.access_token,
        "status": opened.status,
        "amount": opened.amount.amount_minor,
        "currency": opened.amount.currency,
        "expires_at": timestamp(opened.expires_at),
    }


def render_payment(view: PaymentView) -> dict[str, object]:
    return {
        "payment_id": view.payment_id,
        "job_id": view.job_id,
        "session_id": view.session_id,
        "status": view.status,
        "job_status": view.job_status,
        "stripe_status": view.provider_status,
        "amount": view.amount.amount_minor,
        "amount_refunded": view.refunded_minor,
        "currency": view.amount.currency,
        "created_at": timestamp(view.created_at),
    }
