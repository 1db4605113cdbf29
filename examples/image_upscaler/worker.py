"""An upscaling worker: it leases paid jobs from Counterfoil and delivers larger pictures.

It knows nothing of money. It says that a job is done, that it failed for now, or that it failed
for good; Counterfoil gives the money back in the last case, and in every case that this worker
does not live to tell.

    WORKER_TOKEN=… python worker.py --api http://127.0.0.1:8080

Pictures are fetched from this machine only, unless --source-host names other hosts.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
import time
import traceback
from collections.abc import Coroutine, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import aiohttp
import attrs
from counterfoil_api import Api, Refused, Unanswered, insist, pauses
from fetching import LOOPBACK, Fetcher
from results import Results, start_server
from work import FACTORS, LEASE_S, Done, Failed, Heartbeat, Lost, Outcome, Work

WAIT_S: Final = 25
GRACE_S: Final = 12.0
"""How long the job in hand may go on after SIGTERM, before it is handed back."""

STOP_WITHIN_S: Final = 18.0


def say(message: str) -> None:
    print(f"{time.strftime('%H:%M:%S')}  {message}", flush=True)


@attrs.define
class Worker:
    api: Api
    fetcher: Fetcher
    results: Results
    results_url: str
    stopping: asyncio.Event = attrs.field(factory=asyncio.Event)
    grace_s: float = GRACE_S

    async def run(self) -> None:
        """Lease and work until told to stop, whatever the API answers meanwhile."""
        waits = pauses()
        while not self.stopping.is_set():
            try:
                assignment = await self._until_stopped(self._lease())
                waits = pauses()
            except (Unanswered, Refused) as trouble:
                wait_s = next(waits)
                say(f"no job to be had from {self.api.url}: {trouble}; again in {wait_s:.1f} s")
                await self._until_stopped(asyncio.sleep(wait_s))
                continue
            if assignment is not None:
                await self._take(assignment)

    async def _lease(self) -> Any:
        body = {"offers": list(FACTORS), "wait_s": WAIT_S, "lease_s": LEASE_S}
        return await self.api.post("/api/jobs/lease", body, timeout_s=WAIT_S + 10)

    async def _until_stopped(self, doing: Coroutine[Any, Any, Any]) -> Any:
        """Return what *doing* returns, or None as soon as we are told to stop."""
        task = asyncio.create_task(doing)
        stop = asyncio.create_task(self.stopping.wait())
        try:
            await asyncio.wait({task, stop}, return_when=asyncio.FIRST_COMPLETED)
            return task.result() if task.done() else None
        finally:
            # A job leased at this very moment waits until its lease is over. None is lost.
            task.cancel()
            stop.cancel()

    async def _take(self, assignment: Mapping[str, Any]) -> None:
        job_id, lease = assignment["job_id"], assignment["lease"]
        say(f"{job_id}  {assignment['offer']}, attempt {assignment['attempt']}")
        work = Work(assignment, self.fetcher, self.results, self.results_url)
        heartbeat = Heartbeat(self.api, f"/api/jobs/{job_id}", lease, work.progress)
        started = time.monotonic()
        outcome = await self._first_of(work(), heartbeat(), self._grace())
        say(f"{job_id}  {_described(outcome)} after {time.monotonic() - started:.1f} s")
        # The heart has stopped by now: once the end is told, its refusal would mean nothing.
        await self._tell(job_id, lease, outcome)

    async def _first_of(self, *contenders: Coroutine[Any, Any, Outcome]) -> Outcome:
        """Return what is known first, in the order given if several are, and stop the others."""
        tasks = [asyncio.create_task(contender) for contender in contenders]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            return next(task for task in tasks if task.done()).result()
        except Exception as error:  # noqa: BLE001  a bug or a full disk costs one attempt, no more
            traceback.print_exception(error)
            return Failed("worker_error", retryable=True)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _grace(self) -> Failed:
        await self.stopping.wait()
        await asyncio.sleep(self.grace_s)
        return Failed("worker_stopped", retryable=True)

    async def _tell(self, job_id: str, lease: str, outcome: Outcome) -> None:
        what: Mapping[str, object]
        match outcome:
            case Lost():
                return
            case Done(_, result):
                verb, what = "complete", {"result": result}
            case Failed(reason, retryable):
                verb, what = "fail", {"reason": reason, "retryable": retryable}
        path, body = f"/api/jobs/{job_id}/{verb}", {"lease": lease, **what}
        try:
            answer = await insist(
                lambda: self.api.post(path, body),
                lambda trouble, wait_s: say(
                    f"{job_id}  untold: {trouble}; again in {wait_s:.1f} s"
                ),
            )
        except Refused as refused:
            say(f"{job_id}  dropped: {refused}")
            if isinstance(outcome, Done):
                self.results.drop(outcome.name)
        else:
            say(f"{job_id}  is {answer['status']}")


def _described(outcome: Outcome) -> str:
    match outcome:
        case Done(_, result):
            return f"made {result['width']}×{result['height']}, {result['bytes']:,} bytes"
        case Failed(reason, retryable):
            return f"failed {'for now' if retryable else 'for good'}: {reason}"
        case Lost(why):
            return f"dropped: {why}"


async def work_until_stopped(options: Options) -> None:
    options.results.mkdir(parents=True, exist_ok=True)
    results = Results(options.results.resolve())
    results.clear_abandoned_desks()
    runner, port = await start_server(results, options.port)
    try:
        async with aiohttp.ClientSession() as session:
            api = Api(session, options.api, options.token)
            results_url = f"http://127.0.0.1:{port}/results"
            worker = Worker(api, Fetcher(options.source_hosts), results, results_url)
            with suppress(TimeoutError):
                async with asyncio.timeout(None) as limit:
                    _obey_signals(worker.stopping, limit)
                    say(f"working for {options.api}; results in {results.folder}")
                    await worker.run()
            say("stopped")
    finally:
        await runner.cleanup()


def _obey_signals(stopping: asyncio.Event, limit: asyncio.Timeout) -> None:
    loop = asyncio.get_running_loop()

    def stop() -> None:
        if not stopping.is_set():
            stopping.set()
            limit.reschedule(loop.time() + STOP_WITHIN_S)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)


@attrs.frozen(kw_only=True)
class Options:
    api: str
    token: str = attrs.field(repr=False)
    results: Path
    port: int
    source_hosts: frozenset[str]


def options_of(arguments: list[str]) -> Options:
    parser = argparse.ArgumentParser(
        description="Lease upscaling jobs from Counterfoil, and do them."
    )
    default = os.environ.get("API_URL", "http://127.0.0.1:8080")
    parser.add_argument("--api", default=default, metavar="URL", help="or API_URL (%(default)s)")
    parser.add_argument(
        "--token-file", type=Path, metavar="FILE", help="holds a bearer token; or WORKER_TOKEN"
    )
    parser.add_argument(
        "--results",
        type=Path,
        default=Path(".counterfoil-example/results"),
        metavar="DIR",
        help="where finished pictures are kept (%(default)s)",
    )
    parser.add_argument("--port", type=int, default=8091, help="serves the results (%(default)s)")
    parser.add_argument(
        "--source-host",
        action="append",
        metavar="HOST",
        help="a host to fetch pictures from, instead of this machine only; may be repeated",
    )
    given = parser.parse_args(arguments)
    return Options(
        api=given.api.rstrip("/"),
        token=_token(parser, given.token_file),
        results=given.results,
        port=given.port,
        source_hosts=frozenset(given.source_host or LOOPBACK),
    )


def _token(parser: argparse.ArgumentParser, file: Path | None) -> str:
    try:
        token = file.read_text() if file is not None else os.environ.get("WORKER_TOKEN", "")
    except OSError as error:
        parser.error(f"--token-file: {error}")
    if not token.strip():
        parser.error("a bearer token with the role worker is needed: --token-file or WORKER_TOKEN")
    return token.strip()


def main() -> int:
    options = options_of(sys.argv[1:])
    try:
        asyncio.run(work_until_stopped(options))
    except OSError as error:
        print(f"worker.py: cannot start: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
