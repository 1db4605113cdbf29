"""A browser at the shop, which says where its posts come from and remembers all it was shown."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import attrs
from shop import Options, running

from tests.examples.fake_service import Job, Service

OWN = {"Sec-Fetch-Site": "same-origin"}


@attrs.frozen
class Answer:
    status: int
    headers: Any
    body: bytes
    path: str

    @property
    def text(self) -> str:
        return self.body.decode()


@attrs.frozen
class Browser:
    """Follows redirects, says that its posts come from the shop's own pages, remembers all it saw."""

    session: aiohttp.ClientSession
    origin: str
    seen: list[Answer] = attrs.field(factory=list)

    async def get(self, path: str, **more: Any) -> Answer:
        return await self._ask("GET", path, **more)

    async def post(self, path: str, data: Any = None, **more: Any) -> Answer:
        return await self._ask("POST", path, data=data, **({"headers": OWN} | more))

    async def upload(
        self, content: bytes | io.BytesIO, name: str = "holiday.png", **more: Any
    ) -> Answer:
        form = aiohttp.FormData(quote_fields=False)
        form.add_field("picture", content, filename=name, **({"content_type": "image/png"} | more))
        return await self.post("/orders", form)

    async def _ask(self, method: str, path: str, **more: Any) -> Answer:
        async with self.session.request(method, f"{self.origin}{path}", **more) as raw:
            answer = Answer(raw.status, raw.headers, await raw.read(), raw.url.path)
        self.seen.append(answer)
        return answer

    async def until(self, order: str, headline: str) -> dict[str, Any]:
        async with asyncio.timeout(10):
            while True:
                told = (await self.get(f"{order}/status.json")).text
                if headline in told:
                    return dict(json.loads(told))
                await asyncio.sleep(0.05)


@asynccontextmanager
async def browsing(service: Service, data: Path) -> AsyncIterator[Browser]:
    options = Options(api=service.url, port=0, data=data)
    async with running(options) as origin, aiohttp.ClientSession() as session:
        yield Browser(session, origin)


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def only_job(service: Service) -> Job:
    (job,) = service.jobs.values()
    return job


async def pay(service: Service, browser: Browser, order: str) -> None:
    """What the hosted page does: take the money, send the customer back."""
    job = only_job(service)
    job.status = "paid"
    await service.tell()
    await browser.get(f"{order}/paid?payment=success&job_id={job.id}&session_id=cs_1")


async def ordered(browser: Browser, content: bytes, offer: str = "image-upscale-2x") -> str:
    order = (await browser.upload(content)).path
    await browser.post(f"{order}/buy", {"offer": offer})
    return order
