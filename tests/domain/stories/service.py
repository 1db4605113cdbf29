"""Every use case of the service, composed as the composition root composes them, on memory."""

from __future__ import annotations

from functools import cached_property

import attrs

from adapters.memory.access_tokens import MemoryAccessTokens
from adapters.memory.events import MemoryEventReader, MemoryEventVerifier
from adapters.memory.ids import SequentialIds
from adapters.memory.memory import Memory
from adapters.memory.page_tickets import MemoryPageTickets
from adapters.memory.provider import MemoryPaymentProvider
from adapters.memory.views import MemoryCustomerViews
from domain.checkout.policy import OwnPages, Proofs
from domain.checkout.use_cases import (
    CancelJob,
    OpenCheckout,
    PayForJob,
    ReadJob,
    ReadPayment,
    RecallCheckout,
    ResumeCheckout,
    StageCheckout,
)
from domain.collection.use_cases import ApplyCheckoutReport, SendCheckout, SendExpiry, StageExpiry
from domain.fulfilment.use_cases import ExtendLease, FailJob, FailOverdueJobs, FinishJob, LeaseJob
from domain.idempotency.use_cases import ClaimKey, SettleKey
from domain.installation.model import Installation
from domain.installation.use_cases import AdvanceClock, FindInstallation, StampInstallation
from domain.offers.use_cases import ListOffers, LoadOffers
from domain.outbox.use_cases import ClaimEffects, FinishEffect, RetryEffect
from domain.provider_events.use_cases import ApplyEvent, ClaimEvents, ReceiveEvent, RetryEvent
from domain.reconciliation.use_cases import CheckPayments, CheckRefunds
from domain.refunds.use_cases import (
    ApplyRefundReport,
    MarkRefundSubmitted,
    RequestRefund,
    SendRefund,
    StageAutomaticRefund,
    StageRefund,
)

INSTALLATION = Installation(mode="sandbox", account_id="acct_memory", instance="inst_memory")


def _half() -> float:
    return 0.5


