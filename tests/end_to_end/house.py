"""The whole house in one event loop: real HTTP between all parties, a real PostgreSQL."""

from __future__ import annotations

import asyncio
import os
import secrets
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

import aiohttp
import asyncpg
import attrs
from aiohttp import web

from entrypoints.background.loop import run_background
from entrypoints.bootstrap import open_application, open_background
from entrypoints.cli.processes import http_application
from entrypoints.development_secrets import complete
from entrypoints.http.tokens import SecretTokens
from entrypoints.offer_files import read_offers
from entrypoints.settings import Settings, load_settings
from entrypoints.stripe_sandbox.app import create_sandbox
from entrypoints.stripe_sandbox.settings import SandboxSettings

VISA = "4242424242424242"
DECLINED = "4000000000000002"
REFUND_FAILS_LATER = "4000000000005126"
THUMBNAIL = {"offer": "thumbnail"}
PATIENCE_S = 15.0
# Below the range of the clients' ports; each process of a parallel run takes from its own.
_WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % 8
PORTS = range(15_000 + 2_000 * _WORKER, 17_000 + 2_000 * _WORKER)

T = TypeVar("T")
Json = Mapping[str, Any]


def free_port() -> int:
    """A port nobody has. Not one of those the system hands out to clients: between our asking and
    our using it, it could be given to any connection that is made.
    """
    while True:
        port = secrets.choice(PORTS)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port


@attrs.frozen
class Answer:
    status: int
    body: Any
    headers: Mapping[str, str]


