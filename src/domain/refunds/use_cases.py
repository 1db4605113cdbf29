"""Giving money back: asked for by a person or by ourselves, sent once, and followed to its end."""

from __future__ import annotations

from collections.abc import Iterable

import attrs

from domain.audit.model import PROVIDER, SYSTEM, Actor
from domain.jobs.events import MoneyReturned, RefundFailedLater, RefundRequestedInFull
from domain.jobs.lifecycle import JobState
from domain.jobs.model import Job
from domain.ledger import policy as ledger
from domain.outbox.model import Effect, Operation
from domain.outbox.policy import idempotency_key, must_look_first
from domain.outbox.use_cases import FinishEffect, RetryEffect
from domain.payments.errors import (
    PaymentNotFound,
    ProviderMisconfigured,
    ProviderRefused,
    ProviderUnavailable,
)
from domain.payments.lifecycle import DisputeState
from domain.payments.model import Payment
from domain.payments.policy import return_event
from domain.refunds import events as e
from domain.refunds import policy
from domain.refunds.errors import NothingCaptured, PaymentDisputed, RefundExceedsRemaining
from domain.refunds.lifecycle import RefundState
from domain.refunds.model import Refund, RefundOrder, RefundReason, RefundReport
from domain.refunds.ports import RefundGateway, RefundWork
from domain.shared.errors import Flaw, Invalid
from domain.shared.ids import EffectId, IdFactory, PaymentId, RefundId
from domain.shared.money import Money
from domain.shared.work import Atomically

MOVABLE_BY_REFUND = frozenset({JobState.PAID, JobState.PROCESSING})
RETURNABLE = frozenset({JobState.FAILED, JobState.COMPLETED, JobState.CANCELLED, JobState.PENDING})


@attrs.frozen(kw_only=True)
class StageRefund:
    """A step, not a whole use case: write a refund and the effect that will send it."""

    gateway: RefundGateway
    new_id: IdFactory

    async def __call__(
        self, work: RefundWork, refund: Refund, *, job: Job, payment: Payment
    ) -> Refund:
        moment = work.moment
        order = RefundOrder(
            refund=refund, payment=payment, offer=job.offer, failure_reason=job.failure_reason
        )
        await work.refunds.add(refund)
        await _set_aside(work, refund, earned=policy.is_earned(job, payment))
        operation = Operation.REFUND_CREATE
        await work.outbox.stage(
            Effect(
                id=EffectId(self.new_id("eff")),
                operation=operation,
                entity_id=refund.id,
                payment_id=payment.id,
                idempotency_key=idempotency_key(self.gateway.mode, operation, refund.id, 1),
                parameters=self.gateway.refund_parameters(order),
                staged_at=moment.now,
                due_at=moment.lease_now,
            )
        )
        return refund


@attrs.frozen(kw_only=True)
class StageAutomaticRefund:
    """A step: give back whatever of *payment* is not on its way back yet.

    Nothing is staged for zero, so repeating it is harmless. After two automatic refunds have
    failed the money goes on the hold *refund_failed* instead: a person must look.
    """

    stage: StageRefund

    async def __call__(
        self, work: RefundWork, *, job: Job, payment: Payment, reason: RefundReason
    ) -> Refund | None:
        refunds = await work.refunds.of_payment(payment.id)
        amount = policy.refundable(payment, refunds)
        if not amount:
            return None
        if payment.dispute is DisputeState.OPEN or not policy.may_try_automatically(refunds):
            return None
        asked = e.RefundRequested(
            at=work.moment.now,
            by=SYSTEM,
            payment_id=payment.id,
            amount=amount,
            reason=reason,
            note=None,
        )
        refund = Refund.requested(
            asked, id=RefundId(self.stage.new_id("ref")), job_id=payment.job_id
        )
        return await self.stage(work, refund, job=job, payment=payment)