@attrs.frozen(kw_only=True, slots=False, repr=False)
class Service:
    memory: Memory
    provider: MemoryPaymentProvider
    verifier: MemoryEventVerifier = attrs.field(factory=MemoryEventVerifier)
    reader: MemoryEventReader = attrs.field(factory=MemoryEventReader)
    tokens: MemoryAccessTokens = attrs.field(factory=MemoryAccessTokens)
    tickets: MemoryPageTickets = attrs.field(factory=MemoryPageTickets)
    new_id: SequentialIds = attrs.field(factory=SequentialIds)

    @cached_property
    def views(self) -> MemoryCustomerViews:
        return MemoryCustomerViews(self.memory)

    @cached_property
    def proofs(self) -> Proofs:
        return Proofs(tokens=self.tokens, tickets=self.tickets)

    @cached_property
    def pages(self) -> OwnPages:
        return OwnPages.on("https://pay.example", self.tickets)

    @cached_property
    def retry(self) -> RetryEffect:
        return RetryEffect(atomically=self.memory.atomically, jitter=_half)

    @cached_property
    def finish_effect(self) -> FinishEffect:
        return FinishEffect(atomically=self.memory.atomically)

    @cached_property
    def stage_refund(self) -> StageRefund:
        return StageRefund(gateway=self.provider, new_id=self.new_id)

    @cached_property
    def automatic(self) -> StageAutomaticRefund:
        return StageAutomaticRefund(stage=self.stage_refund)

    @cached_property
    def stage_expiry(self) -> StageExpiry:
        return StageExpiry(mode=self.provider.mode, new_id=self.new_id)

    @cached_property
    def apply_checkout(self) -> ApplyCheckoutReport:
        return ApplyCheckoutReport(
            atomically=self.memory.atomically,
            automatic=self.automatic,
            stage_expiry=self.stage_expiry,
        )

    @cached_property
    def apply_refund(self) -> ApplyRefundReport:
        return ApplyRefundReport(atomically=self.memory.atomically, automatic=self.automatic)

    @cached_property
    def send_checkout(self) -> SendCheckout:
        return SendCheckout(
            gateway=self.provider,
            atomically=self.memory.atomically,
            apply_report=self.apply_checkout,
            retry=self.retry,
        )

    @cached_property
    def send_expiry(self) -> SendExpiry:
        return SendExpiry(
            gateway=self.provider,
            atomically=self.memory.atomically,
            apply_report=self.apply_checkout,
            retry=self.retry,
        )

    @cached_property
    def stage_checkout(self) -> StageCheckout:
        return StageCheckout(gateway=self.provider, new_id=self.new_id)

    @cached_property
    def pay_for_job(self) -> PayForJob:
        return PayForJob(
            atomically=self.memory.atomically,
            gateway=self.provider,
            stage=self.stage_checkout,
            send=self.send_checkout,
            apply_report=self.apply_checkout,
            proofs=self.proofs,
            pages=self.pages,
            new_id=self.new_id,
        )

    @cached_property
    def open_checkout(self) -> OpenCheckout:
        return OpenCheckout(
            atomically=self.memory.atomically,
            gateway=self.provider,
            stage=self.stage_checkout,
            pay=self.pay_for_job,
            new_id=self.new_id,
            allowed_origins=frozenset({"https://shop.example"}),
            pages=self.pages,
        )

    @cached_property
    def resume_checkout(self) -> ResumeCheckout:
        return ResumeCheckout(atomically=self.memory.atomically, pay=self.pay_for_job)

    @cached_property
    def recall_checkout(self) -> RecallCheckout:
        return RecallCheckout(atomically=self.memory.atomically, tokens=self.tokens)

    @cached_property
    def cancel_job(self) -> CancelJob:
        return CancelJob(
            atomically=self.memory.atomically,
            stage_expiry=self.stage_expiry,
            send_checkout=self.send_checkout,
            send_expiry=self.send_expiry,
            proofs=self.proofs,
        )

    @cached_property
    def read_job(self) -> ReadJob:
        return ReadJob(views=self.views, proofs=self.proofs)

    @cached_property
    def read_payment(self) -> ReadPayment:
        return ReadPayment(views=self.views, tokens=self.tokens)

    @cached_property
    def mark_submitted(self) -> MarkRefundSubmitted:
        return MarkRefundSubmitted(atomically=self.memory.atomically)

    @cached_property
    def send_refund(self) -> SendRefund:
        return SendRefund(
            gateway=self.provider,
            mark_submitted=self.mark_submitted,
            apply_report=self.apply_refund,
            finish=self.finish_effect,
            retry=self.retry,
        )

    @cached_property
    def request_refund(self) -> RequestRefund:
        return RequestRefund(atomically=self.memory.atomically, stage=self.stage_refund)

    @cached_property
    def lease_job(self) -> LeaseJob:
        return LeaseJob(atomically=self.memory.atomically, new_id=self.new_id)

    @cached_property
    def extend_lease(self) -> ExtendLease:
        return ExtendLease(atomically=self.memory.atomically)

    @cached_property
    def finish_job(self) -> FinishJob:
        return FinishJob(atomically=self.memory.atomically)

    @cached_property
    def fail_job(self) -> FailJob:
        return FailJob(atomically=self.memory.atomically, automatic=self.automatic)

    @cached_property
    def fail_overdue_jobs(self) -> FailOverdueJobs:
        return FailOverdueJobs(atomically=self.memory.atomically, automatic=self.automatic)

    @cached_property
    def receive_event(self) -> ReceiveEvent:
        return ReceiveEvent(
            atomically=self.memory.atomically, verifier=self.verifier, reader=self.reader
        )

    @cached_property
    def claim_events(self) -> ClaimEvents:
        return ClaimEvents(atomically=self.memory.atomically)

    @cached_property
    def apply_event(self) -> ApplyEvent:
        return ApplyEvent(
            atomically=self.memory.atomically,
            installation=INSTALLATION,
            reader=self.reader,
            payments=self.provider,
            refunds=self.provider,
            apply_checkout=self.apply_checkout,
            apply_refund=self.apply_refund,
        )

    @cached_property
    def retry_event(self) -> RetryEvent:
        return RetryEvent(atomically=self.memory.atomically, jitter=_half)

    @cached_property
    def claim_effects(self) -> ClaimEffects:
        return ClaimEffects(atomically=self.memory.atomically)

    @cached_property
    def check_payments(self) -> CheckPayments:
        return CheckPayments(
            atomically=self.memory.atomically,
            gateway=self.provider,
            apply_report=self.apply_checkout,
        )

    @cached_property
    def check_refunds(self) -> CheckRefunds:
        return CheckRefunds(
            atomically=self.memory.atomically, gateway=self.provider, apply_report=self.apply_refund
        )

    @cached_property
    def claim_key(self) -> ClaimKey:
        return ClaimKey(atomically=self.memory.atomically)

    @cached_property
    def settle_key(self) -> SettleKey:
        return SettleKey(atomically=self.memory.atomically)

    @cached_property
    def list_offers(self) -> ListOffers:
        return ListOffers(atomically=self.memory.atomically)

    @cached_property
    def load_offers(self) -> LoadOffers:
        return LoadOffers(atomically=self.memory.atomically)

    @cached_property
    def find_installation(self) -> FindInstallation:
        return FindInstallation(atomically=self.memory.atomically)

    @cached_property
    def stamp_installation(self) -> StampInstallation:
        return StampInstallation(atomically=self.memory.atomically, new_id=self.new_id)

    @cached_property
    def advance_clock(self) -> AdvanceClock:
        return AdvanceClock(atomically=self.memory.atomically)
