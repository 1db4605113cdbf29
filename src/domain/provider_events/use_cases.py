"""Provider events: stored as they come, applied later. Events are hints, objects are facts."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import timedelta
from typing import Final

import attrs

from domain.collection.use_cases import ApplyCheckoutReport
from domain.installation.model import Installation
from domain.payments.model import Payment
from domain.payments.ports import PaymentGateway
from domain.provider_events import policy
from domain.provider_events.errors import UnreadableEvent
from domain.provider_events.lifecycle import EventState
from domain.provider_events.model import InboxEntry, ProviderEvent, Subject, Verdict
from domain.provider_events.ports import EventReader, EventVerifier, EventWork
from domain.refunds.ports import RefundGateway
from domain.refunds.use_cases import ApplyRefundReport
from domain.shared.ids import PaymentId, RefundId
from domain.shared.work import Atomically

LEASE: Final = timedelta(seconds=60)


@attrs.frozen(kw_only=True)
class ReceiveEvent:
    """Check the signature over the raw bytes and store the event. Nothing else happens here.

    Returns the event's id and whether it was new. Raises BadSignature, and StorageUnavailable,
    which must not be answered with a 200: the provider sends it again.
    """

    atomically: Atomically[EventWork]
    verifier: EventVerifier
    reader: EventReader

    async def __call__(self, payload: bytes, signature: str | None) -> tuple[str, bool]:
        self.verifier.verify(payload, signature)

        async def step(work: EventWork) -> tuple[str, bool]:
            entry = self._entry(work, payload)
            return entry.event_id, await work.inbox.add(entry)

        return await self.atomically(step)

    def _entry(self, work: EventWork, payload: bytes) -> InboxEntry:
        now, due_at = work.moment.now, work.moment.lease_now
        # PostgreSQL's text holds no NUL; such bytes are no event of the provider's anyway.
        text = payload.decode(errors="replace").replace("\0", "\N{REPLACEMENT CHARACTER}")
        try:
            event = self.reader.read(text)
        except UnreadableEvent as error:
            return InboxEntry(
                event_id=f"unreadable_{hashlib.sha256(payload).hexdigest()}",
                kind="unreadable",
                object_id=None,
                livemode=None,
                account=None,
                api_version=None,
                created_at=None,
                payload=text,
                received_at=now,
                due_at=due_at,
                state=EventState.DEAD,
                reason=f"unreadable: {error}",
            )
        return InboxEntry(
            event_id=event.id,
            kind=event.kind,
            object_id=event.object_id,
            livemode=event.livemode,
            account=event.account,
            api_version=event.api_version,
            created_at=event.created_at,
            payload=text,
            received_at=now,
            due_at=due_at,
        )


@attrs.frozen(kw_only=True)
class ClaimEvents:
    atomically: Atomically[EventWork]

    async def __call__(self, limit: int) -> list[InboxEntry]:
        async def step(work: EventWork) -> list[InboxEntry]:
            return await work.inbox.claim(limit=limit, lease=LEASE)

        return await self.atomically(step)


@attrs.frozen(kw_only=True)
class ApplyEvent:
    """Apply one claimed event: find whose it is, fetch the object it names, apply the facts.

    Returns the verdict that was recorded. Raises what the gateway raises, and FencedOut.
    """

    atomically: Atomically[EventWork]
    installation: Installation
    reader: EventReader
    payments: PaymentGateway
    refunds: RefundGateway
    apply_checkout: ApplyCheckoutReport
    apply_refund: ApplyRefundReport

    async def __call__(self, entry: InboxEntry) -> Verdict:
        event = self.reader.read(entry.payload)
        reason = policy.disregard(event, self.installation)
        if reason is not None:
            return await self._record(entry, Verdict(state=EventState.IGNORED, reason=reason))
        ours = policy.claims_to_be_ours(event, self.installation)
        payment = await self.atomically(lambda work: _payment_of(work, event, ours=ours))
        if payment is None and not ours:
            return await self._record(entry, Verdict(state=EventState.IGNORED, reason="foreign"))
        if payment is not None and policy.is_of_another_session(event, payment):
            # It bears our marks, and we never opened it: money may be in it, so a person looks.
            buried = Verdict(state=EventState.DEAD, reason="another_session")
            return await self._record(entry, buried)
        if payment is None or not await self._apply(event, payment):
            return await self._park(entry)
        return await self._record(entry, Verdict(state=EventState.DONE))

    async def _apply(self, event: ProviderEvent, payment: Payment) -> bool:
        """Fetch and apply; tell whether all that the event is about was known already."""
        match event.subject:
            case Subject.CHECKOUT:
                session_id = _session_of(payment, event)
                if session_id is None:
                    return False
                report = await self.payments.fetch_checkout(session_id)
                if payment.session is None and report.payment_id != payment.id:
                    return False
                await self.apply_checkout(payment.id, report)
            case _ if payment.captured is None:
                # News of a refund has overtaken news of the money.
                return False
            case Subject.REFUND if event.provider_refund_id is not None:
                refund = await self.refunds.fetch_refund(event.provider_refund_id)
                return await self.apply_refund(refund) is not None
            case _:
                found = await self.refunds.find_refunds(payment)
                return all([await self.apply_refund(refund) is not None for refund in found])
        return True

    async def _park(self, entry: InboxEntry) -> Verdict:
        async def step(work: EventWork) -> Verdict:
            moment = work.moment
            verdict = policy.park(entry, now=moment.now, lease_now=moment.lease_now)
            await work.inbox.record(entry, verdict)
            return verdict

        return await self.atomically(step)

    async def _record(self, entry: InboxEntry, verdict: Verdict) -> Verdict:
        async def step(work: EventWork) -> Verdict:
            await work.inbox.record(entry, verdict)
            return verdict

        return await self.atomically(step)


def _session_of(payment: Payment, event: ProviderEvent) -> str | None:
    """The checkout to ask about; None while our own commit of it may still be on its way.

    A payment given up before the provider had answered has none, and never will: should its
    checkout have been opened and paid all the same, only the event says which one it is.
    """
    if payment.session is not None:
        return payment.session.id
    return None if payment.is_live else event.session_id


async def _payment_of(work: EventWork, event: ProviderEvent, *, ours: bool) -> Payment | None:
    """Find the payment by what we stored, else, if it bears our marks, by what is written on it.

    Even then what is fetched and believed is the session that we stored, whatever the event says.
    """
    found = await _stored_payment_of(work, event)
    if found is None and ours and event.payment_id is not None:
        named = PaymentId(event.payment_id)
        found = named if await work.payments.job_of(named) is not None else None
    return None if found is None else await work.payments.get(found)


async def _stored_payment_of(work: EventWork, event: ProviderEvent) -> PaymentId | None:
    if event.session_id and (found := await work.payments.by_session(event.session_id)):
        return found
    if event.intent_id and (found := await work.payments.by_intent(event.intent_id)):
        return found
    if event.charge_id and (found := await work.payments.by_charge(event.charge_id)):
        return found
    if event.refund_id and (whose := await work.refunds.whose(RefundId(event.refund_id))):
        return whose[1]
    return None


@attrs.frozen(kw_only=True)
class RetryEvent:
    """An attempt came to nothing: try again later, or bury it with the reason."""

    atomically: Atomically[EventWork]
    jitter: Callable[[], float]

    async def __call__(self, entry: InboxEntry, *, reason: str, crashed: bool) -> Verdict:
        jitter = self.jitter()

        async def step(work: EventWork) -> Verdict:
            moment = work.moment
            verdict = policy.try_again(
                entry,
                reason,
                now=moment.now,
                lease_now=moment.lease_now,
                jitter=jitter,
                crashed=crashed,
            )
            await work.inbox.record(entry, verdict)
            return verdict

        return await self.atomically(step)