@attrs.frozen(kw_only=True)
class RequestRefund:
    """A person gives money back: all that is left of a payment, or *amount_minor* of it.

    Raises PaymentNotFound, NothingCaptured, PaymentDisputed, RefundExceedsRemaining or Invalid.
    """

    atomically: Atomically[RefundWork]
    stage: StageRefund

    async def __call__(
        self,
        payment_id: PaymentId,
        *,
        amount_minor: int | None,
        note: str,
        by: Actor,
        refund_id: RefundId | None = None,
    ) -> tuple[Refund, Money]:
        """Return the refund, and what could still be refunded after it."""
        if not note.strip():
            raise Invalid([Flaw("/reason", "is needed: why does the money go back?")])
        if amount_minor is not None and amount_minor < 1:
            raise Invalid([Flaw("/amount", "must be at least 1, or left out for all of it")])
        refund_id = refund_id or RefundId(self.stage.new_id("ref"))

        async def step(work: RefundWork) -> tuple[Refund, Money]:
            job, payment, refunds = await lock_all(work, payment_id)
            known = next((r for r in refunds if r.id == refund_id), None)
            if known is not None:
                return known, policy.refundable(payment, refunds)
            amount = _amount_asked(payment, refunds, amount_minor)
            asked = e.RefundRequested(
                at=work.moment.now,
                by=by,
                payment_id=payment.id,
                amount=amount,
                reason=RefundReason.REQUESTED,
                note=note,
            )
            refund = Refund.requested(asked, id=refund_id, job_id=job.id)
            await self.stage(work, refund, job=job, payment=payment)
            await revoke_if_all_is_asked_back(work, job, refund)
            return refund, policy.refundable(payment, [*refunds, refund])

        return await self.atomically(step)


def _amount_asked(payment: Payment, refunds: Iterable[Refund], amount_minor: int | None) -> Money:
    if payment.captured is None:
        raise NothingCaptured(payment.id)
    if payment.dispute is DisputeState.OPEN:
        raise PaymentDisputed(payment.id)
    remaining = policy.refundable(payment, refunds)
    wanted = remaining.amount_minor if amount_minor is None else amount_minor
    if not 0 < wanted <= remaining.amount_minor:
        raise RefundExceedsRemaining(remaining)
    return Money(wanted, remaining.currency)


async def lock_all(work: RefundWork, payment_id: PaymentId) -> tuple[Job, Payment, list[Refund]]:
    """Lock a payment's job, the payment and its refunds, in the order of the house."""
    job_id = await work.payments.job_of(payment_id)
    if job_id is None:
        raise PaymentNotFound(payment_id)
    job = await work.jobs.get(job_id)
    payment = await work.payments.get(payment_id)
    return job, payment, await work.refunds.of_payment(payment_id)


async def revoke_if_all_is_asked_back(work: RefundWork, job: Job, refund: Refund) -> Job:
    """A job nobody pays for any more is not worked on: its lease ends in the same commit."""
    if job.state not in MOVABLE_BY_REFUND:
        return job
    payments = await work.payments.of_job(job.id)
    refunds = [r for p in payments for r in await work.refunds.of_payment(p.id)]
    if not policy.everything_is_asked_back(payments, refunds):
        return job
    asked = RefundRequestedInFull(
        at=work.moment.now, by=Actor(refund.requested_by), refund_id=refund.id
    )
    return await work.jobs.save(job.apply(asked))


@attrs.frozen(kw_only=True)
class Dispatch:
    """A refund about to be sent. *look_first* when the provider may have forgotten its key."""

    refund: Refund
    payment: Payment
    look_first: bool


