"""Collecting money: what the provider reports about a checkout becomes what we know.

The one place where a capture is believed. A provider event, the safety net and a customer who
cancels all come through here, and applying the same report twice changes nothing.
"""

from __future__ import annotations

import attrs

from domain.audit.model import PROVIDER
from domain.collection import policy
from domain.collection.ports import CollectionWork
from domain.jobs import events as j
from domain.jobs.lifecycle import JobState
from domain.jobs.model import Job
from domain.jobs.policy import can_be_honoured
from domain.ledger import policy as ledger
from domain.outbox.lifecycle import EffectState
from domain.outbox.model import Effect, Operation, Outcome
from domain.outbox.policy import idempotency_key, must_look_first
from domain.outbox.use_cases import RetryEffect
from domain.payments import events as p
from domain.payments.errors import ProviderMisconfigured, ProviderRefused, ProviderUnavailable
from domain.payments.lifecycle import PaymentState
from domain.payments.model import CheckoutReport, Payment
from domain.payments.policy import events_of, noted, watched
from domain.payments.ports import PaymentGateway
from domain.refunds.model import RefundReason
from domain.refunds.policy import everything_went_back
from domain.refunds.use_cases import StageAutomaticRefund
from domain.shared.ids import EffectId, IdFactory, JobId, PaymentId
from domain.shared.work import Atomically


@attrs.frozen(kw_only=True)
class StageExpiry:
    """A step: end a checkout that must not be paid any more, if it has been opened."""

    mode: str
    new_id: IdFactory

    async def __call__(self, work: CollectionWork, payment: Payment) -> None:
        if payment.session is None:
            return
        operation = Operation.CHECKOUT_EXPIRE
        await work.outbox.stage(
            Effect(
                id=EffectId(self.new_id("eff")),
                operation=operation,
                entity_id=payment.id,
                payment_id=payment.id,
                idempotency_key=idempotency_key(self.mode, operation, payment.id, 1),
                parameters={"session": payment.session.id},
                staged_at=work.moment.now,
                due_at=work.moment.lease_now,
            )
        )


@attrs.frozen(kw_only=True)
class ApplyCheckoutReport:
    """Bring a payment, its job and the ledger up to what the provider reports.

    A capture pays the job; a second one is given back as a duplicate; one that comes when the
    work can no longer be honoured is given back too; one of another amount is held.
    Returns the payment as it now stands.
    """

    atomically: Atomically[CollectionWork]
    automatic: StageAutomaticRefund
    stage_expiry: StageExpiry

    async def __call__(self, payment_id: PaymentId, report: CheckoutReport) -> Payment:
        async def step(work: CollectionWork) -> Payment:
            return await self.within(work, payment_id, report)

        return await self.atomically(step)

    async def within(
        self, work: CollectionWork, payment_id: PaymentId, report: CheckoutReport
    ) -> Payment:
        job_id = await work.payments.job_of(payment_id)
        job = await work.jobs.get(job_id or JobId("none"))
        payment = await work.payments.get(payment_id)
        events = list(events_of(payment, report, work.moment.now))
        for event in events:
            payment = payment.apply(event)
        payment = watched(noted(payment, report), work.moment.now)
        payment = await work.payments.save(payment)
        for event in events:
            await self._follow(work, job, payment, event)
        await self._end_if_unwanted(work, job, payment)
        return payment

    async def _end_if_unwanted(self, work: CollectionWork, job: Job, payment: Payment) -> None:
        """A checkout opened while the job was being paid by another must not stay payable."""
        if payment.is_live and job.state not in {JobState.PENDING, JobState.CANCELLED}:
            await self.stage_expiry(work, payment)

    async def _follow(
        self, work: CollectionWork, job: Job, payment: Payment, event: p.PaymentEvent
    ) -> None:
        match event:
            case p.Captured():
                await work.ledger.post(ledger.capture(payment.id, event.amount, event.at))
                await self._captured(work, job, payment)
            case p.SessionExpired() | p.FundsFailed():
                await _abandoned(work, job, payment)
            case _:
                return

    async def _captured(self, work: CollectionWork, job: Job, payment: Payment) -> None:
        of_job = await work.payments.of_job(job.id)
        for other in of_job:
            if other.id != payment.id and other.is_live:
                await self.stage_expiry(work, other)
        if payment.state is PaymentState.HELD:
            return
        if policy.is_duplicate(payment, of_job):
            await self._give_back(work, job, payment, RefundReason.DUPLICATE)
        elif await _is_honoured(work, job):
            await work.jobs.save(job.apply(_received(work, job, payment)))
        else:
            await self._give_back(work, job, payment, RefundReason.NOT_HONOURABLE)

    async def _give_back(
        self, work: CollectionWork, job: Job, payment: Payment, reason: RefundReason
    ) -> None:
        await self.automatic(work, job=job, payment=payment, reason=reason)


