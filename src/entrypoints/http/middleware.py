"""What every request goes through: a name, a log line, and the headers browsers need."""

from __future__ import annotations

import secrets
import time
from http import HTTPStatus
from typing import Final

import structlog
from aiohttp import web
from aiohttp.typedefs import Handler

from entrypoints.http.keys import EDGE, REQUEST_ID

log: structlog.stdlib.BoundLogger = structlog.get_logger()

SECURITY_HEADERS: Final = {
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Server": "counterfoil",
}
QUIET: Final = frozenset({"/livez", "/readyz"})


@web.middleware
async def name_and_log(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Give the request an id and write one line about it: its route, never its address."""
    request[REQUEST_ID] = f"req_{secrets.token_hex(12)}"
    started = time.perf_counter()
    with structlog.contextvars.bound_contextvars(request_id=request[REQUEST_ID]):
        response = await handler(request)
        route = request.match_info.route.resource
        name = route.canonical if route is not None else "none"
        if name not in QUIET or response.status >= HTTPStatus.BAD_REQUEST:
            log.info(
                "request.answered",
                method=request.method,
                route=name,
                status=response.status,
                duration_ms=round((time.perf_counter() - started) * 1000, 1),
            )
    response.headers["X-Request-Id"] = request[REQUEST_ID]
    return response


async def add_headers(request: web.Request, response: web.StreamResponse) -> None:
    for name, value in SECURITY_HEADERS.items():
        response.headers.setdefault(name, value)
    response.headers["Server"] = SECURITY_HEADERS["Server"]
    origin = request.headers.get("Origin")
    if origin in request.app[EDGE].cors_origins:
        response.headers["Access-Control-Allow-Origin"] = origin
        response.headers["Access-Control-Expose-Headers"] = "Retry-After, Idempotent-Replayed"
        response.headers.add("Vary", "Origin")


@web.middleware
async def answer_preflight(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Let pages on the allowed origins call the API; nobody else's browser may."""
    asked = request.headers.get("Access-Control-Request-Method")
    if request.method != "OPTIONS" or asked is None:
        return await handler(request)
    if request.headers.get("Origin") not in request.app[EDGE].cors_origins:
        return web.Response(status=HTTPStatus.FORBIDDEN)
    return web.Response(
        status=HTTPStatus.NO_CONTENT,
        headers={
            "Access-Control-Allow-Methods": "GET, POST",
            "Access-Control-Allow-Headers": "Authorization, Content-Type, Idempotency-Key",
            "Access-Control-Max-Age": "600",
        },
    )
