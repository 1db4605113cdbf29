"""What a customer does: buy a job, pay again, cancel, and look."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

import attrs

from domain.audit.model import CUSTOMER
from domain.checkout import policy
from domain.checkout.errors import CheckoutBusy
from domain.checkout.model import JobView, OpenedCheckout, PaymentView, Purchase
from domain.checkout.policy import OwnPages, Power, Proofs
from domain.checkout.ports import CheckoutWork, CustomerViews
from domain.collection.use_cases import ApplyCheckoutReport, SendCheckout, SendExpiry, StageExpiry
from domain.idempotency.model import KeyedRequest
from domain.jobs.errors import JobNotCancellable, JobNotFound, JobNotPayable
from domain.jobs.events import JobOrdered, PaymentRestarted
from domain.jobs.lifecycle import JobState
from domain.jobs.model import Job
from domain.jobs.policy import Caller
from domain.jobs.ports import AccessTokens
from domain.offers.errors import OfferInactive, OfferNotFound
from domain.offers.model import Offer, Quote
from domain.offers.policy import quote
from domain.outbox.model import Effect, Operation
from domain.outbox.policy import idempotency_key
from domain.payments.errors import CheckoutDelayed, PaymentNotFound, ProviderUnavailable
from domain.payments.events import PaymentQuoted
from domain.payments.lifecycle import PaymentState
from domain.payments.model import CheckoutOrder, Payment
from domain.payments.ports import PaymentGateway
from domain.shared.errors import Flaw, Invalid
from domain.shared.ids import EffectId, IdFactory, JobId, PaymentId
from domain.shared.work import Atomically

INLINE_LEASE: Final = timedelta(seconds=15)
"""Longer than the one attempt of 8 s a waiting customer gets."""


@attrs.frozen(kw_only=True)
class StageCheckout:
    """A step: write the effect that opens a checkout for *payment*, for its caller to send.

    It is due when the caller must have sent it: the background process does not overtake a waiting
    customer, and finds it should the caller have died.
    """

    gateway: PaymentGateway
    new_id: IdFactory

    async def __call__(self, work: CheckoutWork, payment: Payment, offer: Offer) -> None:
        order = CheckoutOrder(
            payment=payment,
            offer=offer.slug,
            offer_name=offer.name,
            payment_methods=offer.payment_methods,
        )
        operation = Operation.CHECKOUT_OPEN
        await work.outbox.stage(
            Effect(
                id=EffectId(self.new_id("eff")),
                operation=operation,
                entity_id=payment.id,
                payment_id=payment.id,
                idempotency_key=idempotency_key(self.gateway.mode, operation, payment.id, 1),
                parameters=self.gateway.checkout_parameters(order),
                staged_at=work.moment.now,
                due_at=work.moment.lease_now + INLINE_LEASE,
            )
        )


@attrs.frozen(kw_only=True)
class OpenCheckout:
    """Buy a job: price it, write it down, then ask the provider for a page to pay on.

    Raises OfferNotFound, OfferInactive, Invalid (every flaw listed, nothing written),
    CheckoutDelayed (written, can be resumed) or ProviderRefused.
    """

    atomically: Atomically[CheckoutWork]
    gateway: PaymentGateway
    stage: StageCheckout
    pay: PayForJob
    new_id: IdFactory
    allowed_origins: frozenset[str]
    pages: OwnPages

    async def __call__(
        self, purchase: Purchase, *, caller: Caller, request: KeyedRequest | None = None
    ) -> OpenedCheckout:
        job_id, payment_id = JobId(self.new_id("job")), PaymentId(self.new_id("pay"))

        async def step(work: CheckoutWork) -> Job:
            offer = await _offer(work, purchase.offer)
            priced = self._priced(offer, purchase)
            job = _new_job(work, offer, purchase, job_id, caller)
            payment = self._new_payment(work, priced, purchase, payment_id, job)
            job = await work.jobs.add(job)
            await self.stage(work, await work.payments.add(payment), offer)
            if request is not None:
                await work.idempotency.remember_job(request, job_id)
            return job

        job = await self.atomically(step)
        return await self.pay.open(job)

    def _priced(self, offer: Offer, purchase: Purchase) -> Quote:
        flaws = list(policy.flaws_of(purchase, self.allowed_origins))
        try:
            priced = quote(
                offer,
                inputs=purchase.inputs,
                quantity=purchase.quantity,
                currency=purchase.currency,
                amount_minor=purchase.amount_minor,
            )
        except Invalid as invalid:
            raise Invalid([*invalid.flaws, *flaws]) from None
        if objection := self.gateway.objection(priced.amount):
            flaws.append(Flaw("", objection))
        if flaws:
            raise Invalid(flaws)
        return priced

    def _new_payment(
        self,
        work: CheckoutWork,
        priced: Quote,
        purchase: Purchase,
        payment_id: PaymentId,
        job: Job,
    ) -> Payment:
        return Payment.quoted(
            PaymentQuoted(at=work.moment.now, by=CUSTOMER, amount=priced.amount),
            id=payment_id,
            job_id=job.id,
            breakdown=priced.breakdown,
            **self.pages.returns_of(purchase, job),
            customer_email=purchase.customer_email,
            metadata=purchase.metadata,
        )


async def _offer(work: CheckoutWork, slug: str) -> Offer:
    offer = await work.offers.find(slug)
    if offer is None:
        raise OfferNotFound(slug)
    if not offer.active:
        raise OfferInactive(slug)
    return offer


def _new_job(
    work: CheckoutWork, offer: Offer, purchase: Purchase, job_id: JobId, caller: Caller
) -> Job:
    return Job.ordered(
        JobOrdered(at=work.moment.now, by=CUSTOMER, offer=offer.slug),
        id=job_id,
        owner=caller.subject,
        inputs=purchase.inputs,
        quantity=purchase.quantity,
        terms=offer.terms,
    )


@attrs.frozen(kw_only=True)
class PayForJob:
    """Give an unpaid job a checkout to pay on: the live one, or a fresh one.

    A fresh one only after the provider has confirmed that the old one cannot be paid any more.
    Raises JobNotFound, JobNotPayable, CheckoutBusy, CheckoutDelayed or ProviderRefused.
    """

    atomically: Atomically[CheckoutWork]
    gateway: PaymentGateway
    stage: StageCheckout
    send: SendCheckout
    apply_report: ApplyCheckoutReport
    proofs: Proofs
    pages: OwnPages
    new_id: IdFactory

    async def __call__(self, job_id: JobId, *, caller: Caller) -> OpenedCheckout:
        job = await self.atomically(
            lambda work: _own_job(Power.PAY, work, job_id, caller, self.proofs)
        )
        # A ticket was in an address: it must not be worth the token, which can do more for longer.
        return await self.open(job, with_token=caller.page_ticket is None)

    async def open(self, job: Job, *, with_token: bool = True) -> OpenedCheckout:
        token = _token(job, self.proofs.tokens) if with_token else None
        try:
            payment = await self._payable(job.id)
        except ProviderUnavailable as error:
            raise CheckoutDelayed(job.id, token) from error
        assert payment.session is not None  # noqa: S101  _payable has seen to it
        return OpenedCheckout(
            job_id=job.id,
            payment_id=payment.id,
            session_id=payment.session.id,
            session_url=payment.session.url,
            access_token=token,
            status=payment.state,
            amount=payment.amount,
            expires_at=payment.session.expires_at,
        )

    async def _payable(self, job_id: JobId) -> Payment:
        new_payment_id = PaymentId(self.new_id("pay"))
        planned = await self.atomically(lambda work: self._plan(work, job_id, new_payment_id))
        match planned:
            case Effect():
                payment = await self.send(planned)
                return payment if payment.session else await self._payable(job_id)
            case _Ended(payment_id=payment_id, session_id=session_id):
                report = await self.gateway.fetch_checkout(session_id)
                payment = await self.apply_report(payment_id, report)
                return payment if report.is_open else await self._payable(job_id)
            case Payment():
                return planned

    async def _plan(
        self, work: CheckoutWork, job_id: JobId, new_payment_id: PaymentId
    ) -> Effect | Payment | _Ended:
        job = await work.jobs.get(job_id)
        payments = await work.payments.of_job(job_id)
        policy.refuse_unless_payable(job, payments)
        live = next((payment for payment in payments if payment.is_live), None)
        if live is None:
            live = await self._restart(work, job, payments[-1], new_payment_id)
        if live.session is None:
            return await _take(work, Operation.CHECKOUT_OPEN, live)
        if live.session.expires_at <= work.moment.now:
            return _Ended(payment_id=live.id, session_id=live.session.id)
        return live

    async def _restart(
        self, work: CheckoutWork, job: Job, last: Payment, new_payment_id: PaymentId
    ) -> Payment:
        """Start again at the price that was quoted, for as long as the offer is sold."""
        offer = await work.offers.find(job.offer)
        if offer is None or not offer.active:
            raise JobNotPayable(job.id, "its offer is not sold any more")
        quoted = PaymentQuoted(at=work.moment.now, by=CUSTOMER, amount=last.amount)
        payment = Payment.quoted(
            quoted,
            id=new_payment_id,
            job_id=job.id,
            breakdown=last.breakdown,
            **self.pages.renewed(last, job),
            customer_email=last.customer_email,
            metadata=last.metadata,
        )
        payment = await work.payments.add(payment)
        again = PaymentRestarted(at=work.moment.now, by=CUSTOMER, payment_id=payment.id)
        await work.jobs.save(job.apply(again))
        await self.stage(work, payment, offer)
        return payment


@attrs.frozen(kw_only=True)
class _Ended:
    """A checkout that is over by our clock: only the provider's word counts."""

    payment_id: PaymentId
    session_id: str


