"""The whole service in one process: every use case, on memory, with a provider in memory.

What the background process does (draining the queues) is done here only when a story says so.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Awaitable
from datetime import timedelta

import attrs

from adapters.memory.access_tokens import MemoryAccessTokens
from adapters.memory.events import MemoryEventReader, MemoryEventVerifier, written
from adapters.memory.ids import SequentialIds
from adapters.memory.memory import Memory
from adapters.memory.provider import MemoryPaymentProvider
from adapters.memory.views import MemoryCustomerViews
from domain.checkout.model import JobView, OpenedCheckout, Purchase
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
from domain.fulfilment.model import Assignment
from domain.fulfilment.use_cases import ExtendLease, FailJob, FailOverdueJobs, FinishJob, LeaseJob
from domain.idempotency.use_cases import ClaimKey, SettleKey
from domain.installation.model import Installation
from domain.installation.use_cases import AdvanceClock, FindInstallation, StampInstallation
from domain.jobs.lifecycle import JobState
from domain.jobs.model import Job
from domain.jobs.policy import ANYONE, Caller
from domain.offers.use_cases import ListOffers, LoadOffers
from domain.outbox.errors import FencedOut
from domain.outbox.model import Effect, Operation
from domain.outbox.use_cases import ClaimEffects, FinishEffect, RetryEffect
from domain.payments.errors import ProviderRefused, ProviderUnavailable
from domain.payments.model import Payment
from domain.provider_events.model import InboxEntry, ProviderEvent, Verdict
from domain.provider_events.use_cases import ApplyEvent, ClaimEvents, ReceiveEvent, RetryEvent
from domain.reconciliation.use_cases import CheckPayments, CheckRefunds
from domain.refunds.model import Refund
from domain.refunds.use_cases import (
    ApplyRefundReport,
    MarkRefundSubmitted,
    RequestRefund,
    SendRefund,
    StageAutomaticRefund,
    StageRefund,
)
from tests.builders import ADMIN, MINUTE, WORKER, a_purchase

INSTALLATION = Installation(mode="sandbox", account_id="acct_memory", instance="inst_memory")


def _half() -> float:
    return 0.5


@attrs.define(kw_only=True, repr=False)
class World:
    memory: Memory
    provider: MemoryPaymentProvider
    verifier: MemoryEventVerifier
    list_offers: ListOffers
    load_offers: LoadOffers
    open_checkout: OpenCheckout
    pay_for_job: PayForJob
    resume_checkout: ResumeCheckout
    recall_checkout: RecallCheckout
    cancel_job: CancelJob
    read_job: ReadJob
    read_payment: ReadPayment
    send_checkout: SendCheckout
    send_expiry: SendExpiry
    send_refund: SendRefund
    request_refund: RequestRefund
    lease_job: LeaseJob
    extend_lease: ExtendLease
    finish_job: FinishJob
    fail_job: FailJob
    fail_overdue_jobs: FailOverdueJobs
    receive_event: ReceiveEvent
    claim_events: ClaimEvents
    apply_event: ApplyEvent
    retry_event: RetryEvent
    claim_effects: ClaimEffects
    finish_effect: FinishEffect
    check_payments: CheckPayments
    check_refunds: CheckRefunds
    apply_checkout: ApplyCheckoutReport
    apply_refund: ApplyRefundReport
    claim_key: ClaimKey
    settle_key: SettleKey
    find_installation: FindInstallation
    stamp_installation: StampInstallation
    advance_clock: AdvanceClock

    # What people and workers do.

    async def buy(
        self, purchase: Purchase | None = None, *, caller: Caller = ANYONE
    ) -> OpenedCheckout:
        return await self.open_checkout(purchase or a_purchase(), caller=caller)

    async def buy_and_pay(self, *, caller: Caller = ANYONE) -> OpenedCheckout:
        bought = await self.buy(caller=caller)
        self.provider.pay(bought.session_id)
        await self.hear()
        return bought

    async def lease(self, length: timedelta = MINUTE) -> Assignment:
        assignment = await self.lease_job(offers=None, length=length, by=WORKER)
        assert assignment is not None, "no job is waiting for a worker"
        return assignment

    async def finish(self, assignment: Assignment, result: object = "done") -> JobState:
        return await self.finish_job(
            assignment.job_id, lease=assignment.lease, result=result, by=WORKER
        )

    async def fail(self, assignment: Assignment, *, retryable: bool = False) -> JobState:
        return await self.fail_job(
            assignment.job_id,
            lease=assignment.lease,
            reason="broken",
            retryable=retryable,
            by=WORKER,
        )

    async def refund(self, bought: OpenedCheckout, amount_minor: int | None = None) -> Refund:
        refund, _ = await self.request_refund(
            bought.payment_id, amount_minor=amount_minor, note="asked nicely", by=ADMIN
        )
        return refund

    async def withdraw_all_offers(self) -> None:
        await self.load_offers([])

    # What the background process does.

    async def hear(self, *events: ProviderEvent) -> None:
        """Let *events*, or else all that were announced, arrive and be applied."""
        for event in events or self.provider.take_announced():
            await self.receive(event)
        await self.work_inbox()

    async def receive(self, event: ProviderEvent) -> bool:
        payload = written(event)
        _, new = await self.receive_event(payload, self.verifier.sign(payload))
        return new

    async def work_inbox(self) -> list[Verdict]:
        return [await self.apply(entry) for entry in await self.claim_events(100)]

    async def apply(self, entry: InboxEntry) -> Verdict:
        try:
            return await self.apply_event(entry)
        except ProviderUnavailable as error:
            return await self.retry_event(entry, reason=str(error), crashed=False)

    async def work_outbox(self) -> int:
        """Do every effect that is due, once; returns how many."""
        effects = await self.claim_effects(100)
        for effect in effects:
            await self.do(effect)
        return len(effects)

    async def do(self, effect: Effect) -> None:
        # Both have been written down; only an inline caller has to hear of it.
        try:
            await self._send(effect)
        except (ProviderUnavailable, ProviderRefused, FencedOut):
            return

    def _send(self, effect: Effect) -> Awaitable[object]:
        match effect.operation:
            case Operation.CHECKOUT_OPEN:
                return self.send_checkout(effect)
            case Operation.CHECKOUT_EXPIRE:
                return self.send_expiry(effect)
            case Operation.REFUND_CREATE:
                return self.send_refund(effect)

    async def settle_down(self) -> None:
        """Let everything that is due happen, until nothing is left to do."""
        await self.hear()
        while await self.work_outbox() or self.provider.announced:
            await self.hear()

    def pass_time(self, by: timedelta) -> None:
        self.memory.clock.tick(by)

    # What is stored.

    def job(self, bought: OpenedCheckout | Assignment) -> Job:
        return self.memory.tables.jobs[bought.job_id]

    def payment(self, bought: OpenedCheckout) -> Payment:
        return self.memory.tables.payments[bought.payment_id]

    def payments_of(self, bought: OpenedCheckout) -> list[Payment]:
        payments = self.memory.tables.payments.values()
        return [payment for payment in payments if payment.job_id == bought.job_id]

    def refunds_of(self, bought: OpenedCheckout) -> list[Refund]:
        refunds = self.memory.tables.refunds.values()
        return [refund for refund in refunds if refund.job_id == bought.job_id]

    def effects(self, operation: Operation) -> list[Effect]:
        rows = self.memory.tables.effects.values()
        return [row for row in rows if row.operation is operation]

    def inbox(self) -> list[InboxEntry]:
        return list(self.memory.tables.inbox.values())

    def account_totals(self) -> dict[str, int]:
        """Of every account of the ledger that is not even."""
        totals: defaultdict[str, int] = defaultdict(int)
        for transfer in self.memory.tables.transfers.values():
            for entry in transfer.entries:
                totals[entry.account] += entry.amount_minor
        return {account: amount for account, amount in totals.items() if amount}

    async def shown(self, bought: OpenedCheckout) -> JobView:
        return await self.read_job(bought.job_id, caller=guest(bought))

    def states(self, bought: OpenedCheckout) -> tuple[str, list[str], list[str]]:
        """Of the job, its payments and its refunds: the state of the story in one line."""
        return (
            str(self.job(bought).state),
            [str(payment.state) for payment in self.payments_of(bought)],
            [str(refund.state) for refund in self.refunds_of(bought)],
        )


def guest(bought: OpenedCheckout) -> Caller:
    return Caller(guest_token=bought.access_token)


def a_world(*, runs_steps_twice: bool = False) -> World:
    """Compose the service, as the composition root does."""
    memory = Memory(runs_steps_twice=runs_steps_twice)
    memory.tables.installation = INSTALLATION
    provider = MemoryPaymentProvider(
        now=lambda: memory.moment.now,
        instance=INSTALLATION.instance,
        before_call=memory.must_be_outside,
    )
    at, ids, tokens = memory.atomically, SequentialIds(), MemoryAccessTokens()
    verifier, reader, views = (
        MemoryEventVerifier(),
        MemoryEventReader(),
        MemoryCustomerViews(memory),
    )
    retry = RetryEffect(atomically=at, jitter=_half)
    finish = FinishEffect(atomically=at)
    stage_refund = StageRefund(gateway=provider, new_id=ids)
    automatic = StageAutomaticRefund(stage=stage_refund)
    stage_expiry = StageExpiry(mode=provider.mode, new_id=ids)
    apply_checkout = ApplyCheckoutReport(
        atomically=at, automatic=automatic, stage_expiry=stage_expiry
    )
    apply_refund = ApplyRefundReport(atomically=at, automatic=automatic)
    send_checkout = SendCheckout(
        gateway=provider, atomically=at, apply_report=apply_checkout, retry=retry
    )
    send_expiry = SendExpiry(
        gateway=provider, atomically=at, apply_report=apply_checkout, retry=retry
    )
    stage_checkout = StageCheckout(gateway=provider, new_id=ids)
    pay = PayForJob(
        atomically=at,
        gateway=provider,
        stage=stage_checkout,
        send=send_checkout,
        apply_report=apply_checkout,
        tokens=tokens,
        new_id=ids,
    )
    return World(
        memory=memory,
        provider=provider,
        verifier=verifier,
        list_offers=ListOffers(atomically=at),
        load_offers=LoadOffers(atomically=at),
        open_checkout=OpenCheckout(
            atomically=at,
            gateway=provider,
            stage=stage_checkout,
            pay=pay,
            new_id=ids,
            allowed_origins=frozenset({"https://shop.example"}),
            success_url="https://shop.example/thanks",
            cancel_url="https://shop.example/basket",
        ),
        pay_for_job=pay,
        resume_checkout=ResumeCheckout(atomically=at, pay=pay),
        recall_checkout=RecallCheckout(atomically=at, tokens=tokens),
        cancel_job=CancelJob(
            atomically=at,
            stage_expiry=stage_expiry,
            send_checkout=send_checkout,
            send_expiry=send_expiry,
            tokens=tokens,
        ),
        read_job=ReadJob(views=views, tokens=tokens),
        read_payment=ReadPayment(views=views, tokens=tokens),
        send_checkout=send_checkout,
        send_expiry=send_expiry,
        send_refund=SendRefund(
            gateway=provider,
            mark_submitted=MarkRefundSubmitted(atomically=at),
            apply_report=apply_refund,
            finish=finish,
            retry=retry,
        ),
        request_refund=RequestRefund(atomically=at, stage=stage_refund),
        lease_job=LeaseJob(atomically=at, new_id=ids),
        extend_lease=ExtendLease(atomically=at),
        finish_job=FinishJob(atomically=at),
        fail_job=FailJob(atomically=at, automatic=automatic),
        fail_overdue_jobs=FailOverdueJobs(atomically=at, automatic=automatic),
        receive_event=ReceiveEvent(atomically=at, verifier=verifier, reader=reader),
        claim_events=ClaimEvents(atomically=at),
        apply_event=ApplyEvent(
            atomically=at,
            installation=INSTALLATION,
            reader=reader,
            payments=provider,
            refunds=provider,
            apply_checkout=apply_checkout,
            apply_refund=apply_refund,
        ),
        retry_event=RetryEvent(atomically=at, jitter=_half),
        claim_effects=ClaimEffects(atomically=at),
        finish_effect=finish,
        check_payments=CheckPayments(atomically=at, gateway=provider, apply_report=apply_checkout),
        check_refunds=CheckRefunds(atomically=at, gateway=provider, apply_report=apply_refund),
        apply_checkout=apply_checkout,
        apply_refund=apply_refund,
        claim_key=ClaimKey(atomically=at),
        settle_key=SettleKey(atomically=at),
        find_installation=FindInstallation(atomically=at),
        stamp_installation=StampInstallation(atomically=at, new_id=ids),
        advance_clock=AdvanceClock(atomically=at),
    )
