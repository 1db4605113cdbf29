"""A job told as it happens: server-sent events, for pages and for whoever else waits."""

from __future__ import annotations

import asyncio
from typing import Final

import msgspec
from aiohttp import web

from domain.checkout.model import JobView
from domain.jobs.policy import Caller
from domain.shared.errors import DomainError
from domain.shared.ids import JobId
from entrypoints.application import Bell
from entrypoints.http.auth import caller_of
from entrypoints.http.jobs import render_job
from entrypoints.http.keys import APPLICATION, REQUEST_ID, STOPPING

routes = web.RouteTableDef()

POLL_S: Final = 1.0
"""Bells are hints, and ring for some changes only: looking is the truth."""

HEARTBEAT_S: Final = 15.0
FOLLOWED_FOR_S: Final = 600.0
"""A client that wants more asks again: nothing is held open for those who never will."""


@routes.get("/api/jobs/{job_id:[A-Za-z0-9_]+}/events")
async def follow(request: web.Request) -> web.StreamResponse:
    caller = await caller_of(request, tickets=True)
    async with request.app[APPLICATION].wakeups.bell("jobs") as bell:
        # Before the first byte: whoever may not see it gets a proper refusal.
        view = await _look(request, caller)
        stream = web.StreamResponse(
            headers={
                "Content-Type": "text/event-stream",
                "X-Accel-Buffering": "no",
                "X-Request-Id": request[REQUEST_ID],
            }
        )
        try:
            await stream.prepare(request)
            await _tell(request, caller, stream, view, bell)
            await stream.write_eof()
        except (ConnectionResetError, DomainError):
            # They left, or we cannot look any more (and have begun to answer): they ask again.
            stream.force_close()
    return stream


async def _tell(
    request: web.Request, caller: Caller, stream: web.StreamResponse, view: JobView, bell: Bell
) -> None:
    """Write each change of the job until it is settled, time is over, or we are stopping."""
    clock = asyncio.get_running_loop().time
    told, told_at, ends_at = b"", clock(), clock() + FOLLOWED_FOR_S
    while True:
        seen = msgspec.json.encode(render_job(view))
        if seen != told:
            await stream.write(b"event: job\ndata: " + seen + b"\n\n")
            told, told_at = seen, clock()
        elif clock() - told_at >= HEARTBEAT_S:
            await stream.write(b": still here\n\n")
            told_at = clock()
        if view.is_settled or clock() >= ends_at or request.app[STOPPING].is_set():
            return
        await bell.wait(POLL_S)
        if request.transport is None or request.transport.is_closing():
            return
        view = await _look(request, caller)


async def _look(request: web.Request, caller: Caller) -> JobView:
    job_id = JobId(request.match_info["job_id"])
    return await request.app[APPLICATION].read_job(job_id, caller=caller)
