"""`counterfoil run`: every process of ours, started in order, kept alive, stopped together."""

from __future__ import annotations

import asyncio
import os
import shlex
import socket
import sys
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from typing import Final

import aiohttp
import attrs
import structlog

from entrypoints.bootstrap import migrate_database, open_database
from entrypoints.cli.errors import CannotStart
from entrypoints.cli.processes import stop_signal
from entrypoints.http.tokens import SecretTokens
from entrypoints.settings import Settings

log: structlog.stdlib.BoundLogger = structlog.get_logger()

READY_WITHIN_S: Final = 90.0
STOP_WITHIN_S: Final = 28.0
RESTART_AFTER_S: Final = 1.0
WORKER_TOKEN_LASTS_S: Final = 30 * 86_400
BUY_SOMETHING: Final = (
    ".venv/bin/python examples/image_upscaler/buy.py examples/image_upscaler/sample.jpg"
)
ONE_OF_OURS: Final = (sys.executable, "-m", "entrypoints")


@attrs.define
class Child:
    """One supervised process. One that ends unasked is started again."""

    name: str
    command: Sequence[str]
    environ: Mapping[str, str] = attrs.field(factory=lambda: dict(os.environ), repr=False)
    process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        self.process = await asyncio.create_subprocess_exec(*self.command, env=self.environ)

    async def keep_alive(self, stopping: asyncio.Event) -> None:
        while self.process is not None:
            status = await self.process.wait()
            if stopping.is_set():
                return
            log.warning("process.ended", process=self.name, status=status)
            await asyncio.sleep(RESTART_AFTER_S)
            if not stopping.is_set():
                await self.start()

    async def stop(self) -> None:
        if self.process is None or self.process.returncode is not None:
            return
        self.process.terminate()
        try:
            async with asyncio.timeout(STOP_WITHIN_S):
                await self.process.wait()
        except TimeoutError:
            log.warning("process.killed", process=self.name)
            self.process.kill()
            await self.process.wait()


def run_everything(settings: Settings, *, also: Sequence[str]) -> int:
    asyncio.run(_run(settings, also))
    return 0


async def _run(settings: Settings, also: Sequence[str]) -> None:
    _refuse_taken_ports(settings)
    stopping = stop_signal()
    async with AsyncExitStack() as stack:
        # Held open here, so that the database does not stop between two of our processes.
        await stack.enter_async_context(open_database(settings))
        await migrate_database(settings)
        children = await _start(settings, also, stopping, stack)
        if not stopping.is_set():
            print(_greeting(settings), file=sys.stderr, flush=True)
        keepers = [asyncio.create_task(child.keep_alive(stopping)) for child in children]
        await stopping.wait()
        await asyncio.gather(*(child.stop() for child in children), *keepers)


async def _start(
    settings: Settings, also: Sequence[str], stopping: asyncio.Event, stack: AsyncExitStack
) -> list[Child]:
    children: list[Child] = []

    async def start(child: Child) -> None:
        await child.start()
        children.append(child)
        stack.push_async_callback(child.stop)

    if settings.is_sandbox and settings.stripe.base_url == _local_sandbox(settings):
        sandbox = Child("sandbox", [*ONE_OF_OURS, "sandbox"])
        await start(sandbox)
        await _until_answers(f"{settings.stripe.base_url}/_sandbox/clock", sandbox, stopping)
    api = Child("api", [*ONE_OF_OURS, "api"])
    await start(api)
    await start(Child("background", [*ONE_OF_OURS, "background"]))
    await _until_answers(f"http://{_reachable(settings)}/readyz", api, stopping)
    for command in also:
        words = shlex.split(command)
        name = next((word for word in words if word.endswith(".py")), words[0])
        await start(Child(name, words, environ=_environ_for_others(settings)))
    return children


async def _until_answers(url: str, child: Child, stopping: asyncio.Event) -> None:
    ends_at = asyncio.get_running_loop().time() + READY_WITHIN_S
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5)) as session:
        while not stopping.is_set():
            if await _answers(session, url):
                return
            if child.process is not None and child.process.returncode is not None:
                raise CannotStart(f"{child.name} could not start: it says why above")
            if asyncio.get_running_loop().time() > ends_at:
                raise CannotStart(f"{child.name} is not ready after {READY_WITHIN_S:.0f} s")
            await asyncio.sleep(0.1)


async def _answers(session: aiohttp.ClientSession, url: str) -> bool:
    try:
        async with session.get(url) as answer:
            return answer.ok
    except (aiohttp.ClientError, TimeoutError):
        return False


def _refuse_taken_ports(settings: Settings) -> None:
    """Say at once what a child would say later, and less clearly."""
    wanted = {"COUNTERFOIL_PORT": (settings.host, settings.port)}
    if settings.is_sandbox and settings.stripe.base_url == _local_sandbox(settings):
        wanted["COUNTERFOIL_SANDBOX_PORT"] = ("127.0.0.1", settings.sandbox_port)
    taken = [name for name, (host, port) in wanted.items() if _is_taken(host, port)]
    if taken:
        ports = ", ".join(f"{wanted[name][1]} ({name})" for name in taken)
        raise CannotStart(
            f"these ports are taken: {ports}. Stop what listens there (another "
            "`counterfoil run`?), or set other ports by those names"
        )


def _is_taken(host: str, port: int) -> bool:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return True
    return False


def _local_sandbox(settings: Settings) -> str:
    return f"http://127.0.0.1:{settings.sandbox_port}"


def _reachable(settings: Settings) -> str:
    host = "127.0.0.1" if settings.host in {"0.0.0.0", "::"} else settings.host  # noqa: S104  compared, not bound
    return f"[{host}]:{settings.port}" if ":" in host else f"{host}:{settings.port}"


def _environ_for_others(settings: Settings) -> dict[str, str]:
    """What a command beside us needs to be an ordinary client of ours, and none of our secrets."""
    ours = ("COUNTERFOIL_", "STRIPE_", "DATABASE_URL")
    environ = {k: v for k, v in os.environ.items() if not k.startswith(ours)}
    environ["API_URL"] = f"http://{_reachable(settings)}"
    tokens = settings.tokens
    if tokens.secret is not None:
        signer = SecretTokens(secret=tokens.secret, issuer=tokens.issuer, audience=tokens.audience)
        environ["WORKER_TOKEN"] = signer.issue(
            "example-worker", ["worker"], lasts_s=WORKER_TOKEN_LASTS_S
        )
    return environ


def _greeting(settings: Settings) -> str:
    lines = [
        "",
        "Counterfoil is ready.",
        f"  API             {settings.public_url}/api/offers",
    ]
    if settings.is_sandbox:
        lines += [
            f"  Stripe sandbox  {settings.stripe.base_url}/",
            f"  Buy something   {BUY_SOMETHING}",
        ]
    lines += ["  Stop            Ctrl-C", ""]
    return "\n".join(lines)