@attrs.frozen(kw_only=True)
class ResumeCheckout:
    """Go on with the job an idempotency key has made already. Raises as PayForJob does."""

    atomically: Atomically[CheckoutWork]
    pay: PayForJob

    async def __call__(self, job_id: JobId) -> OpenedCheckout:
        job = await self.atomically(lambda work: work.jobs.get(job_id))
        return await self.pay.open(job)


async def _take(work: CheckoutWork, operation: Operation, payment: Payment) -> Effect:
    effect = await work.outbox.claim_one(operation, payment.id, lease=INLINE_LEASE)
    if effect is None:
        raise CheckoutBusy(payment.job_id)
    return effect


def _token(job: Job, tokens: AccessTokens) -> str | None:
    return None if job.owner else tokens.issue(job.id, job.token_generation)


async def _own_job(
    power: Power, work: CheckoutWork, job_id: JobId, caller: Caller, proofs: Proofs
) -> Job:
    job = await work.jobs.get(job_id)
    if not policy.may_act_on_job(power, caller, job, proofs):
        raise JobNotFound(job_id)
    return job


@attrs.frozen(kw_only=True)
class CancelJob:
    """Give up an unpaid job. The checkout is ended at the provider first.

    Raises JobNotFound, JobNotCancellable (paid, also at the last moment, or awaiting funds),
    CheckoutBusy, or ProviderUnavailable: then it is cancelled later, by itself.
    """

    atomically: Atomically[CheckoutWork]
    stage_expiry: StageExpiry
    send_checkout: SendCheckout
    send_expiry: SendExpiry
    proofs: Proofs

    async def __call__(self, job_id: JobId, *, caller: Caller) -> JobState:
        while True:
            effect = await self.atomically(lambda work: self._plan(work, job_id, caller))
            if effect is None:
                return JobState.CANCELLED
            if effect.operation is Operation.CHECKOUT_OPEN:
                # It may have been opened: learn which one it is, then end that.
                await self.send_checkout(effect)
            else:
                await self.send_expiry(effect)

    async def _plan(self, work: CheckoutWork, job_id: JobId, caller: Caller) -> Effect | None:
        job = await _own_job(Power.CANCEL, work, job_id, caller, self.proofs)
        payments = await work.payments.of_job(job_id)
        if job.state is JobState.CANCELLED:
            return None
        live = next((payment for payment in payments if payment.is_live), None)
        if any(payment.state is PaymentState.HELD for payment in payments):
            raise JobNotCancellable(job.id, "what was paid is on hold until a person decides")
        if job.state is not JobState.PENDING or live is None:
            raise JobNotCancellable(job.id, f"it is {job.state}")
        if live.state is PaymentState.AWAITING_FUNDS:
            raise JobNotCancellable(job.id, "its payment is made, and the money on the way")
        if live.session is None:
            return await _take(work, Operation.CHECKOUT_OPEN, live)
        await self.stage_expiry(work, live)
        return await _take(work, Operation.CHECKOUT_EXPIRE, live)


