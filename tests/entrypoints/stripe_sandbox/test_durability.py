"""Nothing that was answered is lost, however the process ends."""

import asyncio
import os
import signal
import sqlite3
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import aiohttp
import pytest
import stripe

from entrypoints.stripe_sandbox.app import serve
from entrypoints.stripe_sandbox.disk import Disk, StateInUse
from entrypoints.stripe_sandbox.settings import SandboxSettings
from tests.entrypoints.stripe_sandbox.conftest import SECRET, Control, Shop, World, sdk, until

PROGRAM = """
import asyncio, sys
from pathlib import Path
from entrypoints.stripe_sandbox.app import serve
from entrypoints.stripe_sandbox.settings import SandboxSettings

settings = SandboxSettings(
    state_dir=Path(sys.argv[1]), webhook_url=sys.argv[2], webhook_secrets=(sys.argv[3],)
)
ready = lambda url: print(url, flush=True)
asyncio.run(serve(settings, host="127.0.0.1", port=0, ready=ready))
"""
SOURCE = Path(__file__).parents[3] / "src"


@asynccontextmanager
async def sandbox(state_dir: Path, shop: Shop, http: aiohttp.ClientSession) -> AsyncIterator[World]:
    """A real process, killed at the end without a word."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", PROGRAM, str(state_dir), shop.url, SECRET),
        env=os.environ | {"PYTHONPATH": str(SOURCE)},
        stdout=asyncio.subprocess.PIPE,
    )
    client = stripe.AIOHTTPClient(timeout=aiohttp.ClientTimeout(total=10))
    try:
        url = await address(process)
        yield World(sdk(url, client), Control(http, url), http, shop, url)
    finally:
        process.send_signal(signal.SIGKILL)
        await process.communicate()
        await client.close_async()


async def address(process: asyncio.subprocess.Process) -> str:
    assert process.stdout is not None
    async for line in process.stdout:
        if line.startswith(b"http://"):
            return line.decode().strip()
    raise AssertionError("the sandbox did not start")


async def test_a_killed_sandbox_remembers_all_it_answered(
    tmp_path: Path, shop: Shop, http: aiohttp.ClientSession
) -> None:
    shop.answers = [500] * 4
    async with sandbox(tmp_path, shop, http) as world:
        await world.control.advance(7200)
        open_ = await world.open_session()
        session = await world.open_session(options={"idempotency_key": "k1"})
        await world.control.post("/faults", kind="error", path="/v1/account")
        await world.control.pay(session.id)
        intent = await world.intent_of(session.id)
        await until(lambda: len(shop.received) == 4)

    shop.received.clear()
    async with sandbox(tmp_path, shop, http) as world:
        replayed = await world.open_session(options={"idempotency_key": "k1"})
        assert replayed.id == session.id
        assert await world.intent_of(session.id) == intent
        assert (await world.control.get("/clock"))["offset_s"] == 7200
        assert len((await world.control.get("/faults"))["faults"]) == 1
        journal = (await world.control.get("/journal"))["requests"]
        assert len([each for each in journal if each["method"] == "POST"]) == 3
        # Timers and deliveries that were under way go on.
        await world.control.advance(24 * 3600)
        await shop.has("charge.updated", "checkout.session.completed", "checkout.session.expired")
        still = await world.stripe.v1.checkout.sessions.retrieve_async(open_.id)
        assert still.status == "expired"
        refund = await world.stripe.v1.refunds.create_async({"payment_intent": intent})

    async with sandbox(tmp_path, shop, http) as world:
        assert (await world.stripe.v1.refunds.retrieve_async(refund.id)).status == "succeeded"
        page = (await world.control.get("/books"))["payment_intents"][0]
        assert (page["captured"], page["refunded"], page["fee"]) == (4000, 4000, 146)


async def test_killed_in_the_middle_of_many_requests_it_remembers_those_answered(
    tmp_path: Path, shop: Shop, http: aiohttp.ClientSession
) -> None:
    answered: list[str] = []

    async def open_many(world: World) -> None:
        with suppress(stripe.StripeError, aiohttp.ClientError):
            while True:
                answered.append((await world.open_session()).id)

    async with sandbox(tmp_path, shop, http) as world:
        busy = [asyncio.create_task(open_many(world)) for _ in range(8)]
        await until(lambda: len(answered) > 60)
    await asyncio.gather(*busy)

    async with sandbox(tmp_path, shop, http) as world:
        kept = {
            each.id
            async for each in (
                await world.stripe.v1.checkout.sessions.list_async({"limit": 100})
            ).auto_paging_iter()
        }
    assert set(answered) <= kept


async def test_two_sandboxes_cannot_share_a_directory(tmp_path: Path) -> None:
    first = Disk(tmp_path)

    with pytest.raises(StateInUse):
        Disk(tmp_path)

    await first.close()
    await Disk(tmp_path).close()


async def test_a_disk_that_was_full_loses_nothing_once_there_is_room(tmp_path: Path) -> None:
    disk = Disk(tmp_path)
    disk._connection.execute("PRAGMA max_page_count = 1")
    disk.stage([("charge", "ch_1", {"id": "ch_1", "padding": "x" * 100_000})], hurried=True)

    with pytest.raises(sqlite3.OperationalError, match="full"):
        await disk.durable()
    disk._connection.execute("PRAGMA max_page_count = 100000")
    await disk.durable()
    await disk.close()

    again = Disk(tmp_path)
    assert [object_id for _, object_id, _ in again.load()] == ["ch_1"]
    await again.close()


async def test_serving_ends_cleanly_when_cancelled_even_with_a_request_held(
    tmp_path: Path, http: aiohttp.ClientSession
) -> None:
    ready: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    serving = asyncio.create_task(
        serve(SandboxSettings(state_dir=tmp_path), host="127.0.0.1", port=0, ready=ready.set_result)
    )
    url = await ready
    await Control(http, url).post("/faults", kind="timeout_before")
    held = asyncio.create_task(http.get(f"{url}/v1/account"))
    await asyncio.sleep(0.1)

    serving.cancel()

    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(serving, 2)
    with pytest.raises(aiohttp.ClientError):
        await held
    await Disk(tmp_path).close()
