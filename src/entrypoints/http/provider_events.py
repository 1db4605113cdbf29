from __future__ import annotations

import structlog
from aiohttp import web

from domain.provider_events.errors import BadSignature
from entrypoints.http.keys import APPLICATION, REQUEST_ID
from entrypoints.http.parsing import read_bytes
from entrypoints.http.replies import json_response

log: structlog.stdlib.BoundLogger = structlog.get_logger()

routes = web.RouteTableDef()


@routes.post("/api/payments/webhook")
async def receive(request: web.Request) -> web.Response:
    payload = await read_bytes(request)
    try:
        event_id, new = await request.app[APPLICATION].receive_event(payload, _signature(request))
    except BadSignature as refused:
        # A security event: who and why, and nothing of the body, which nobody vouches for.
        log.warning(
            "provider_event.refused",
            reason=refused.why,
            remote=request.remote,
            request_id=request[REQUEST_ID],
        )
        raise
    log.info("provider_event.received", event_id=event_id, new=new)
    return json_response({"received": True})


def _signature(request: web.Request) -> str | None:
    given = request.headers.getall("Stripe-Signature", [])
    return given[0] if len(given) == 1 else None
