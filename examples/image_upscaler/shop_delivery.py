"""Fetch a finished picture from the worker once, check that it is what was promised, keep it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import aiohttp
import attrs
from shop_orders import Order, Orders

RESULT_BYTES_MAX: Final = 1024**3
TIMEOUT_S: Final = 300.0
CHUNK_BYTES: Final = 256 * 1024
OK: Final = 200
ENDINGS: Final = {"image/png": "png", "image/jpeg": "jpg"}


class NotDelivered(Exception):
    """The picture cannot be had, or is not the one that was promised; says why."""


@attrs.frozen
class Delivery:
    session: aiohttp.ClientSession
    orders: Orders

    async def bring(self, order: Order, result: Mapping[str, Any]) -> Path:
        """Return where the checked picture lies; raise NotDelivered."""
        target = self.orders.result_of(order)
        async with self.orders.lock(order.id):
            if not target.exists():
                await self._fetch(result, target)
        return target

    async def _fetch(self, result: Mapping[str, Any], target: Path) -> None:
        if result["content_type"] not in ENDINGS or result["bytes"] > RESULT_BYTES_MAX:
            raise NotDelivered("it is not a picture we deliver")
        part = target.with_suffix(".part")
        try:
            await self._download(result, part)
            part.replace(target)
        except (aiohttp.ClientError, TimeoutError) as error:
            raise NotDelivered("the machine that made it does not answer") from error
        finally:
            part.unlink(missing_ok=True)

    async def _download(self, result: Mapping[str, Any], target: Path) -> None:
        digest, received = hashlib.sha256(), 0
        timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
        async with self.session.get(
            result["url"], timeout=timeout, allow_redirects=False
        ) as answer:
            if answer.status != OK:
                raise NotDelivered("the machine that made it no longer has it")
            with target.open("wb") as file:
                async for chunk in answer.content.iter_chunked(CHUNK_BYTES):
                    received += len(chunk)
                    if received > result["bytes"]:
                        break
                    digest.update(chunk)
                    file.write(chunk)
        if received != result["bytes"] or digest.hexdigest() != result["sha256"]:
            raise NotDelivered("what arrived is not what was made for you")


def attachment(order: Order, factor: int, content_type: str) -> str:
    """A Content-Disposition that saves `holiday.jpg` as `holiday-2x.jpg`, in any script."""
    stem = order.upload.name.rpartition(".")[0] or order.upload.name
    name = f"{stem}-{factor}x.{ENDINGS[content_type]}"
    plain = "".join(c if c.isascii() and c not in '"\\%' else "_" for c in name)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"