async def _is_honoured(work: CollectionWork, job: Job) -> bool:
    """A pending job always is: its customer was in time."""
    if job.state is JobState.CANCELLED:
        return can_be_honoured(await work.offers.find(job.offer))
    return job.state is JobState.PENDING


async def _abandoned(work: CollectionWork, job: Job, payment: Payment) -> None:
    of_job = await work.payments.of_job(job.id)
    hope = any(other.is_live or other.state is PaymentState.HELD for other in of_job)
    if job.state is JobState.PENDING and not hope:
        gone = j.PaymentAbandoned(
            at=work.moment.now, by=PROVIDER, payment_id=payment.id, reason=payment.state
        )
        job = await work.jobs.save(job.apply(gone))
        if everything_went_back(of_job):
            await work.jobs.save(job.apply(j.MoneyReturned(at=work.moment.now, by=PROVIDER)))


def _received(work: CollectionWork, job: Job, payment: Payment) -> j.PaymentReceived:
    moment = work.moment
    late = job.state is JobState.CANCELLED
    kind = j.LatePaymentReceived if late else j.PaymentReceived
    return kind(
        at=moment.now,
        by=PROVIDER,
        payment_id=payment.id,
        run_at=moment.lease_now,
        deadline_at=moment.now + job.terms.delivery_time,
    )


@attrs.frozen(kw_only=True)
class SendCheckout:
    """Do what a *checkout.open* effect says, inline for a waiting customer or later.

    Raises ProviderUnavailable when nobody knows whether it was done: it will be tried again with
    the same key. Raises ProviderRefused after a definite no: the payment is given up.
    """

    gateway: PaymentGateway
    atomically: Atomically[CollectionWork]
    apply_report: ApplyCheckoutReport
    retry: RetryEffect

    async def __call__(self, effect: Effect) -> Payment:
        if await self._is_too_old(effect):
            return await self._give_up(effect, "no answer for 20 h")
        try:
            report = await self.gateway.open_checkout(effect.parameters, key=effect.idempotency_key)
        except (ProviderUnavailable, ProviderMisconfigured) as error:
            await self.retry(effect, reason=str(error))
            raise ProviderUnavailable(str(error)) from error
        except ProviderRefused as refused:
            await self._give_up(effect, refused.reason)
            raise
        return await self._record(effect, report)

    async def _is_too_old(self, effect: Effect) -> bool:
        # The provider may have forgotten the key, and would open a second checkout. Nobody was
        # ever shown the first one; should it be paid all the same, its event brings the money in.
        async def step(work: CollectionWork) -> bool:
            return must_look_first(effect, work.moment.now)

        return effect.attempt > 1 and await self.atomically(step)

    async def _record(self, effect: Effect, report: CheckoutReport) -> Payment:
        async def step(work: CollectionWork) -> Payment:
            payment = await self.apply_report.within(work, effect.payment_id, report)
            await work.outbox.record(effect, Outcome(state=EffectState.DONE))
            return payment

        return await self.atomically(step)

    async def _give_up(self, effect: Effect, reason: str) -> Payment:
        async def step(work: CollectionWork) -> Payment:
            job_id = await work.payments.job_of(effect.payment_id)
            job = await work.jobs.get(job_id or JobId("none"))
            payment = await work.payments.get(effect.payment_id)
            if payment.state is PaymentState.PENDING:
                gone = p.SessionExpired(at=work.moment.now, by=PROVIDER)
                payment = await work.payments.save(payment.apply(gone))
                await _abandoned(work, job, payment)
            await work.outbox.record(effect, Outcome(state=EffectState.DEAD, reason=reason))
            return payment

        return await self.atomically(step)


@attrs.frozen(kw_only=True)
class SendExpiry:
    """Do what a *checkout.expire* effect says: end it, and believe what the provider answers.

    Raises ProviderUnavailable when nobody knows; it will be tried again.
    """

    gateway: PaymentGateway
    atomically: Atomically[CollectionWork]
    apply_report: ApplyCheckoutReport
    retry: RetryEffect

    async def __call__(self, effect: Effect) -> Payment:
        session_id = str(effect.parameters["session"])
        try:
            report = await self.gateway.expire_checkout(session_id, key=effect.idempotency_key)
        except (ProviderUnavailable, ProviderMisconfigured, ProviderRefused) as error:
            await self.retry(effect, reason=str(error))
            raise ProviderUnavailable(str(error)) from error

        async def step(work: CollectionWork) -> Payment:
            payment = await self.apply_report.within(work, effect.payment_id, report)
            await work.outbox.record(effect, Outcome(state=EffectState.DONE))
            return payment

        return await self.atomically(step)
