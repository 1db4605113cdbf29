from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Annotated, Any, Final

import msgspec
from aiohttp import web

from domain.audit.model import Actor
from domain.checkout.model import JobView
from domain.fulfilment.model import Assignment
from domain.idempotency.model import KeyRecord
from domain.jobs.policy import LEASE_DEFAULT, LEASE_MAX_S, LEASE_MIN_S
from domain.shared.ids import JobId
from entrypoints.http.auth import caller_of, with_role
from entrypoints.http.keys import APPLICATION, STOPPING
from entrypoints.http.parsing import Request, read_bytes, read_json
from entrypoints.http.payments import render_checkout
from entrypoints.http.replies import Reply, json_response, keyed, timestamp

routes = web.RouteTableDef()

POLL_S: Final = 1.0
"""How often a waiting worker looks by itself: wake-ups are hints, and may be lost."""

SHORT_PAUSE_S: Final = 0.02

LeaseToken = Annotated[str, msgspec.Meta(max_length=200)]


class Nothing(Request):
    """A request that says all it has to say in its address."""


class LeaseBody(Request):
    offers: Annotated[list[str], msgspec.Meta(max_length=100)] | None = None
    wait_s: Annotated[float, msgspec.Meta(ge=0, le=30)] = 0
    lease_s: Annotated[int, msgspec.Meta(ge=LEASE_MIN_S, le=LEASE_MAX_S)] | None = None


class HeartbeatBody(Request):
    lease: LeaseToken
    progress: Annotated[float, msgspec.Meta(ge=0, le=1)] | None = None
    lease_s: Annotated[int, msgspec.Meta(ge=LEASE_MIN_S, le=LEASE_MAX_S)] | None = None


class CompleteBody(Request):
    lease: LeaseToken
    result: Any = None


class FailBody(Request):
    lease: LeaseToken
    reason: Annotated[str, msgspec.Meta(min_length=1, max_length=500)]
    retryable: bool


@routes.get("/api/jobs/{job_id:[A-Za-z0-9_]+}")
async def read_job(request: web.Request) -> web.Response:
    caller = await caller_of(request, tickets=True)
    view = await request.app[APPLICATION].read_job(_job_id(request), caller=caller)
    return json_response(render_job(view))


@routes.post("/api/jobs/{job_id:[A-Za-z0-9_]+}/checkout-session")
async def pay_again(request: web.Request) -> web.Response:
    caller = await caller_of(request, tickets=True)
    body = await _read_nothing(request)

    async def run(_: KeyRecord | None) -> Reply:
        opened = await request.app[APPLICATION].pay_for_job(_job_id(request), caller=caller)
        return Reply(200, render_checkout(request, opened))

    return await keyed(request, caller, body, run)


@routes.post("/api/jobs/{job_id:[A-Za-z0-9_]+}/cancel")
async def cancel(request: web.Request) -> web.Response:
    caller = await caller_of(request, tickets=True)
    body = await _read_nothing(request)

    async def run(_: KeyRecord | None) -> Reply:
        job_id = _job_id(request)
        state = await request.app[APPLICATION].cancel_job(job_id, caller=caller)
        return Reply(200, {"job_id": job_id, "status": state})

    return await keyed(request, caller, body, run)


@routes.post("/api/jobs/lease")
async def lease(request: web.Request) -> web.Response:
    worker = await with_role(request, "worker")
    body = await read_json(request, LeaseBody)
    assignment = await _lease_within(request, worker, body)
    if assignment is None:
        return web.Response(status=204)
    return json_response(render_assignment(assignment))


