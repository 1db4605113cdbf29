"""The processes: each serves until it is told to stop, and then leaves nothing half-done."""

from __future__ import annotations

import asyncio
import errno
import signal
from collections.abc import Coroutine
from typing import Any, Final

import attrs
import structlog
from aiohttp import web

from entrypoints.application import Application
from entrypoints.background.loop import run_background
from entrypoints.bootstrap import open_application, open_background
from entrypoints.cli.errors import CannotStart
from entrypoints.http.app import create_app
from entrypoints.http.keys import Edge
from entrypoints.http.tokens import PublishedKeyTokens, SecretTokens
from entrypoints.offer_files import read_offers
from entrypoints.settings import Settings, TokenSettings
from entrypoints.stripe_sandbox.app import create_sandbox
from entrypoints.stripe_sandbox.settings import SandboxSettings

log: structlog.stdlib.BoundLogger = structlog.get_logger()

DRAIN_S: Final = 20.0
KEEPALIVE_S: Final = 30.0


def serve_api(settings: Settings) -> int:
    return _run(_serve_api(settings))


def work_in_background(settings: Settings) -> int:
    return _run(_work_in_background(settings))


def serve_sandbox(settings: Settings, *, webhook_url: str | None) -> int:
    return _run(_serve_sandbox(settings, webhook_url))


def _run(main: Coroutine[Any, Any, None]) -> int:
    asyncio.run(main)
    return 0


def stop_signal() -> asyncio.Event:
    """Return an event that SIGTERM and SIGINT set."""
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stopping.set)
    return stopping


async def _serve_api(settings: Settings) -> None:
    stopping = stop_signal()
    async with open_application(settings) as application:
        await application.load_offers(read_offers(settings.offers_path))
        app = http_application(application, settings)
        address = Address("api", settings.host, settings.port, "COUNTERFOIL_PORT")
        await serve(app, address, stopping)


async def _work_in_background(settings: Settings) -> None:
    stopping = stop_signal()
    async with open_background(settings) as work:
        log.info("process.started", process="background")
        await run_background(work, stopping)


async def _serve_sandbox(settings: Settings, webhook_url: str | None) -> None:
    stopping = stop_signal()
    public_url = settings.stripe.base_url or f"http://127.0.0.1:{settings.sandbox_port}"
    app = create_sandbox(
        SandboxSettings(
            public_url=public_url,
            state_dir=settings.data_dir / "sandbox",
            webhook_url=webhook_url or local_webhook_url(settings),
            webhook_secrets=settings.stripe.webhook_secrets,
        )
    )
    address = Address("sandbox", "127.0.0.1", settings.sandbox_port, "COUNTERFOIL_SANDBOX_PORT")
    await serve(app, address, stopping)


def local_webhook_url(settings: Settings) -> str:
    """Where a sandbox on this machine reaches our API."""
    host = "127.0.0.1" if settings.host in {"0.0.0.0", "::"} else settings.host  # noqa: S104  compared, not bound
    shown = f"[{host}]" if ":" in host else host
    return f"http://{shown}:{settings.port}/api/payments/webhook"


def http_application(application: Application, settings: Settings) -> web.Application:
    edge = Edge(
        publishable_key=settings.stripe.publishable_key,
        open_offer=settings.open_offer,
        cors_origins=settings.cors_origins,
        checkout_origin=settings.stripe.checkout_origin,
        support_contact=settings.support_contact,
    )
    return create_app(application, bearer_tokens=bearer_tokens(settings.tokens), edge=edge)


def bearer_tokens(tokens: TokenSettings) -> SecretTokens | PublishedKeyTokens:
    if tokens.jwks_url is not None:
        return PublishedKeyTokens(
            url=tokens.jwks_url, issuer=tokens.issuer, audience=tokens.audience
        )
    assert tokens.secret is not None  # noqa: S101  settings demand one of the two
    return SecretTokens(secret=tokens.secret, issuer=tokens.issuer, audience=tokens.audience)


@attrs.frozen
class Address:
    """Where a process listens, and the setting that says so."""

    process: str
    host: str
    port: int
    setting: str


async def serve(app: web.Application, address: Address, stopping: asyncio.Event) -> None:
    """Serve until *stopping*, then finish the requests in hand; raise CannotStart."""
    runner = web.AppRunner(
        app,
        access_log=None,
        shutdown_timeout=DRAIN_S,
        keepalive_timeout=KEEPALIVE_S,
        auto_decompress=False,
    )
    await runner.setup()
    try:
        await _listen(runner, address)
        log.info("process.started", process=address.process, port=address.port)
        await stopping.wait()
    finally:
        await runner.cleanup()
    log.info("process.stopped", process=address.process)


async def _listen(runner: web.AppRunner, address: Address) -> None:
    where = f"{address.host}:{address.port}"
    try:
        await web.TCPSite(runner, address.host, address.port).start()
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise CannotStart(
                f"{where} is taken: stop what listens there, or set {address.setting}"
            ) from error
        raise CannotStart(f"cannot listen on {where}: {error.strerror}") from error
