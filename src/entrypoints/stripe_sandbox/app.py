"""The sandbox as an aiohttp application, and the way to run it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import Final

import structlog
from aiohttp import web

from entrypoints.stripe_sandbox.control.levers import LEVERS
from entrypoints.stripe_sandbox.control.plane import routes
from entrypoints.stripe_sandbox.pages import challenge, front, hosted, rendering
from entrypoints.stripe_sandbox.resources.registry import RESOURCES, actions
from entrypoints.stripe_sandbox.sandbox import SANDBOX, Sandbox
from entrypoints.stripe_sandbox.settings import SandboxSettings
from entrypoints.stripe_sandbox.wire.api import Api

LARGEST_BODY: Final = 1024 * 1024
SHUTDOWN_S: Final = 2.0

log = structlog.get_logger(__name__)


def create_sandbox(settings: SandboxSettings) -> web.Application:
    """Raises StateInUse when another process has the state directory."""
    app = web.Application(client_max_size=LARGEST_BODY)
    app[SANDBOX] = Sandbox(settings, actions())
    app.router.add_route("*", "/v1/{path:.*}", Api(RESOURCES).handle)
    app.add_routes(routes(LEVERS))
    for pages in (front, hosted, challenge, rendering):
        app.add_routes(pages.ROUTES)
    app.on_shutdown.append(release_those_who_wait)
    app.cleanup_ctx.append(what_happens_by_itself)
    return app


async def serve(
    settings: SandboxSettings, *, host: str, port: int, ready: Callable[[str], None]
) -> None:
    """Run until cancelled. *ready* is called with the address once requests are accepted."""
    runner = web.AppRunner(create_sandbox(settings), access_log=None, shutdown_timeout=SHUTDOWN_S)
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, port)
        await site.start()
        bound_host, bound_port = runner.addresses[0][:2]
        shown = f"[{bound_host}]" if ":" in bound_host else bound_host
        ready(f"http://{shown}:{bound_port}")
        await asyncio.Event().wait()
    finally:
        await runner.cleanup()


async def release_those_who_wait(app: web.Application) -> None:
    """Requests held by a fault would otherwise keep the process from ending."""
    app[SANDBOX].closing.set()


async def what_happens_by_itself(app: web.Application) -> AsyncIterator[None]:
    sandbox = app[SANDBOX]
    tasks = [asyncio.create_task(part.run()) for part in (sandbox.agenda, sandbox.deliverer)]
    log.info("sandbox.started", durable=sandbox.disk is not None)
    yield
    for task in tasks:
        task.cancel()
    for task in tasks:
        with suppress(asyncio.CancelledError):
            await task
    if sandbox.disk is not None:
        await sandbox.disk.close()
    log.info("sandbox.stopped")