async def _lease_within(request: web.Request, worker: Actor, body: LeaseBody) -> Assignment | None:
    """Look, and look again whenever there may be work, until *wait_s* is over."""
    application, clock = request.app[APPLICATION], asyncio.get_running_loop().time
    ends_at, pause_s = clock() + body.wait_s, POLL_S
    async with application.wakeups.bell("jobs") as bell:
        while True:
            assignment = await application.lease_job(
                offers=body.offers, length=_length(body.lease_s), by=worker
            )
            left_s = ends_at - clock()
            if assignment is not None or left_s <= 0 or request.app[STOPPING].is_set():
                return assignment
            rung = await bell.wait(min(left_s, pause_s))
            # Right after it was paid a job may be locked for a moment, by the next event of the
            # same payment: then it was skipped just now, and nobody rings again.
            pause_s = SHORT_PAUSE_S if rung else min(pause_s * 2, POLL_S)
            if request.transport is None or request.transport.is_closing():
                # Nobody is there any more to do the job we would hand out.
                return None


@routes.post("/api/jobs/{job_id:[A-Za-z0-9_]+}/heartbeat")
async def heartbeat(request: web.Request) -> web.Response:
    await with_role(request, "worker")
    body = await read_json(request, HeartbeatBody)
    expires_at = await request.app[APPLICATION].extend_lease(
        _job_id(request),
        lease=body.lease,
        progress=body.progress,
        length=None if body.lease_s is None else _length(body.lease_s),
    )
    return json_response({"lease_expires_at": timestamp(expires_at)})


@routes.post("/api/jobs/{job_id:[A-Za-z0-9_]+}/complete")
async def complete(request: web.Request) -> web.Response:
    worker = await with_role(request, "worker")
    body = await read_json(request, CompleteBody)

    async def run(_: KeyRecord | None) -> Reply:
        job_id = _job_id(request)
        state = await request.app[APPLICATION].finish_job(
            job_id, lease=body.lease, result=body.result, by=worker
        )
        return Reply(200, {"job_id": job_id, "status": state})

    return await keyed(request, await caller_of(request), body, run)


@routes.post("/api/jobs/{job_id:[A-Za-z0-9_]+}/fail")
async def fail(request: web.Request) -> web.Response:
    worker = await with_role(request, "worker")
    body = await read_json(request, FailBody)

    async def run(_: KeyRecord | None) -> Reply:
        job_id = _job_id(request)
        state = await request.app[APPLICATION].fail_job(
            job_id, lease=body.lease, reason=body.reason, retryable=body.retryable, by=worker
        )
        return Reply(200, {"job_id": job_id, "status": state})

    return await keyed(request, await caller_of(request), body, run)


async def _read_nothing(request: web.Request) -> Nothing:
    """Take no body, or an empty object."""
    if not await read_bytes(request):
        return Nothing()
    return await read_json(request, Nothing)


def _job_id(request: web.Request) -> JobId:
    return JobId(request.match_info["job_id"])


def _length(lease_s: int | None) -> timedelta:
    return LEASE_DEFAULT if lease_s is None else timedelta(seconds=lease_s)


def render_assignment(assignment: Assignment) -> dict[str, object]:
    return {
        "job_id": assignment.job_id,
        "lease": assignment.lease,
        "offer": assignment.offer,
        "quantity": assignment.quantity,
        "inputs": assignment.inputs,
        "attempt": assignment.attempt,
        "lease_expires_at": timestamp(assignment.lease_expires_at),
        "deadline_at": timestamp(assignment.deadline_at),
    }


def render_job(view: JobView) -> dict[str, object]:
    refund = view.refund and {
        "refund_id": view.refund.refund_id,
        "status": view.refund.status,
        "amount": view.refund.amount.amount_minor,
        "currency": view.refund.amount.currency,
        "reason": view.refund.reason,
    }
    hold = view.hold and {"name": view.hold.name, "since": timestamp(view.hold.since)}
    return {
        "job_id": view.job_id,
        "offer": view.offer,
        "status": view.status,
        "progress": view.progress,
        "result": view.result,
        "failure_reason": view.failure_reason,
        "refund": refund,
        "hold": hold,
        "created_at": timestamp(view.created_at),
        "paid_at": timestamp(view.paid_at),
        "started_at": timestamp(view.started_at),
        "completed_at": timestamp(view.completed_at),
        "deadline_at": timestamp(view.deadline_at),
    }
