"""What the shop asks Counterfoil: prices, checkouts, and where an order is."""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping
from typing import Any, Final

import attrs
from counterfoil_api import Api, Refused
from pictures import RESULT_PIXELS_MAX
from prices import money, quoted
from shop_orders import Intent, Order, Orders, Purchase
from shop_words import Told, tell

FACTORS: Final = {"image-upscale-2x": 2, "image-upscale-4x": 4}
CONFLICT: Final = 409


class NotForSale(Exception):
    """This picture cannot be enlarged like that; says why, in words for the customer."""


@attrs.frozen(kw_only=True)
class Choice:
    """One card with a price on it."""

    offer: str
    factor: int
    width: int
    height: int
    amount: int
    currency: str

    @property
    def price(self) -> str:
        return money(self.amount, self.currency)


@attrs.frozen
class Till:
    api: Api
    orders: Orders
    origin: str

    async def choices(self, order: Order) -> list[Choice]:
        """What can be bought for this upload, by the rules the API publishes."""
        listed = (await self.api.get("/api/offers"))["offers"]
        by_name = {one["offer"]: one for one in listed}
        return [
            _choice(by_name[name], factor, order)
            for name, factor in FACTORS.items()
            if name in by_name and _fits(by_name[name], factor, order)
        ]

    async def buy(self, order_id: str, offer: str) -> Order:
        """Open a checkout, or the one that is open already. Call it with the order's lock held.

        Raises NotForSale, Unanswered or Refused; asking again is always safe.
        """
        order = self.orders.get(order_id)
        if order.purchase is not None:
            # One order is one job: another size is another order.
            return await self.pay_again(order)
        order = await self._intend(order, offer)
        try:
            answer = await self._checkout(order)
        except Refused:
            # This key would be refused for ever; the next try shall be a new one.
            self.orders.keep(attrs.evolve(order, intent=None))
            raise
        return self._purchased(order, answer)

    async def pay_again(self, order: Order) -> Order:
        """Return the order with a session that can be paid. Refused when it is paid already."""
        purchase = _purchase(order)
        path = f"/api/jobs/{purchase.job_id}/checkout-session"
        return self._purchased(order, await self._holder(purchase).post(path))

    async def cancel(self, order: Order) -> None:
        """Give the job up, unless it is paid by now: then the order's page tells."""
        purchase = _purchase(order)
        try:
            await self._holder(purchase).post(f"/api/jobs/{purchase.job_id}/cancel")
        except Refused as refused:
            if refused.status != CONFLICT:
                raise

    async def told(self, order: Order) -> tuple[Told, Mapping[str, Any]]:
        """Say where an order is, and return its job beside it."""
        purchase = _purchase(order)
        holder = self._holder(purchase)
        job = await holder.get(f"/api/jobs/{purchase.job_id}")
        payment = {}
        if job["status"] in {"pending", "refunded"}:
            payment = await holder.get(f"/api/payments/status/{purchase.session_id}")
        returned = order.returned_at and time.time() - order.returned_at
        return tell(job, payment, returned_s_ago=returned), job

    async def _intend(self, order: Order, offer: str) -> Order:
        if order.intent is not None and order.intent.offer == offer:
            return order
        choice = next((one for one in await self.choices(order) if one.offer == offer), None)
        if choice is None:
            raise NotForSale("This size is not for sale for your picture.")
        intent = Intent(
            offer=offer,
            key=secrets.token_urlsafe(32),
            amount_shown=choice.amount,
            currency=choice.currency,
        )
        return self.orders.keep(attrs.evolve(order, intent=intent, returned_at=None))

    async def _checkout(self, order: Order) -> Mapping[str, Any]:
        intent, upload, page = order.intent, order.upload, f"{self.origin}/orders/{order.id}"
        assert intent is not None  # noqa: S101  it has just been written down
        body = {
            "offer": intent.offer,
            "inputs": {
                "url": f"{self.origin}/pictures/{order.picture}",
                "width": upload.width,
                "height": upload.height,
            },
            "currency": intent.currency,
            "success_url": f"{page}/paid",
            "cancel_url": f"{page}/cancelled",
        }
        answer: Mapping[str, Any] = await self.api.post(
            "/api/payments/checkout-session", body, key=intent.key
        )
        return answer

    def _purchased(self, order: Order, answer: Mapping[str, Any]) -> Order:
        before = order.purchase
        purchase = Purchase(
            job_id=answer["job_id"],
            session_id=answer["session_id"],
            session_url=answer["session_url"],
            access_token=answer["access_token"] or (before.access_token if before else ""),
            amount=answer["amount"],
            currency=answer["currency"],
        )
        return self.orders.keep(attrs.evolve(order, purchase=purchase, returned_at=None))

    def _holder(self, purchase: Purchase) -> Api:
        return self.api.as_holder_of(purchase.access_token)


def _purchase(order: Order) -> Purchase:
    assert order.purchase is not None  # noqa: S101  pages of drafts do not come here
    return order.purchase


def _fits(offer: Mapping[str, Any], factor: int, order: Order) -> bool:
    """Whether the API would take it, and the worker would not refuse it."""
    size = order.upload.size
    limits = (offer["inputs"].get("width", {}), offer["inputs"].get("height", {}))
    within = all(
        side <= (limit.get("max") or side)
        for side, limit in zip((size.width, size.height), limits, strict=True)
    )
    return within and size.times(factor).pixels <= RESULT_PIXELS_MAX


def _choice(offer: Mapping[str, Any], factor: int, order: Order) -> Choice:
    size, currency = order.upload.size, offer["currencies"][0]
    larger = size.times(factor)
    return Choice(
        offer=offer["offer"],
        factor=factor,
        width=larger.width,
        height=larger.height,
        amount=quoted(offer["price"], {"width": size.width, "height": size.height}, currency),
        currency=currency,
    )
