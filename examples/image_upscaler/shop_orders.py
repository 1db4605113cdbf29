"""The shop's orders: in memory, and one small JSON file each, so that a restart keeps them.

Whoever knows an order's id may see it and act on it, so ids are unguessable and never logged. An
order's files lie beside it: `ID.upload` as the customer sent it, `ID.result` as it was delivered.
"""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import time
from collections import defaultdict
from pathlib import Path
from typing import Any, Final

import attrs
from pictures import Size

ID_BYTES: Final = 24
ID_PATTERN: Final = "[A-Za-z0-9_-]{32}"
DRAFTS_KEPT_S: Final = 24 * 3600.0
"""How long an upload nobody bought anything for stays on the disk."""

ASSUMED: Final = Size(800, 600)
"""What a file we cannot measure is said to be: the worker looks for itself, and refuses it."""


@attrs.frozen(kw_only=True)
class Upload:
    """What the customer sent; *flaw* says why it could not be measured, as BadPicture does."""

    name: str
    bytes: int
    content_type: str
    width: int
    height: int
    flaw: str | None

    @property
    def size(self) -> Size:
        return Size(self.width, self.height)


@attrs.frozen(kw_only=True)
class Intent:
    """What the customer wants, written down before the API is asked: with the same *key* the
    same thing is not bought twice, even if we die in between.
    """

    offer: str
    key: str = attrs.field(repr=False)
    amount_shown: int
    currency: str


@attrs.frozen(kw_only=True)
class Purchase:
    """What the API answered. The token never leaves this machine's disk and memory."""

    job_id: str
    session_id: str
    session_url: str
    access_token: str = attrs.field(repr=False)
    amount: int
    currency: str


@attrs.frozen(kw_only=True)
class Order:
    id: str = attrs.field(repr=False)
    picture: str = attrs.field(repr=False)
    """The other unguessable name, under which the worker fetches the upload, and nothing else."""
    created_at: float
    upload: Upload
    intent: Intent | None = None
    purchase: Purchase | None = None
    returned_at: float | None = None
    """When the customer came back from paying; None after coming back without."""

    @property
    def is_draft(self) -> bool:
        return self.intent is None


class NoSuchOrder(Exception):
    pass


def new_name() -> str:
    return secrets.token_urlsafe(ID_BYTES)


@attrs.frozen
class Orders:
    folder: Path
    _known: dict[str, Order] = attrs.field(factory=dict, init=False)
    _locks: defaultdict[str, asyncio.Lock] = attrs.field(
        factory=lambda: defaultdict(asyncio.Lock), init=False
    )

    def load(self) -> None:
        """Read what an earlier run has left, and clear away what nobody came back for."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for path in self.folder.glob("*.json"):
            order = _read(path)
            if order.is_draft and time.time() - order.created_at > DRAFTS_KEPT_S:
                self._remove(order)
            else:
                self._known[order.id] = order
        for part in self.folder.glob("*.part"):
            part.unlink()

    def get(self, order_id: str) -> Order:
        try:
            return self._known[order_id]
        except KeyError:
            raise NoSuchOrder from None

    def with_picture(self, name: str) -> Order:
        order = next((one for one in self._known.values() if one.picture == name), None)
        if order is None:
            raise NoSuchOrder
        return order

    def keep(self, order: Order) -> Order:
        """Write the order, whole or not at all, and return it."""
        part = self.folder / f"{order.id}.json.part"
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            json.dump(attrs.asdict(order), file, indent=1)
        part.replace(self.folder / f"{order.id}.json")
        self._known[order.id] = order
        return order

    def take_in(self, order: Order, file: Path) -> Order:
        """Keep a new order with its upload, which is moved here."""
        file.replace(self.upload_of(order))
        return self.keep(order)

    def lock(self, order_id: str) -> asyncio.Lock:
        """One thing at a time happens to an order: a double click buys once."""
        return self._locks[order_id]

    def upload_of(self, order: Order) -> Path:
        return self.folder / f"{order.id}.upload"

    def result_of(self, order: Order) -> Path:
        return self.folder / f"{order.id}.result"

    def _remove(self, order: Order) -> None:
        self.upload_of(order).unlink(missing_ok=True)
        (self.folder / f"{order.id}.json").unlink(missing_ok=True)


def _read(path: Path) -> Order:
    kept: dict[str, Any] = json.loads(path.read_text())
    kept["upload"] = Upload(**kept["upload"])
    kept["intent"] = kept["intent"] and Intent(**kept["intent"])
    kept["purchase"] = kept["purchase"] and Purchase(**kept["purchase"])
    return Order(**kept)
