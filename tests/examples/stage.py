"""What the tests stand on: customers' web servers, a worker in this process, scripts outside it."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import attrs
from aiohttp import web
from aiohttp.test_utils import TestServer
from counterfoil_api import Api
from fetching import Fetcher
from results import Results, start_server
from worker import Worker

from tests.examples.fake_service import WORKER_TOKEN, Service

EXAMPLE = Path(__file__).parents[2] / "examples" / "image_upscaler"


@attrs.define
class Sources:
    """Where customers keep their pictures."""

    url: str = ""
    files: dict[str, bytes] = attrs.field(factory=dict)
    asked: asyncio.Event = attrs.field(factory=asyncio.Event)
    left: asyncio.Event = attrs.field(factory=asyncio.Event)

    def put(self, name: str, content: bytes) -> str:
        self.files[name] = content
        return f"{self.url}/files/{name}"

    async def send(self, request: web.Request) -> web.Response:
        return web.Response(body=self.files[request.match_info["name"]])

    async def refuse(self, request: web.Request) -> web.Response:
        status = int(request.match_info["status"])
        return web.Response(status=status, headers={"Location": f"{self.url}/files/picture"})

    async def hang(self, _: web.Request) -> web.Response:
        """Never answer, and notice when the other side has had enough."""
        self.asked.set()
        try:
            await asyncio.sleep(60)
        finally:
            self.left.set()
        return web.Response()


@asynccontextmanager
async def serve_sources() -> AsyncIterator[Sources]:
    sources = Sources()
    app = web.Application()
    app.router.add_get("/files/{name}", sources.send)
    app.router.add_get("/status/{status}", sources.refuse)
    app.router.add_get("/hang", sources.hang)
    server = TestServer(app, shutdown_timeout=0.1)
    await server.start_server()
    sources.url = str(server.make_url("")).rstrip("/")
    try:
        yield sources
    finally:
        await server.close()


@asynccontextmanager
async def working(
    service: Service, folder: Path, fetcher: Fetcher | None = None
) -> AsyncIterator[Worker]:
    """A worker in this process, on real sockets; told to stop at the end."""
    results = Results(folder)
    runner, port = await start_server(results, 0)
    async with aiohttp.ClientSession() as session:
        api = Api(session, service.url, WORKER_TOKEN)
        url = f"http://127.0.0.1:{port}/results"
        worker = Worker(api, fetcher or Fetcher(), results, url)
        running = asyncio.create_task(worker.run())
        try:
            yield worker
        finally:
            worker.stopping.set()
            await asyncio.wait_for(running, timeout=5)
            await runner.cleanup()


async def start(script: str, *arguments: str, **environ: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        str(EXAMPLE / script),
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env={"PATH": os.environ["PATH"], **environ},
    )


async def output_of(process: asyncio.subprocess.Process) -> tuple[int | None, str]:
    told, _ = await asyncio.wait_for(process.communicate(), timeout=20)
    return process.returncode, told.decode()


async def download(url: str) -> tuple[bytes, Any]:
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        return await answer.read(), answer