@attrs.frozen(kw_only=True)
class MarkRefundSubmitted:
    """Write down that a refund is about to be sent: from here on it may have happened.

    The refund that comes back is to be sent only if it is *submitted*, for it may have been
    cancelled or decided meanwhile.
    """

    atomically: Atomically[RefundWork]

    async def __call__(self, effect: Effect) -> Dispatch:
        async def step(work: RefundWork) -> Dispatch:
            _, payment, refunds = await lock_all(work, effect.payment_id)
            refund = next(r for r in refunds if r.id == effect.entity_id)
            if refund.state in {RefundState.REQUESTED, RefundState.AWAITING_APPROVAL}:
                sent = refund.apply(e.RefundSubmitted(at=work.moment.now, by=SYSTEM))
                refund = await work.refunds.save(policy.watched(sent, work.moment.now))
            look_first = must_look_first(effect, work.moment.now)
            return Dispatch(refund=refund, payment=payment, look_first=look_first)

        return await self.atomically(step)


@attrs.frozen(kw_only=True)
class ApplyRefundReport:
    """Bring a refund, its payment, its job and the ledger up to what the provider reports.

    A refund we have never heard of, on a payment of ours, is adopted. Returns None when the
    report is of nobody we know, or of money we have not heard of yet. Repeating it changes nothing.
    """

    atomically: Atomically[RefundWork]
    automatic: StageAutomaticRefund

    async def __call__(self, report: RefundReport) -> Refund | None:
        adopted_id = RefundId(self.automatic.stage.new_id("ref"))

        async def step(work: RefundWork) -> Refund | None:
            return await self.within(work, report, adopted_id)

        return await self.atomically(step)

    async def within(
        self, work: RefundWork, report: RefundReport, adopted_id: RefundId
    ) -> Refund | None:
        payment_id = await _payment_of(work, report)
        if payment_id is None:
            return None
        job, payment, refunds = await lock_all(work, payment_id)
        if payment.captured is None:
            # News of the refund has overtaken news of the capture.
            return None
        refund = policy.known(refunds, report)
        if refund is None:
            refund = await self._adopt(work, report, adopted_id, job, payment)
        steps = list(policy.events_of(refund, report, work.moment.now))
        for event in steps:
            await _post(work, refund, event, earned=policy.is_earned(job, payment))
            refund = refund.apply(event)
        refund = policy.watched(policy.noted(refund, report), work.moment.now)
        refund = await work.refunds.save(refund)
        if refund.counts:
            job = await revoke_if_all_is_asked_back(work, job, refund)
        payment = await _follow_with_payment(work, payment)
        await self._follow_with_job(work, job, payment, refund, steps)
        return refund

    async def _adopt(
        self, work: RefundWork, report: RefundReport, id: RefundId, job: Job, payment: Payment
    ) -> Refund:
        found = e.RefundAdopted(
            at=work.moment.now,
            by=PROVIDER,
            payment_id=payment.id,
            amount=report.amount,
            reason=RefundReason.ADOPTED,
            note=None,
            provider_id=report.provider_id,
        )
        refund = Refund.requested(found, id=id, job_id=job.id)
        refund = await work.refunds.add(attrs.evolve(refund, provider_id=report.provider_id))
        await _set_aside(work, refund, earned=policy.is_earned(job, payment))
        return refund

    async def _follow_with_job(
        self,
        work: RefundWork,
        job: Job,
        payment: Payment,
        refund: Refund,
        steps: list[e.RefundEvent],
    ) -> None:
        failed = any(isinstance(event, e.RefundFailed) for event in steps)
        job = await _move_job(work, job, failed=refund if failed else None)
        if failed and job.state is JobState.FAILED:
            await self.automatic(work, job=job, payment=payment, reason=RefundReason.WORK_FAILED)


async def _payment_of(work: RefundWork, report: RefundReport) -> PaymentId | None:
    """Find whose refund this is: by our id on it, by the provider's, by what it gives back."""
    refund_id = RefundId(report.refund_id) if report.refund_id else None
    provider_id = report.provider_id
    known = await work.refunds.by_provider_id(provider_id) if provider_id else None
    for candidate in (known, refund_id):
        if candidate and (whose := await work.refunds.whose(candidate)):
            return whose[1]
    if report.intent_id and (found := await work.payments.by_intent(report.intent_id)):
        return found
    return await work.payments.by_charge(report.charge_id) if report.charge_id else None


