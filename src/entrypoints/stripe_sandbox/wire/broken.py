"""Answers, and the ways an answer fails to arrive."""

import asyncio
import time
from collections.abc import Mapping
from http import HTTPStatus
from typing import Final

from aiohttp import web

from entrypoints.stripe_sandbox.faults import SERVER_ERROR, Fault
from entrypoints.stripe_sandbox.wire.errors import ApiError
from entrypoints.stripe_sandbox.wire.idempotency import Answer

LOOK_EVERY_S: Final = 0.05


def error_of(fault: Fault) -> ApiError:
    """The error a fault of kind `error` answers with."""
    server = fault.status >= SERVER_ERROR
    declined = fault.status == HTTPStatus.PAYMENT_REQUIRED
    kind = "api_error" if server else "card_error" if declined else "invalid_request_error"
    return ApiError(
        message="An error was ordered over the sandbox's control plane.",
        status=fault.status,
        type=kind,
        code=fault.code,
        kept=fault.kept,
    )


def respond(answer: Answer, headers: Mapping[str, str]) -> web.Response:
    return web.Response(
        status=answer.status, body=answer.body, headers=headers, content_type="application/json"
    )


async def broken_answer(
    request: web.Request,
    closing: asyncio.Event,
    fault: Fault,
    answer: Answer,
    headers: Mapping[str, str],
) -> web.StreamResponse:
    """What *fault* leaves of an answer whose request was carried out."""
    if fault.kind == "timeout_after":
        await hang(request, closing, fault.delay_s)
        return vanish(request)
    if fault.kind == "reset_mid_body":
        return await half(request, answer, headers)
    return respond(answer, headers)


async def hang(request: web.Request, closing: asyncio.Event, longest_s: float) -> None:
    """Say nothing until the client gives up, the time is over or the sandbox closes."""
    until = time.monotonic() + longest_s
    while time.monotonic() < until and not closing.is_set():
        if request.transport is None or request.transport.is_closing():
            return
        await asyncio.sleep(LOOK_EVERY_S)


def vanish(request: web.Request) -> web.Response:
    """Cut the connection; the response is never written."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response()


async def half(
    request: web.Request, answer: Answer, headers: Mapping[str, str]
) -> web.StreamResponse:
    promised = {"Content-Length": str(len(answer.body)), "Content-Type": "application/json"}
    response = web.StreamResponse(status=answer.status, headers={**headers, **promised})
    await response.prepare(request)
    await response.write(answer.body[: len(answer.body) // 2])
    if request.transport is not None:
        request.transport.abort()
    return response