@attrs.frozen(kw_only=True)
class ReadJob:
    """A job as its buyer sees it; raises JobNotFound, also for somebody else's."""

    views: CustomerViews
    proofs: Proofs

    async def __call__(self, job_id: JobId, *, caller: Caller) -> JobView:
        view = await self.views.job(job_id)
        if view is None or not policy.may_see_job(caller, view, self.proofs):
            raise JobNotFound(job_id)
        return view


@attrs.frozen(kw_only=True)
class ReadPayment:
    """A payment, by its session; raises PaymentNotFound, also for somebody else's."""

    views: CustomerViews
    tokens: AccessTokens

    async def __call__(self, session_id: str, *, caller: Caller) -> PaymentView:
        view = await self.views.payment(session_id)
        if view is None or not policy.may_see(caller, view, self.tokens):
            raise PaymentNotFound(session_id)
        return view


@attrs.frozen(kw_only=True)
class RecallCheckout:
    """What a stored answer leaves out, for the caller it belongs to: token and page address."""

    atomically: Atomically[CheckoutWork]
    tokens: AccessTokens

    async def __call__(self, job_id: JobId, session_id: str) -> tuple[str | None, str | None]:
        async def step(work: CheckoutWork) -> tuple[str | None, str | None]:
            job = await work.jobs.get(job_id)
            token = _token(job, self.tokens)
            sessions = [payment.session for payment in await work.payments.of_job(job_id)]
            url = next((s.url for s in sessions if s is not None and s.id == session_id), None)
            return token, url

        return await self.atomically(step)
