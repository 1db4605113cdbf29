"""Giving money back through Stripe."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

import attrs
import stripe

from adapters.stripe import parameters as sent
from adapters.stripe.answers import RefundObject, RefundPage, ask
from adapters.stripe.errors import unreadable
from adapters.stripe.reports import Reporter
from domain.outbox.model import Parameters
from domain.payments.errors import ProviderRefused
from domain.payments.model import Payment
from domain.refunds.model import RefundOrder, RefundReport

if TYPE_CHECKING:
    from stripe.params import RefundCreateParams, RefundListParams

PAGE: Final = 100
PAGES_MAX: Final = 20
"""Nobody gives one payment back in two thousand parts: a list that goes on so is no answer."""


@attrs.frozen(kw_only=True)
class StripeRefundGateway:
    """Every call is one attempt, of as long as *client* was opened for."""

    client: stripe.StripeClient = attrs.field(repr=False)
    mode: str
    instance: str

    def refund_parameters(self, order: RefundOrder) -> Parameters:
        return sent.refund(order, self.instance)

    async def create_refund(self, parameters: Parameters, *, key: str) -> RefundReport:
        params = cast("RefundCreateParams", sent.as_stored(parameters))
        made = await ask(self._refunds.create_async(params, {"idempotency_key": key}), RefundObject)
        if not made.replayed:
            return self._report.refund(made.said)
        # An answer told again is of then; it may have failed since.
        return await self._fetch_known(made.said.id)

    async def fetch_refund(self, provider_id: str) -> RefundReport:
        call = self._refunds.retrieve_async(provider_id)
        return self._report.refund((await ask(call, RefundObject)).said)

    async def find_refunds(self, payment: Payment) -> list[RefundReport]:
        if payment.intent_id is None:
            return []
        found: list[RefundObject] = []
        for _ in range(PAGES_MAX):
            page = await self._page(payment.intent_id, found[-1].id if found else None)
            found += page.data
            if not page.has_more:
                return [self._report.refund(refund) for refund in found]
            if not page.data:
                break
        raise unreadable("a list of refunds without end")

    async def _page(self, intent_id: str, after: str | None) -> RefundPage:
        """One page. The library's own paging would follow an address out of the answer."""
        params: RefundListParams = {"payment_intent": intent_id, "limit": PAGE}
        if after is not None:
            params["starting_after"] = after
        return (await ask(self._refunds.list_async(params), RefundPage)).said

    async def _fetch_known(self, provider_id: str) -> RefundReport:
        try:
            return await self.fetch_refund(provider_id)
        except ProviderRefused as refused:
            # Stripe has just named it: this must never be taken for a refund that was refused.
            why = f"{provider_id} was made, and is not there: {refused.reason}"
            raise unreadable(why) from None

    @property
    def _refunds(self) -> stripe.RefundService:
        return self.client.v1.refunds

    @property
    def _report(self) -> Reporter:
        return Reporter(instance=self.instance, live=self.mode == "live", pages=None)
