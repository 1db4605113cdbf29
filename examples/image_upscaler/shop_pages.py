"""The shop's pages: each handler takes a request apart, asks, and shows what came of it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import attrs
import jinja2
import shop_words
from aiohttp import web
from counterfoil_api import Refused, Unanswered
from prices import money
from shop_delivery import Delivery, NotDelivered, attachment
from shop_guard import STRANGERS_FILE, Handler, is_own_post
from shop_orders import ID_PATTERN, NoSuchOrder, Order, Orders
from shop_till import CONFLICT, FACTORS, NotForSale, Till
from shop_uploads import UNKNOWN_TYPE, Counter, NotTaken
from shop_words import Page

HERE: Final = Path(__file__).parent
SAMPLE: Final = HERE / "sample.jpg"


def templates() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["STEPS"] = shop_words.STEPS
    environment.filters["money"] = money
    environment.filters["megabytes"] = shop_words.megabytes
    return environment


@attrs.frozen(kw_only=True)
class Shop:
    orders: Orders
    counter: Counter
    till: Till
    delivery: Delivery
    origins: frozenset[str]
    environment: jinja2.Environment = attrs.field(factory=templates)

    def routes(self) -> list[web.AbstractRouteDef]:
        order = f"/orders/{{order:{ID_PATTERN}}}"
        return [
            web.get("/", self.welcome),
            web.post("/orders", self.upload),
            web.post("/orders/sample", self.upload_sample),
            web.get(f"/pictures/{{name:{ID_PATTERN}}}", self.source),
            web.get(order, self.order),
            web.get(f"{order}/status.json", self.status),
            web.get(f"{order}/picture", self.picture),
            web.get(f"{order}/result", self.result),
            web.get(f"{order}/download", self.download),
            web.post(f"{order}/buy", self.buy),
            web.get(f"{order}/pay", self.pay),
            web.post(f"{order}/pay", self.pay_again),
            web.post(f"{order}/cancel", self.cancel),
            web.post(f"{order}/again", self.start_again),
            web.get(f"{order}/paid", self.paid),
            web.get(f"{order}/cancelled", self.cancelled),
            web.static("/static", HERE / "static"),
        ]

    async def welcome(self, _: web.Request) -> web.Response:
        return self._page("welcome.html", {"bytes_max": self.counter.bytes_max})

    async def upload(self, request: web.Request) -> web.Response:
        order = await self.counter.take(request)
        raise web.HTTPSeeOther(f"/orders/{order.id}")

    async def upload_sample(self, _: web.Request) -> web.Response:
        order = await self.counter.take_copy(SAMPLE, SAMPLE.name)
        raise web.HTTPSeeOther(f"/orders/{order.id}")

    async def order(self, request: web.Request) -> web.Response:
        order = self._order(request)
        if order.purchase is None:
            return await self._offer(order)
        told, job = await self.till.told(order)
        facts = {"order": order, "told": told, "job": job, "factor": _factor(order)}
        name = "ready.html" if told.page is Page.DONE else "order.html"
        return self._page(name, facts)

    async def status(self, request: web.Request) -> web.Response:
        order = self._order(request)
        if order.purchase is None:
            raise NoSuchOrder
        told, _ = await self.till.told(order)
        return web.json_response(attrs.asdict(told))

    async def buy(self, request: web.Request) -> web.Response:
        offer = str((await request.post()).get("offer", ""))
        if offer not in FACTORS:
            raise NotForSale("Please choose a size first.")
        return await self._to_payment(request, offer)

    async def pay_again(self, request: web.Request) -> web.Response:
        order = self._order(request)
        return await self._to_payment(request, order.intent.offer if order.intent else "")

    async def pay(self, request: web.Request) -> web.Response:
        """Send the browser on to the hosted page: from a page, for a form's redirect may not leave.

        The content security policy holds forms, and what they are redirected to, on this origin.
        """
        order = self._order(request)
        if order.purchase is None or order.intent is None:
            raise web.HTTPSeeOther(f"/orders/{order.id}")
        return self._page("pay.html", {"order": order, "factor": _factor(order)})

    async def cancel(self, request: web.Request) -> web.Response:
        order = self._order(request)
        if order.purchase is not None:
            await self.till.cancel(order)
        raise web.HTTPSeeOther(f"/orders/{order.id}")

    async def start_again(self, request: web.Request) -> web.Response:
        """Make a new order of the same file; this one, if it was not paid, is given up."""
        order = self._order(request)
        if order.purchase is not None:
            await self.till.cancel(order)
        fresh = await self.counter.take_again(order)
        raise web.HTTPSeeOther(f"/orders/{fresh.id}")

    async def paid(self, request: web.Request) -> web.Response:
        """Come back from paying. What comes in the address proves nothing, and is left behind."""
        order = self._order(request)
        if order.purchase is not None:
            self.orders.keep(attrs.evolve(order, returned_at=time.time()))
        raise web.HTTPSeeOther(f"/orders/{order.id}")

    async def cancelled(self, request: web.Request) -> web.Response:
        order = self._order(request)
        self.orders.keep(attrs.evolve(order, returned_at=None))
        raise web.HTTPSeeOther(f"/orders/{order.id}")

    async def source(self, request: web.Request) -> web.StreamResponse:
        """Hand the upload to the worker."""
        return self._upload_of(self.orders.with_picture(request.match_info["name"]))

    async def picture(self, request: web.Request) -> web.StreamResponse:
        return self._upload_of(self._order(request))

    async def result(self, request: web.Request) -> web.StreamResponse:
        return await self._deliver(self._order(request), as_file=False)

    async def download(self, request: web.Request) -> web.StreamResponse:
        return await self._deliver(self._order(request), as_file=True)

    async def _offer(self, order: Order) -> web.Response:
        choices = await self.till.choices(order)
        flaw = order.upload.flaw and shop_words.FLAWS.get(order.upload.flaw, shop_words.FLAW)
        return self._page("offer.html", {"order": order, "choices": choices, "flaw": flaw})

    async def _to_payment(self, request: web.Request, offer: str) -> web.Response:
        order = self._order(request)
        try:
            async with self.orders.lock(order.id):
                await self.till.buy(order.id, offer)
        except Refused as refused:
            if refused.status != CONFLICT:
                raise
            # It is paid already, or on its way: the order's page tells.
            raise web.HTTPSeeOther(f"/orders/{order.id}") from None
        raise web.HTTPSeeOther(f"/orders/{order.id}/pay")

    def _upload_of(self, order: Order) -> web.StreamResponse:
        content_type = order.upload.content_type
        headers = {**STRANGERS_FILE, "Content-Type": content_type}
        if content_type == UNKNOWN_TYPE:
            headers["Content-Disposition"] = "attachment"
        return web.FileResponse(self.orders.upload_of(order), headers=headers)

    async def _deliver(self, order: Order, *, as_file: bool) -> web.StreamResponse:
        if order.purchase is None:
            raise NoSuchOrder
        told, job = await self.till.told(order)
        if told.page is not Page.DONE:
            raise NoSuchOrder
        path = await self.delivery.bring(order, job["result"])
        content_type = job["result"]["content_type"]
        headers = {**STRANGERS_FILE, "Content-Type": content_type}
        if as_file:
            headers["Content-Disposition"] = attachment(order, _factor(order), content_type)
        return web.FileResponse(path, headers=headers)

    def _order(self, request: web.Request) -> Order:
        return self.orders.get(request.match_info["order"])

    def _page(self, name: str, facts: Mapping[str, Any], status: int = 200) -> web.Response:
        text = self.environment.get_template(name).render(facts)
        return web.Response(text=text, status=status, content_type="text/html")

    def trouble(self, status: int, headline: str, detail: str, again: str | None) -> web.Response:
        facts = {"headline": headline, "detail": detail, "again": again}
        return self._page("trouble.html", facts, status)

    @web.middleware
    async def guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.method == "POST" and not is_own_post(request, self.origins):
            detail = "This form was sent from another site. Please start on our own page."
            return self.trouble(403, "Not from here", detail, "/")
        try:
            return await handler(request)
        except Unanswered:
            return self._closed(request)
        except (NoSuchOrder, web.HTTPNotFound):
            detail = "The address may be cut off, or the order was given up long ago."
            return self.trouble(404, "There is nothing here", detail, "/")
        except NotTaken as refused:
            return self.trouble(refused.status, "We could not take this file", str(refused), "/")
        except NotForSale as refused:
            return self.trouble(400, "Not for sale", str(refused), _order_page(request))
        except NotDelivered as missing:
            detail = f"Your picture is made and paid for, but {missing}. Please try again later."
            return self.trouble(502, "Not at hand just now", detail, request.path)
        except Refused as refused:
            return self.trouble(502, *_refusal(refused), _order_page(request))

    def _closed(self, request: web.Request) -> web.Response:
        detail = (
            "The till does not answer at the moment. Your picture is safe, nothing is charged "
            "twice, and trying again does no harm."
        )
        page = self.trouble(503, "One moment, please", detail, _order_page(request))
        page.headers["Retry-After"] = "3"
        return page


def _refusal(refused: Refused) -> tuple[str, str]:
    if refused.status in {401, 404}:
        return "The till does not know this order", "Its books may have been started afresh."
    return "The till says no", f"It answered: {refused}"


def _order_page(request: web.Request) -> str:
    order = request.match_info.get("order")
    return "/" if order is None else f"/orders/{order}"


def _factor(order: Order) -> int:
    return FACTORS[order.intent.offer] if order.intent is not None else 1
