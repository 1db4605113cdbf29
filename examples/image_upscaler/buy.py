"""A customer: buys a larger version of a picture, as a guest, and sees that the promise is kept.

    python buy.py holiday.jpg --offer image-upscale-4x --card 4000000000000002 --retry-card

Exits with 0 when there is a picture twice (or four times) as large, or the money is back; with 1
when neither; with 2 when it was called wrongly.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import os
import secrets
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import aiohttp
import attrs
import prices
from aiohttp import web
from counterfoil_api import Api, Refused, Unanswered, insist
from pictures import RESULT_PIXELS_MAX, BadPicture, Size, measure

FACTORS: Final = {"image-upscale-2x": 2, "image-upscale-4x": 4}
ENDINGS: Final = {"image/png": ".png", "image/jpeg": ".jpg"}
GOOD_CARD: Final = "4242424242424242"
STAND_IN: Final = Size(800, 600)
"""What a file that is no picture is said to be, so that one can see the money come back."""

POLL_S: Final = 0.25
DOWNLOAD_TIMEOUT_S: Final = 120.0
NOT_FOUND: Final = 404


class PromiseBroken(Exception):
    """Neither the picture nor the money, or nothing was bought; says why."""


@attrs.frozen(kw_only=True)
class Options:
    file: Path
    output: Path | None
    offer: str
    currency: str | None
    card: str
    retry_card: str | None
    api: str
    sandbox: str
    timeout_s: float

    @property
    def factor(self) -> int:
        return FACTORS[self.offer]


@attrs.define
class Screen:
    """Aligned lines; on a terminal the progress line is rewritten in place."""

    shown: str = ""

    def say(self, label: str, text: str) -> None:
        self._end_progress()
        print(f"{label:<10} {text}", flush=True)

    def progress(self, text: str) -> None:
        if text == self.shown:
            return
        if sys.stdout.isatty():
            print(f"\r\x1b[K{'Progress':<10} {text}", end="", flush=True)
        else:
            print(f"{'Progress':<10} {text}", flush=True)
        self.shown = text

    def _end_progress(self) -> None:
        if self.shown and sys.stdout.isatty():
            print()
        self.shown = ""


@attrs.frozen
class Customer:
    options: Options
    session: aiohttp.ClientSession
    screen: Screen

    async def buy(self) -> None:
        """Return when the promise is kept; raise PromiseBroken or Refused."""
        size = self._measured()
        async with _served(self.options.file) as address:
            order = await self._order(address, size)
            await self._pay(order)
            job = await self._follow(order)
            match job["status"]:
                case "completed":
                    await self._collect(job["result"], size.times(self.options.factor))
                case "refunded":
                    await self._count_what_came_back(order, job)
                case "cancelled":
                    raise PromiseBroken("the order was cancelled, and never paid")
                case _:
                    raise PromiseBroken(f"the job is {_described(job)}: a person has to see to it")

    def _measured(self) -> Size:
        file = self.options.file
        try:
            size = measure(file)
        except BadPicture as bad:
            self.screen.say("Picture", f"{file.name} cannot be measured: {bad.reason}")
            self.screen.say("", f"going on as if it were {STAND_IN}, to see the money come back")
            return STAND_IN
        self.screen.say("Picture", f"{file.name}, {size}, {file.stat().st_size:,} bytes")
        return size

    async def _order(self, address: str, size: Size) -> Mapping[str, Any]:
        api, options = Api(self.session, self.options.api), self.options
        await self._say_price_rule(api)
        body = {
            "offer": options.offer,
            "inputs": {"url": address, "width": size.width, "height": size.height},
            "currency": options.currency,
        }
        # One key for the whole purchase: however often we ask, one job and one payment come of it.
        key = secrets.token_urlsafe(32)
        order: Mapping[str, Any] = await self._insist(
            lambda: api.post("/api/payments/checkout-session", body, key=key)
        )
        self.screen.say("Price", prices.money(order["amount"], order["currency"]))
        self.screen.say("Job", order["job_id"])
        return order

    async def _say_price_rule(self, api: Api) -> None:
        listed = (await self._insist(lambda: api.get("/api/offers")))["offers"]
        offer = next((one for one in listed if one["offer"] == self.options.offer), None)
        if offer is None:
            raise PromiseBroken(f"{self.options.offer} is not for sale at {self.options.api}")
        currency = self.options.currency or offer["currencies"][0]
        if currency not in offer["currencies"]:
            sold_in = ", ".join(offer["currencies"])
            raise PromiseBroken(f"{self.options.offer} is sold in {sold_in}, not in {currency}")
        self.screen.say("Offer", f"{offer['name']}: {prices.rule(offer['price'], currency)}")

    async def _pay(self, order: Mapping[str, Any]) -> None:
        """Be the customer on the hosted page; with a real Stripe, let a person be that."""
        if await self._card_is_taken(order, self.options.card):
            return
        if self.options.retry_card and await self._card_is_taken(order, self.options.retry_card):
            return
        api = self._holder(order)
        await self._insist(lambda: api.post(f"/api/jobs/{order['job_id']}/cancel"))
        raise PromiseBroken("not paid: the order is cancelled, nothing was charged")

    async def _card_is_taken(self, order: Mapping[str, Any], card: str) -> bool:
        """Tell whether paying went well, or is up to a person."""
        name = f"…{card[-4:]}"
        sandbox = Api(self.session, self.options.sandbox)
        path = f"/_sandbox/checkout/{order['session_id']}/pay"
        try:
            outcome = await sandbox.post(path, {"card": card})
        except (Unanswered, Refused) as trouble:
            self.screen.say("Card", f"the sandbox does not take it: {trouble}")
            self.screen.say("", f"pay here: {order['session_url']}")
            return True
        if outcome.get("decline_code"):
            self.screen.say("Card", f"{name} declined: {outcome['decline_code']}")
            return False
        self.screen.say("Card", f"{name} {outcome['payment_status']}")
        if outcome["payment_status"] != "paid":
            self.screen.say("", f"go on here: {order['session_url']}")
        return True

    async def _follow(self, order: Mapping[str, Any]) -> Mapping[str, Any]:
        api, path = self._holder(order), f"/api/jobs/{order['job_id']}"
        while True:
            job: Mapping[str, Any] = await self._insist(lambda: api.get(path))
            self.screen.progress(_described(job))
            if _is_over(job):
                return job
            await asyncio.sleep(POLL_S)

    async def _collect(self, result: Mapping[str, Any], promised: Size) -> None:
        target = self._target(result["content_type"])
        part = target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")
        try:
            await self._download(result, part)
            size = measure(part, pixels_max=RESULT_PIXELS_MAX)
            if size != promised:
                raise PromiseBroken(f"the picture is {size}, not {promised}")
            part.replace(target)
        except BadPicture as bad:
            raise PromiseBroken(f"what was delivered is no good: {bad.reason}") from None
        finally:
            part.unlink(missing_ok=True)
        self.screen.say("Delivered", f"{size}, {result['bytes']:,} bytes, size and SHA-256 checked")
        self.screen.say("Saved", str(target))

    async def _download(self, result: Mapping[str, Any], target: Path) -> None:
        """Write the result to *target*, and believe only what was counted and digested here."""
        digest, received = hashlib.sha256(), 0
        timeout = aiohttp.ClientTimeout(total=DOWNLOAD_TIMEOUT_S)
        try:
            async with self.session.get(result["url"], timeout=timeout) as answer:
                answer.raise_for_status()
                with target.open("wb") as file:
                    async for chunk in answer.content.iter_any():
                        received += len(chunk)
                        if received > result["bytes"]:
                            break
                        digest.update(chunk)
                        file.write(chunk)
        except (aiohttp.ClientError, TimeoutError) as error:
            raise PromiseBroken(f"the result cannot be downloaded: {error}") from error
        if received != result["bytes"] or digest.hexdigest() != result["sha256"]:
            raise PromiseBroken("the result is not the file that was promised")

    def _target(self, content_type: str) -> Path:
        """Where the picture goes: where it was told to, or beside the original on a free name."""
        if self.options.output is not None:
            return self.options.output
        file, ending = self.options.file, ENDINGS.get(content_type, ".bin")
        wanted = f"{file.stem}-{self.options.factor}x"
        names = (f"{wanted}{more}{ending}" for more in ("", *(f"-{n}" for n in range(2, 1000))))
        return next(path for name in names if not (path := file.with_name(name)).exists())

    async def _count_what_came_back(self, order: Mapping[str, Any], job: Mapping[str, Any]) -> None:
        api, path = self._holder(order), f"/api/payments/status/{order['session_id']}"
        payment = await self._insist(lambda: api.get(path))
        back = prices.money(payment["amount_refunded"], payment["currency"])
        paid = prices.money(payment["amount"], payment["currency"])
        self.screen.say("Failed", str(job["failure_reason"]))
        self.screen.say("Refunded", f"{back} of {paid}")
        if payment["amount_refunded"] != order["amount"]:
            raise PromiseBroken("that is not what was paid")

    def _holder(self, order: Mapping[str, Any]) -> Api:
        return Api(self.session, self.options.api, order["access_token"])

    async def _insist(self, ask: Callable[[], Awaitable[Any]]) -> Any:
        return await insist(
            ask,
            lambda trouble, wait_s: self.screen.say(
                "Waiting", f"{trouble}; again in {wait_s:.1f} s"
            ),
        )


def _is_over(job: Mapping[str, Any]) -> bool:
    """A failed job is not over before its money is back, or stuck where only a person helps."""
    stuck = job["hold"] is not None and job["hold"]["name"] == "refund_failed"
    return stuck or job["status"] in {"completed", "refunded", "cancelled"}


def _described(job: Mapping[str, Any]) -> str:
    text = str(job["status"])
    if job["status"] == "processing" and job["progress"]:
        text += f" {job['progress']:.0%}"
    if job["status"] == "failed" and job["refund"]:
        text += f", refund {job['refund']['status']}"
    if job["hold"]:
        text += f", on hold: {job['hold']['name']}"
    return text


@asynccontextmanager
async def _served(file: Path) -> AsyncIterator[str]:
    """Serve *file* to whoever knows the address, on a free port of this machine."""

    async def send(_: web.Request) -> web.StreamResponse:
        return web.FileResponse(file, headers={"X-Content-Type-Options": "nosniff"})

    secret = secrets.token_hex(16)
    app = web.Application()
    app.router.add_get(f"/{secret}", send)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/{secret}"
    finally:
        await runner.cleanup()


def options_of(arguments: list[str]) -> Options:
    parser = argparse.ArgumentParser(description="Buy a larger version of a picture.")
    add = parser.add_argument
    add("file", type=Path, metavar="FILE")
    add("-o", dest="output", type=Path, metavar="FILE", help="(beside the original)")
    add("--offer", choices=sorted(FACTORS), default="image-upscale-2x", help="(%(default)s)")
    add("--currency", metavar="CODE", help="usd, eur, gbp… (the offer's first)")
    add("--card", default=GOOD_CARD, metavar="NUMBER", help="a test card (%(default)s)")
    add(
        "--retry-card",
        nargs="?",
        const=GOOD_CARD,
        metavar="NUMBER",
        help="try this one when the first is declined (%(const)s)",
    )
    default = os.environ.get("API_URL", "http://127.0.0.1:8080")
    add("--api", default=default, metavar="URL", help="or API_URL (%(default)s)")
    add("--sandbox", default="http://127.0.0.1:12111", metavar="URL", help="(%(default)s)")
    add("--timeout", type=float, default=300.0, metavar="SECONDS", help="(%(default)s)")
    given = parser.parse_args(arguments)
    if not given.file.is_file():
        parser.error(f"there is no file {given.file}")
    if given.output is not None and not given.output.parent.is_dir():
        parser.error(f"there is no folder {given.output.parent}")
    return Options(
        file=given.file,
        output=given.output,
        offer=given.offer,
        currency=given.currency and given.currency.lower(),
        card=given.card,
        retry_card=given.retry_card,
        api=given.api.rstrip("/"),
        sandbox=given.sandbox.rstrip("/"),
        timeout_s=given.timeout,
    )


async def keeps_promise(options: Options) -> bool:
    screen = Screen()
    try:
        async with asyncio.timeout(options.timeout_s), aiohttp.ClientSession() as session:
            await Customer(options, session, screen).buy()
    except TimeoutError:
        screen.say("Sorry", f"undecided after {options.timeout_s:g} s")
        return False
    except (PromiseBroken, Refused, OSError) as broken:
        screen.say("Sorry", str(broken))
        return False
    return True


def main() -> int:
    options = options_of(sys.argv[1:])
    try:
        return 0 if asyncio.run(keeps_promise(options)) else 1
    except KeyboardInterrupt:
        return 1


if __name__ == "__main__":
    raise SystemExit(main())