async def _set_aside(work: RefundWork, refund: Refund, *, earned: bool) -> None:
    about = (refund.id, refund.payment_id, refund.amount, work.moment.now)
    await work.ledger.post(ledger.refund_request(*about, earned=earned))


async def _post(work: RefundWork, refund: Refund, event: e.RefundEvent, *, earned: bool) -> None:
    at, subject = work.moment.now, (refund.id, refund.payment_id, refund.amount)
    match event:
        case e.RefundSucceeded():
            await work.ledger.post(ledger.refund_return(*subject, at))
        case e.RefundFailed() | e.RefundCancelled():
            if refund.state is RefundState.SUCCEEDED:
                await work.ledger.post(ledger.refund_return_reversal(*subject, at))
            await work.ledger.post(ledger.refund_request_reversal(*subject, at, earned=earned))
        case _:
            return


async def _follow_with_payment(work: RefundWork, payment: Payment) -> Payment:
    assert payment.captured is not None  # noqa: S101  a refund exists only of what was captured
    now = work.moment.now
    refunds = await work.refunds.of_payment(payment.id)
    returned = Money(policy.returned_minor(refunds), payment.captured.currency)
    event = return_event(payment, returned, now)
    if event is not None:
        payment = payment.apply(event)
    if payment.kept_minor:
        payment = policy.holds_of(payment, refunds, now)
    return await work.payments.save(payment)


async def _move_job(work: RefundWork, job: Job, *, failed: Refund | None) -> Job:
    """The job is refunded only when everything captured, in all its payments, has gone back."""
    payments = await work.payments.of_job(job.id)
    now, gone = work.moment.now, policy.everything_went_back(payments)
    waiting = job.state is JobState.PENDING and any(payment.is_live for payment in payments)
    if gone and job.state in RETURNABLE and not waiting:
        return await work.jobs.save(job.apply(MoneyReturned(at=now, by=PROVIDER)))
    if failed is not None and not gone and job.state is JobState.REFUNDED:
        later = RefundFailedLater(at=now, by=PROVIDER, refund_id=failed.id)
        return await work.jobs.save(job.apply(later))
    return job


@attrs.frozen(kw_only=True)
class SendRefund:
    """Do what a *refund.create* effect says: once at the provider, however often it is tried.

    An unknown outcome is tried again with the same key. A definite no is believed only after a
    look at the provider has not found the refund; then the refund has failed, with the reason.
    """

    gateway: RefundGateway
    mark_submitted: MarkRefundSubmitted
    apply_report: ApplyRefundReport
    finish: FinishEffect
    retry: RetryEffect

    async def __call__(self, effect: Effect) -> None:
        dispatch = await self.mark_submitted(effect)
        state = dispatch.refund.state
        if state is not RefundState.SUBMITTED:
            await self.finish(effect, reason=f"the refund is {state} already")
            return
        try:
            report = await self._send(effect, dispatch)
        except (ProviderUnavailable, ProviderMisconfigured) as error:
            await self.retry(effect, reason=str(error))
            return
        await self.apply_report(report)
        await self.finish(effect, reason=report.failure_reason)

    async def _send(self, effect: Effect, dispatch: Dispatch) -> RefundReport:
        if dispatch.look_first and (found := await self._look(dispatch)):
            return found
        try:
            return await self.gateway.create_refund(effect.parameters, key=effect.idempotency_key)
        except ProviderRefused as refused:
            found = await self._look(dispatch)
            return found or RefundReport.refused(dispatch.refund, refused.reason)

    async def _look(self, dispatch: Dispatch) -> RefundReport | None:
        """Find our refund at the provider, adopting on the way whatever others made there."""
        ours = None
        for report in await self.gateway.find_refunds(dispatch.payment):
            if report.refund_id == dispatch.refund.id:
                ours = report
            else:
                await self.apply_report(report)
        return ours
