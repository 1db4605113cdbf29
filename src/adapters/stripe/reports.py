"""Stripe's objects as reports: what is true there now, in our words, or no report at all."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final
from urllib.parse import urlsplit

import attrs

from adapters.stripe.answers import Intent, RefundObject, Session, id_of
from adapters.stripe.errors import unreadable
from domain.payments.errors import ProviderMisconfigured
from domain.payments.model import CheckoutReport
from domain.provider_events.policy import APP
from domain.refunds.model import RefundReport
from domain.shared.money import Money

OUR_ID: Final = re.compile(r"[A-Za-z0-9_]{1,100}")
COMES_TO_NOTHING: Final = frozenset({"requires_payment_method", "canceled"})


@attrs.frozen(kw_only=True)
class Marks:
    """Our ids on an object of Stripe's; none on what is another installation's."""

    job_id: str | None = None
    payment_id: str | None = None
    refund_id: str | None = None


def marks_on(metadata: Mapping[str, str] | None, instance: str) -> Marks:
    if not metadata or metadata.get("app") != APP or metadata.get("instance") != instance:
        return Marks()
    return Marks(
        job_id=our_id(metadata, "job_id"),
        payment_id=our_id(metadata, "payment_id"),
        refund_id=our_id(metadata, "refund_id"),
    )


def our_id(metadata: Mapping[str, str], name: str) -> str | None:
    """An id as we make them. Anybody with the dashboard can write other things there."""
    value = metadata.get(name, "")
    return value if OUR_ID.fullmatch(value) else None


@attrs.frozen(kw_only=True)
class Reporter:
    """*pages* is the origin of the sandbox's pages; None for Stripe's, which are on https."""

    instance: str
    live: bool
    pages: str | None

    def checkout(self, session: Session) -> CheckoutReport:
        """Raises ProviderUnavailable for an answer that cannot be, ProviderMisconfigured for one

        from Stripe's other mode.
        """
        self._same_mode(session.livemode)
        intent = self._intent(session)
        marks = marks_on(session.metadata, self.instance)
        person = session.customer_details
        return CheckoutReport(
            session_id=session.id,
            url=self._url(session),
            expires_at=datetime.fromtimestamp(session.expires_at, tz=UTC),
            status=session.status,
            payment_status=session.payment_status,
            job_id=marks.job_id,
            payment_id=marks.payment_id,
            intent_id=intent.id if intent else None,
            charge_id=id_of(intent.latest_charge) if intent else None,
            captured=_captured(session, intent),
            failed=_failed(session, intent),
            customer_email=(person.email if person else None) or session.customer_email,
        )

    def refund(self, refund: RefundObject) -> RefundReport:
        return RefundReport(
            provider_id=refund.id,
            refund_id=marks_on(refund.metadata, self.instance).refund_id,
            intent_id=id_of(refund.payment_intent),
            charge_id=id_of(refund.charge),
            amount=Money(refund.amount, refund.currency),
            status=refund.status,
            failure_reason=refund.failure_reason,
            pending_reason=refund.pending_reason,
        )

    def _intent(self, session: Session) -> Intent | None:
        intent = session.payment_intent
        if isinstance(intent, str):
            raise unreadable("the intent is only named, though it was asked for whole")
        if intent is not None:
            self._same_mode(intent.livemode)
        return intent

    def _same_mode(self, livemode: bool) -> None:
        if livemode is not self.live:
            raise ProviderMisconfigured(
                f"Stripe answers in {'live' if livemode else 'test'} mode, which we are not in"
            )

    def _url(self, session: Session) -> str | None:
        """Where the customer is sent to pay: nowhere but to a page of the provider's."""
        if session.status != "open":
            return None
        url = session.url or ""
        if not url.isascii() or not url.isprintable() or any(char in url for char in "\\ <>\"'"):
            raise unreadable("the address of the page")
        if not self._is_provider_page(url):
            raise unreadable("the page is not the provider's")
        return url

    def _is_provider_page(self, url: str) -> bool:
        try:
            parts = urlsplit(url)
        except ValueError:
            return False
        if not parts.hostname or parts.username is not None:
            return False
        if self.pages is not None:
            return f"{parts.scheme}://{parts.netloc}" == self.pages
        # Not pinned to checkout.stripe.com: accounts may have a domain of their own there.
        return parts.scheme == "https"


def _captured(session: Session, intent: Intent | None) -> Money | None:
    """What was really taken: the session's own word for it is not enough."""
    if intent is not None and intent.status == "succeeded" and intent.amount_received > 0:
        return Money(intent.amount_received, intent.currency)
    if session.payment_status == "paid":
        raise unreadable("paid, by no intent that succeeded")
    return None


def _failed(session: Session, intent: Intent | None) -> bool:
    waiting = session.status == "complete" and session.payment_status == "unpaid"
    return waiting and intent is not None and intent.status in COMES_TO_NOTHING
