"""The HTTP application: routes, middleware, limits."""

from __future__ import annotations

import asyncio

from aiohttp import web

from entrypoints.application import Application
from entrypoints.http import health, job_events, jobs, offers, pages, payments, provider_events
from entrypoints.http.errors import answer_errors
from entrypoints.http.keys import APPLICATION, BEARER_TOKENS, EDGE, STOPPING, BearerTokens, Edge
from entrypoints.http.middleware import add_headers, answer_preflight, name_and_log
from entrypoints.http.parsing import BODY_BYTES_MAX


def create_app(
    application: Application, *, bearer_tokens: BearerTokens, edge: Edge
) -> web.Application:
    app = web.Application(
        middlewares=[name_and_log, answer_errors, answer_preflight],
        client_max_size=BODY_BYTES_MAX,
    )
    app[APPLICATION] = application
    app[BEARER_TOKENS] = bearer_tokens
    app[EDGE] = edge
    app[STOPPING] = asyncio.Event()
    app.on_response_prepare.append(add_headers)
    app.on_shutdown.append(_stop_waiting)
    for module in (offers, payments, jobs, job_events, pages, provider_events, health):
        app.add_routes(module.routes)
    pages.set_up(app)
    return app


async def _stop_waiting(app: web.Application) -> None:
    """Send waiting workers and watching customers home, so that draining does not take their whole wait."""
    app[STOPPING].set()
