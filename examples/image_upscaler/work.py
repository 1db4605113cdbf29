"""One leased job: fetch, upscale, keep; meanwhile heartbeats, which say how far it is."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final, TypeAlias

import attrs
from counterfoil_api import Api, Refused, Unanswered
from fetching import Fetcher, NoSource
from results import Results

UPSCALE: Final = Path(__file__).with_name("upscale.py")
FACTORS: Final = {"image-upscale-2x": 2, "image-upscale-4x": 4}
LEASE_S: Final = 30
BEAT_EVERY_S: Final = 8.0
BEAT_AT_MOST_EVERY_S: Final = 0.5


@attrs.frozen
class Done:
    """What is delivered: the finished picture's *name* among the results, and its description."""

    name: str
    result: Mapping[str, Any]


@attrs.frozen
class Failed:
    reason: str
    retryable: bool


@attrs.frozen
class Lost:
    """The job is no longer ours: nothing we say about it counts."""

    why: str


Outcome: TypeAlias = Done | Failed | Lost


class WorkFailed(Exception):
    def __init__(self, reason: str, *, retryable: bool) -> None:
        super().__init__(reason)
        self.failed = Failed(reason, retryable)


@attrs.define
class Progress:
    """Steps done of all steps, counting the fetching as one. Set by the work, told by the beat."""

    done: float = 0.0
    changed: asyncio.Event = attrs.field(factory=asyncio.Event)

    def reach(self, step: int, of: int) -> None:
        self.done = step / of
        self.changed.set()


@attrs.frozen
class Work:
    """Does one job. Cancelling it stops the upscaling process, too."""

    assignment: Mapping[str, Any]
    fetcher: Fetcher
    results: Results
    results_url: str
    progress: Progress = attrs.field(factory=Progress)

    async def __call__(self) -> Outcome:
        """Return Done or Failed."""
        try:
            with self.results.desk() as folder:
                return await self._deliver(Path(folder))
        except NoSource as missing:
            return Failed(missing.reason, missing.retryable)
        except WorkFailed as error:
            return error.failed

    async def _deliver(self, folder: Path) -> Done:
        url, width, height = self._inputs()
        source, target = folder / "source", folder / "target"
        await self.fetcher.fetch(url, source)
        factor = FACTORS[self.assignment["offer"]]
        made = await self._upscale(str(source), str(factor), str(width), str(height), str(target))
        name = self.results.keep(target, made["content_type"])
        return Done(name, {"url": f"{self.results_url}/{name}", **made})

    def _inputs(self) -> tuple[str, int, int]:
        """Counterfoil has checked them against the offer, unless somebody changed the offer."""
        match self.assignment["inputs"]:
            case {"url": str(url), "width": int(width), "height": int(height)}:
                return url, width, height
            case _:
                raise WorkFailed("inputs_unusable", retryable=False)

    async def _upscale(self, *arguments: str) -> dict[str, Any]:
        async with _process(sys.executable, str(UPSCALE), *arguments) as lines:
            async for line in lines:
                match json.loads(line):
                    case {"step": step, "of": of}:
                        self.progress.reach(step + 1, of + 1)
                    case {"refused": reason}:
                        raise WorkFailed(reason, retryable=False)
                    case {"done": made}:
                        return dict(made)
        raise WorkFailed("upscaler_died", retryable=True)


@asynccontextmanager
async def _process(*command: str) -> AsyncIterator[asyncio.StreamReader]:
    """Run *command*, and see that it is gone afterwards, however this ends."""
    # In a session of its own: Ctrl-C is for the worker, which then decides about the job.
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, start_new_session=True
    )
    assert process.stdout is not None  # noqa: S101  it was asked for
    try:
        yield process.stdout
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


@attrs.frozen
class Heartbeat:
    """Tells Counterfoil that the work goes on, at every bit of progress and at least every 8 s."""

    api: Api
    path: str
    lease: str
    progress: Progress

    async def __call__(self) -> Lost:
        """Go on until the lease is lost."""
        while True:
            try:
                await self._beat()
            except Unanswered:
                # The work goes on. Whether it still counts is known when there is an answer.
                pass
            except Refused as refused:
                return Lost(str(refused))
            await asyncio.sleep(BEAT_AT_MOST_EVERY_S)
            await self._next_change()

    async def _beat(self) -> None:
        self.progress.changed.clear()
        body = {"lease": self.lease, "progress": self.progress.done, "lease_s": LEASE_S}
        await self.api.post(f"{self.path}/heartbeat", body, timeout_s=BEAT_EVERY_S)

    async def _next_change(self) -> None:
        try:
            async with asyncio.timeout(BEAT_EVERY_S - BEAT_AT_MOST_EVERY_S):
                await self.progress.changed.wait()
        except TimeoutError:
            pass
