"""Everything the outside may ask of the inside, as one typed list."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Protocol

import attrs

from domain.checkout.use_cases import (
    CancelJob,
    OpenCheckout,
    PayForJob,
    ReadJob,
    ReadPayment,
    RecallCheckout,
    ResumeCheckout,
)
from domain.collection.use_cases import SendCheckout, SendExpiry
from domain.fulfilment.use_cases import ExtendLease, FailJob, FailOverdueJobs, FinishJob, LeaseJob
from domain.idempotency.use_cases import ClaimKey, SettleKey
from domain.installation.use_cases import AdvanceClock
from domain.offers.use_cases import ListOffers, LoadOffers
from domain.outbox.use_cases import ClaimEffects, RetryEffect
from domain.provider_events.use_cases import ApplyEvent, ClaimEvents, ReceiveEvent, RetryEvent
from domain.reconciliation.use_cases import CheckPayments, CheckRefunds
from domain.refunds.use_cases import RequestRefund, SendRefund


class Bell(Protocol):
    async def wait(self, timeout_s: float) -> bool:
        """Wait until it was rung since the last wait; tell whether it was, or time ran out."""
        ...


class Wakeups(Protocol):
    """Hints that there is work. Polling remains the truth."""

    def bell(self, channel: str) -> AbstractAsyncContextManager[Bell]: ...


@attrs.frozen(kw_only=True)
class Application:
    list_offers: ListOffers
    load_offers: LoadOffers

    open_checkout: OpenCheckout
    resume_checkout: ResumeCheckout
    recall_checkout: RecallCheckout
    pay_for_job: PayForJob
    cancel_job: CancelJob
    read_job: ReadJob
    read_payment: ReadPayment

    lease_job: LeaseJob
    extend_lease: ExtendLease
    finish_job: FinishJob
    fail_job: FailJob

    request_refund: RequestRefund

    claim_key: ClaimKey
    settle_key: SettleKey

    receive_event: ReceiveEvent
    advance_clock: AdvanceClock
    is_ready: Callable[[], Awaitable[None]]
    minor_digits: Callable[[str], int]
    """How many decimals of a currency are inside the whole number of minor units."""
    wakeups: Wakeups


@attrs.frozen(kw_only=True)
class BackgroundWork:
    """What the background process does, with the longer patience it has for the provider."""

    claim_events: ClaimEvents
    apply_event: ApplyEvent
    retry_event: RetryEvent

    claim_effects: ClaimEffects
    send_checkout: SendCheckout
    send_expiry: SendExpiry
    send_refund: SendRefund
    retry_effect: RetryEffect

    fail_overdue_jobs: FailOverdueJobs
    check_payments: CheckPayments
    check_refunds: CheckRefunds
    wakeups: Wakeups
