"""`counterfoil` as a person runs it: real processes, an empty data directory, no database."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import attrs

from tests.end_to_end.house import free_port, until

COUNTERFOIL = [sys.executable, "-m", "entrypoints"]


@attrs.define
class Running:
    """A `counterfoil run` and its addresses. *log* is all it has said so far."""

    process: asyncio.subprocess.Process
    environ: Mapping[str, str]
    http: aiohttp.ClientSession
    log_path: Path

    @property
    def log(self) -> str:
        return self.log_path.read_text()

    @property
    def api(self) -> str:
        return f"http://127.0.0.1:{self.environ['COUNTERFOIL_PORT']}"

    @property
    def sandbox(self) -> str:
        return f"http://127.0.0.1:{self.environ['COUNTERFOIL_SANDBOX_PORT']}"

    async def ask(self, url: str, body: object = None, token: str | None = None) -> Any:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        method = "GET" if body is None else "POST"
        async with self.http.request(method, url, json=body, headers=headers) as answer:
            return await answer.json() if answer.status != 204 else None

    async def is_ready(self) -> bool:
        try:
            async with self.http.get(f"{self.api}/readyz") as answer:
                return answer.ok
        except aiohttp.ClientError:
            return False

    def pid_of(self, name: str) -> int:
        """The process that was started last under *name*, by what it is called."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        for pid in children.read_text().split():
            words = Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0")
            if name in words:
                return int(pid)
        raise LookupError(name)

    def kill(self, name: str) -> None:
        os.kill(self.pid_of(name), signal.SIGKILL)

    async def stop(self) -> int:
        if self.process.returncode is None:
            self.process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(40):
            return await self.process.wait()


def environ_of(folder: Path, **more: str) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "TMPDIR") if name in os.environ}
    return {
        **kept,
        # An empty home: nothing of ours may need, or change, what is in it.
        "HOME": str(folder / "home"),
        "COUNTERFOIL_DATA_DIR": str(folder / "data"),
        "COUNTERFOIL_PORT": str(free_port()),
        "COUNTERFOIL_SANDBOX_PORT": str(free_port()),
        **more,
    }


@asynccontextmanager
async def running(
    environ: Mapping[str, str], folder: Path, *arguments: str
) -> AsyncIterator[Running]:
    log_path = folder / "log"
    with log_path.open("ab") as log:
        process = await asyncio.create_subprocess_exec(
            *COUNTERFOIL, "run", *arguments, env=environ, stdout=log, stderr=log, cwd=folder
        )
    async with aiohttp.ClientSession() as http:
        house = Running(process, environ, http, log_path)
        try:
            await until(house.is_ready, bool, patience_s=60)
            yield house
        finally:
            await house.stop()


async def command(environ: Mapping[str, str], *arguments: str) -> tuple[int, str, str]:
    """Run one command to its end; return its status and what it said."""
    process = await asyncio.create_subprocess_exec(
        *COUNTERFOIL,
        *arguments,
        env=environ,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(60):
        out, err = await process.communicate()
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()