@attrs.define
class House:
    """Everything running, and a way to speak to each part. Nothing here looks inside."""

    settings: Settings
    http: aiohttp.ClientSession
    database: asyncpg.Pool[asyncpg.Record]
    _stack: AsyncExitStack
    _api: web.AppRunner | None = None
    _background: tuple[asyncio.Event, asyncio.Task[None]] | None = None

    # -- the parts ---------------------------------------------------------------------------

    async def start_api(self) -> None:
        application = await self._stack.enter_async_context(open_application(self.settings))
        await application.load_offers(read_offers(self.settings.offers_path))
        runner = web.AppRunner(http_application(application, self.settings), access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", self.settings.port).start()
        self._api = runner

    async def stop_api(self) -> None:
        if self._api is not None:
            await self._api.cleanup()
            self._api = None

    async def start_background(self) -> None:
        started, stopping = asyncio.Event(), asyncio.Event()

        async def work() -> None:
            async with open_background(self.settings) as background:
                started.set()
                await run_background(background, stopping)

        task = asyncio.create_task(work())
        waiting = asyncio.create_task(started.wait())
        await asyncio.wait([task, waiting], return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            task.result()
        self._background = (stopping, task)

    async def stop_background(self) -> None:
        if self._background is not None:
            stopping, task = self._background
            self._background = None
            stopping.set()
            await task

    # -- speaking to the API -----------------------------------------------------------------

    async def call(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        token: str | None = None,
        key: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        sent = dict(headers or {})
        if token is not None:
            sent["Authorization"] = f"Bearer {token}"
        if key is not None:
            sent["Idempotency-Key"] = key
        url = f"http://127.0.0.1:{self.settings.port}{path}"
        async with self.http.request(method, url, json=body, headers=sent) as answer:
            text = await answer.text()
            is_json = "json" in answer.content_type
            parsed = await answer.json(content_type=None) if text and is_json else text
            return Answer(answer.status, parsed, answer.headers)

    async def get(self, path: str, **options: Any) -> Answer:
        return await self.call("GET", path, **options)

    async def post(self, path: str, body: object = None, **options: Any) -> Answer:
        return await self.call("POST", path, body, **options)

    def token(self, subject: str, *roles: str) -> str:
        tokens = self.settings.tokens
        assert tokens.secret is not None
        signer = SecretTokens(secret=tokens.secret, issuer=tokens.issuer, audience=tokens.audience)
        return signer.issue(subject, list(roles), lasts_s=3600)

    @property
    def worker(self) -> str:
        return self.token("worker-1", "worker")

    # -- speaking to the sandbox -------------------------------------------------------------

    async def sandbox(self, method: str, path: str, body: object = None) -> Any:
        url = f"{self.settings.stripe.base_url}/_sandbox{path}"
        async with self.http.request(method, url, json=body) as answer:
            assert answer.ok, await answer.text()
            return await answer.json()

    async def stripe(self, path: str, data: Mapping[str, str] | None = None) -> Any:
        """Use Stripe's own API, as its dashboard would."""
        url = f"{self.settings.stripe.base_url}/v1{path}"
        headers = {"Authorization": f"Bearer {self.settings.stripe.secret_key}"}
        method = "GET" if data is None else "POST"
        async with self.http.request(method, url, data=data, headers=headers) as answer:
            return await answer.json()

    async def pay(self, bought: Json, card: str = VISA, **more: object) -> Any:
        body = {"card": card, "email": "guest@example.com", **more}
        return await self.sandbox("POST", f"/checkout/{bought['session_id']}/pay", body)

    async def advance(self, seconds: float) -> None:
        """Move both clocks, as `counterfoil clock advance` does."""
        await self.sandbox("POST", "/clock/advance", {"seconds": seconds})
        await self.database.execute(
            "UPDATE installation SET clock_offset = clock_offset + $1 * interval '1 second'",
            float(seconds),
        )

    # -- stories -----------------------------------------------------------------------------

    async def buy(self, body: Json = THUMBNAIL, **options: Any) -> Any:
        answer = await self.post("/api/payments/checkout-session", dict(body), **options)
        assert answer.status == 201, answer.body
        return answer.body

    async def job(self, bought: Json, **options: Any) -> Any:
        options.setdefault("token", bought["access_token"])
        answer = await self.get(f"/api/jobs/{bought['job_id']}", **options)
        assert answer.status == 200, answer.body
        return answer.body

    async def status(self, bought: Json) -> Any:
        path = f"/api/payments/status/{bought['session_id']}"
        answer = await self.get(path, token=bought["access_token"])
        assert answer.status == 200, answer.body
        return answer.body

    async def lease(self, *, wait_s: float = 5, **more: object) -> Any:
        body = {"wait_s": wait_s, **more}
        answer = await self.post("/api/jobs/lease", body, token=self.worker)
        assert answer.status in {200, 204}, answer.body
        return answer.body if answer.status == 200 else None

    async def complete(self, leased: Json, result: object = None) -> Answer:
        body = {"lease": leased["lease"], "result": result}
        return await self.post(f"/api/jobs/{leased['job_id']}/complete", body, token=self.worker)

    async def fail(
        self, leased: Json, *, retryable: bool = False, reason: str = "broken"
    ) -> Answer:
        body = {"lease": leased["lease"], "reason": reason, "retryable": retryable}
        return await self.post(f"/api/jobs/{leased['job_id']}/fail", body, token=self.worker)

    async def until_job(self, bought: Json, status: str) -> Any:
        return await until(lambda: self.job(bought), lambda job: job["status"] == status)

    async def until_payment(self, bought: Json, status: str) -> Any:
        return await until(lambda: self.status(bought), lambda seen: seen["status"] == status)

    async def until_quiet(self) -> None:
        """Wait until inbox and outbox hold nothing that is still to be done."""
        query = """
            SELECT (SELECT count(*) FROM inbox WHERE state IN ('new', 'claimed', 'parked'))
                 + (SELECT count(*) FROM outbox WHERE state IN ('new', 'sending'))
        """
        await until(lambda: self.database.fetchval(query), lambda left: left == 0)

    async def at_stripe(self, bought: Json) -> Any:
        """What Stripe's own books say of this purchase."""
        books = await self.sandbox("GET", "/books")
        entries = books["payment_intents"]
        entries = list(entries.values()) if isinstance(entries, dict) else entries
        return next(e for e in entries if e["metadata"].get("payment_id") == bought["payment_id"])


async def until(
    look: Callable[[], Awaitable[T]], enough: Callable[[T], bool], patience_s: float = PATIENCE_S
) -> T:
    """Look again and again until it is *enough*; fail with what was seen last."""
    ends_at = asyncio.get_running_loop().time() + patience_s
    while True:
        seen = await look()
        if enough(seen):
            return seen
        assert asyncio.get_running_loop().time() < ends_at, f"still {seen}"
        await asyncio.sleep(0.02)


@asynccontextmanager
async def open_house(
    dsn: str, folder: Path, environ: Mapping[str, str] | None = None
) -> AsyncIterator[House]:
    settings = complete(
        load_settings(
            {
                "DATABASE_URL": dsn,
                "COUNTERFOIL_PORT": str(free_port()),
                "COUNTERFOIL_SANDBOX_PORT": str(free_port()),
                "COUNTERFOIL_DATA_DIR": str(folder),
                **(environ or {}),
            }
        )
    )
    async with AsyncExitStack() as stack:
        http = await stack.enter_async_context(aiohttp.ClientSession())
        pool = await stack.enter_async_context(asyncpg.create_pool(dsn, min_size=1, max_size=2))
        await _start_sandbox(stack, settings)
        house = House(settings, http, pool, stack)
        await house.start_api()
        stack.push_async_callback(house.stop_api)
        await house.start_background()
        stack.push_async_callback(house.stop_background)
        yield house


async def _start_sandbox(stack: AsyncExitStack, settings: Settings) -> None:
    sandbox = create_sandbox(
        SandboxSettings(
            public_url=str(settings.stripe.base_url),
            webhook_url=f"http://127.0.0.1:{settings.port}/api/payments/webhook",
            webhook_secrets=settings.stripe.webhook_secrets,
        )
    )
    runner = web.AppRunner(sandbox, access_log=None, shutdown_timeout=0.5)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    await web.TCPSite(runner, "127.0.0.1", settings.sandbox_port).start()
