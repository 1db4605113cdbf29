"""One sandbox: its books, its clock, and what happens by itself."""

import asyncio
from collections.abc import Callable, Mapping
from itertools import islice
from random import Random
from typing import Final

from aiohttp import web

from entrypoints.stripe_sandbox.agenda import Agenda
from entrypoints.stripe_sandbox.books import Books
from entrypoints.stripe_sandbox.clock import Clock
from entrypoints.stripe_sandbox.delivery.announcing import DELIVERY
from entrypoints.stripe_sandbox.delivery.deliverer import Deliverer
from entrypoints.stripe_sandbox.delivery.dial import Dial
from entrypoints.stripe_sandbox.delivery.endpoints import configure_endpoint
from entrypoints.stripe_sandbox.disk import Disk
from entrypoints.stripe_sandbox.faults import Faults
from entrypoints.stripe_sandbox.settings import SandboxSettings

Action = Callable[["Sandbox", str], None]


class Sandbox:
    def __init__(self, settings: SandboxSettings, actions: Mapping[str, Action]) -> None:
        self.settings = settings
        self.disk = Disk(settings.state_dir) if settings.state_dir else None
        self.books = Books(self.disk)
        self.clock = Clock(self.books)
        # One each, so that what is delivered when cannot change which requests fail.
        self.fault_random = repeatable(settings.seed)
        self.delivery_random = repeatable(settings.seed)
        self.faults = Faults(self.books, self.fault_random)
        self.dial = Dial(self.books)
        self.agenda = Agenda(self.books, self.clock, self._act)
        self.deliverer = Deliverer(
            settings, self.books, self.clock, self.dial, self.delivery_random
        )
        self.in_flight: set[str] = set()
        self.closing = asyncio.Event()
        self._actions = actions
        self.configure()

    def configure(self) -> None:
        """Put what the settings say about the webhook endpoint into the books."""
        with self.books.unit():
            configure_endpoint(self.books, self.settings, now=self.clock.epoch())

    def reset(self, seed: int | None) -> None:
        with self.books.unit():
            self.books.clear()
        for random in (self.fault_random, self.delivery_random):
            random.seed(self.settings.seed if seed is None else seed)
        self.configure()
        self.wake()

    def advance(self, seconds: float) -> None:
        with self.books.unit():
            self.clock.advance(seconds)
        self.agenda.run_due()
        self.wake()

    def planned(self) -> int:
        """How many deliveries were ever planned; see *kept*."""
        return len(self.books.all(DELIVERY))

    async def kept(self, already_planned: int) -> None:
        """Before any answer: what it tells is on disk, and delivered if that was asked for."""
        await self.books.durable()
        if self.dial.setting.before_response:
            fresh = list(islice(self.books.all(DELIVERY), already_planned, None))
            await self.deliverer.first_attempts(fresh)

    def wake(self) -> None:
        self.agenda.wake()
        self.deliverer.wake()

    def _act(self, action: str, target: str) -> None:
        self._actions[action](self, target)


def repeatable(seed: int | None) -> Random:
    return Random(seed)  # noqa: S311  chaos that can be repeated, not secrets


SANDBOX: Final = web.AppKey("sandbox", Sandbox)
