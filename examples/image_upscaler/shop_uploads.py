"""Taking in a file from a stranger: counted, measured by ourselves, and believed in nothing.

Its name is only ever shown; its type is what the decoder saw, not what the browser said.
"""

from __future__ import annotations

import asyncio
import shutil
import time
import unicodedata
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import attrs
from aiohttp import BodyPartReader, hdrs, web
from fetching import BYTES_MAX
from pictures import BadPicture, opened, size_of
from shop_orders import ASSUMED, Order, Orders, Upload, new_name

FORM_BYTES: Final = 16 * 1024
"""What a form weighs beside the file in it, at most."""

NAME_LENGTH_MAX: Final = 80
UNKNOWN_TYPE: Final = "application/octet-stream"
CONTENT_TYPES: Final = {
    "JPEG": "image/jpeg",
    "PNG": "image/png",
    "GIF": "image/gif",
    "WEBP": "image/webp",
    "BMP": "image/bmp",
}

_one_at_a_time = asyncio.Lock()


class NotTaken(Exception):
    """The upload is refused; says why, in words for the customer."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status


TOO_LARGE: Final = f"This file is larger than the {BYTES_MAX // 1024**2} MB we can take."


@attrs.frozen
class Counter:
    """Where uploads come in and become orders."""

    orders: Orders
    bytes_max: int = BYTES_MAX

    async def take(self, request: web.Request) -> Order:
        """Make an order of the form's file; raise NotTaken."""
        if (request.content_length or 0) > self.bytes_max + FORM_BYTES:
            raise NotTaken(413, TOO_LARGE)
        if request.content_type != "multipart/form-data":
            raise NotTaken(415, "Please choose a file with the form.")
        order_id = new_name()
        part = self.orders.folder / f"{order_id}.part"
        try:
            name = await self._store(request, part)
            return await self._order(order_id, name, part)
        finally:
            part.unlink(missing_ok=True)

    async def take_again(self, order: Order) -> Order:
        """Make another order of what was uploaded for this one."""
        return await self.take_copy(self.orders.upload_of(order), order.upload.name)

    async def take_copy(self, file: Path, name: str) -> Order:
        order_id = new_name()
        part = self.orders.folder / f"{order_id}.part"
        await asyncio.to_thread(shutil.copyfile, file, part)
        return await self._order(order_id, name, part)

    async def _store(self, request: web.Request, target: Path) -> str:
        try:
            field = await self._field(request)
            received = 0
            with target.open("wb") as file:
                async for chunk in _chunks(field):
                    received += len(chunk)
                    if received > self.bytes_max:
                        raise NotTaken(413, TOO_LARGE)
                    file.write(chunk)
        except ValueError:
            raise NotTaken(400, "The upload arrived broken. Please send it again.") from None
        if not received:
            raise NotTaken(400, "Please choose a file first: this one is empty.")
        return shown_name(field.filename or "")

    async def _field(self, request: web.Request) -> BodyPartReader:
        field = await (await request.multipart()).next()
        if not isinstance(field, BodyPartReader) or field.name != "picture":
            raise NotTaken(400, "Please choose a file with the form.")
        if hdrs.CONTENT_ENCODING in field.headers:
            # Unpacking is how a small upload becomes a large one.
            raise NotTaken(415, "Please send the file as it is, not packed.")
        return field

    async def _order(self, order_id: str, name: str, part: Path) -> Order:
        # Pillow's limits are global: two threads at once would undo each other's.
        async with _one_at_a_time:
            upload = await asyncio.to_thread(_measured, name, part)
        order = Order(id=order_id, picture=new_name(), created_at=time.time(), upload=upload)
        return self.orders.take_in(order, part)


async def _chunks(field: BodyPartReader) -> AsyncIterator[bytes]:
    while chunk := await field.read_chunk(64 * 1024):
        yield chunk


def _measured(name: str, path: Path) -> Upload:
    size, flaw, content_type = ASSUMED, None, UNKNOWN_TYPE
    try:
        with opened(path) as picture:
            size = size_of(picture)
            content_type = CONTENT_TYPES[picture.format or ""]
    except BadPicture as bad:
        flaw = bad.reason
    return Upload(
        name=name,
        bytes=path.stat().st_size,
        content_type=content_type,
        width=size.width,
        height=size.height,
        flaw=flaw,
    )


def shown_name(given: str) -> str:
    """The last part of a file name, without what could deceive a reader or break a header."""
    last = given.replace("\\", "/").rpartition("/")[2]
    plain = "".join(c for c in last if unicodedata.category(c)[0] != "C").strip(" .")
    stem, dot, ending = plain.rpartition(".")
    if len(plain) > NAME_LENGTH_MAX and stem and len(ending) <= 5:  # noqa: PLR2004  .jpeg and the like
        plain = stem[: NAME_LENGTH_MAX - len(ending) - 1] + dot + ending
    return plain[:NAME_LENGTH_MAX] or "picture"
