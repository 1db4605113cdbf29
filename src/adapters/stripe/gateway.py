"""Collecting money through Stripe Checkout."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast
from urllib.parse import urlsplit

import attrs
import stripe

from adapters.stripe import currencies
from adapters.stripe import parameters as sent
from adapters.stripe.answers import Answer, Session, ask
from adapters.stripe.errors import unreadable
from adapters.stripe.reports import Reporter
from domain.outbox.model import Parameters
from domain.payments.errors import ProviderRefused, ProviderUnavailable
from domain.payments.model import CheckoutOrder, CheckoutReport
from domain.shared.money import Money

if TYPE_CHECKING:
    from stripe.params.checkout import SessionCreateParams

WHOLE: Final = ["payment_intent.latest_charge"]
"""Money is read off the intent and its charge, so both must come with the session."""


@attrs.frozen(kw_only=True)
class StripePaymentGateway:
    """Every call is one attempt, of as long as *client* was opened for.

    *instance* marks what is ours at Stripe. *sandbox_url* is where customers reach the sandbox's
    pages; it counts in the mode *sandbox* only.
    """

    client: stripe.StripeClient = attrs.field(repr=False)
    mode: str
    instance: str
    sandbox_url: str | None = None

    def objection(self, amount: Money) -> str | None:
        return currencies.objection(amount)

    def checkout_parameters(self, order: CheckoutOrder) -> Parameters:
        return sent.checkout(order, self.instance)

    async def open_checkout(self, parameters: Parameters, *, key: str) -> CheckoutReport:
        params = cast("SessionCreateParams", sent.as_stored(parameters))
        opened = await ask(self._sessions.create_async(params, {"idempotency_key": key}), Session)
        return await self._now(opened)

    async def expire_checkout(self, session_id: str, *, key: str) -> CheckoutReport:
        call = self._sessions.expire_async(session_id, {"expand": WHOLE}, {"idempotency_key": key})
        try:
            expired = await ask(call, Session)
        except ProviderRefused as refused:
            return await self._why_not(session_id, refused)
        return await self._now(expired)

    async def fetch_checkout(self, session_id: str) -> CheckoutReport:
        call = self._sessions.retrieve_async(session_id, {"expand": WHOLE})
        return self._report.checkout((await ask(call, Session)).said)

    async def _now(self, answer: Answer[Session]) -> CheckoutReport:
        """An answer told again is of then; what counts is how it stands now."""
        if not answer.replayed:
            return self._report.checkout(answer.said)
        return await self._fetch_known(answer.said.id)

    async def _why_not(self, session_id: str, refused: ProviderRefused) -> CheckoutReport:
        """Only an open one can be expired. Often it has just been paid, and that is the answer."""
        report = await self.fetch_checkout(session_id)
        if report.is_open:
            # It can still be paid: nobody may believe that it has ended.
            raise ProviderUnavailable(f"Still open, and not to be expired: {refused.reason}")
        return report

    async def _fetch_known(self, session_id: str) -> CheckoutReport:
        try:
            return await self.fetch_checkout(session_id)
        except ProviderRefused as refused:
            # Stripe has just named it. That it is not there is no answer to what was asked.
            raise unreadable(f"{session_id} was made, and is not there: {refused.reason}") from None

    @property
    def _sessions(self) -> stripe.checkout.SessionService:
        return self.client.v1.checkout.sessions

    @property
    def _report(self) -> Reporter:
        pages = _origin(self.sandbox_url) if self.mode == "sandbox" else None
        return Reporter(instance=self.instance, live=self.mode == "live", pages=pages)


def _origin(url: str | None) -> str | None:
    if url is None:
        return None
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
