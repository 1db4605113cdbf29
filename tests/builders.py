"""Values for tests: whole, plausible, and changed in one word by whoever needs it otherwise."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any, Final

import attrs

from domain.audit.model import CUSTOMER, PROVIDER, SYSTEM, Actor
from domain.checkout.model import Purchase
from domain.jobs import events as j
from domain.jobs.lifecycle import JobState
from domain.jobs.model import Job
from domain.offers.model import (
    Breakdown,
    FieldKind,
    FixedPrice,
    InputField,
    InputRule,
    Offer,
    OpenPrice,
    PerUnitPrice,
    Terms,
)
from domain.outbox.model import Effect, Operation
from domain.payments import events as p
from domain.payments.lifecycle import PaymentState
from domain.payments.model import Payment, Session
from domain.provider_events.model import InboxEntry
from domain.refunds import events as r
from domain.refunds.lifecycle import RefundState
from domain.refunds.model import Refund, RefundReason
from domain.shared.ids import EffectId, JobId, PaymentId, RefundId
from domain.shared.money import Money

NOW: Final = datetime(2025, 1, 6, 9, 0, tzinfo=UTC)
"""Long past for a real database, whose clock the tests do not set."""
MINUTE: Final = timedelta(minutes=1)
HOUR: Final = timedelta(hours=1)
WORKER: Final = Actor("worker:ada")
ADMIN: Final = Actor("admin:grace")
TERMS: Final = Terms(
    max_attempts=3, retry_delay=timedelta(seconds=10), delivery_time=timedelta(hours=1)
)
PRICE: Final = Money(199, "usd")


def an_offer(slug: str = "thumbnail", **facts: Any) -> Offer:
    """A fixed price of 1.99 USD, no inputs, up to ten at once."""
    usual: dict[str, Any] = {
        "name": slug.title(),
        "pricing": FixedPrice(prices={"usd": 199, "eur": 189, "jpy": 150}),
        "terms": TERMS,
        "quantity_max": 10,
    }
    return Offer(slug=slug, **{**usual, **facts})


def an_upscale(**facts: Any) -> Offer:
    """Megapixels at 6.5 cents plus 40 %, at least 99 cents."""
    usual: dict[str, Any] = {
        "pricing": PerUnitPrice(
            unit="megapixel",
            multiply=("width", "height"),
            divide_by=1_000_000,
            cost_minor={"usd": Fraction("6.5"), "jpy": Fraction(10)},
            minimum_minor={"usd": 99, "jpy": 150},
            markup=Fraction("0.40"),
        ),
        "inputs": InputRule(
            fields={
                "url": InputField(kind=FieldKind.URL),
                "width": InputField(kind=FieldKind.INTEGER, minimum=1, maximum=20_000),
                "height": InputField(kind=FieldKind.INTEGER, minimum=1, maximum=20_000),
            }
        ),
    }
    return an_offer("image-upscale-2x", **{**usual, **facts})


def an_open_offer(**facts: Any) -> Offer:
    """The customer names the amount, from 50 to 10 000 cents; any inputs."""
    usual: dict[str, Any] = {
        "pricing": OpenPrice(currency="usd", minimum_minor=50, maximum_minor=10_000),
        "inputs": InputRule(anything=True),
        "quantity_max": 1,
    }
    return an_offer("render", **{**usual, **facts})


def a_purchase(offer: str = "thumbnail", **facts: Any) -> Purchase:
    return Purchase(offer=offer, **facts)


def an_order(job_id: str = "job_a", *, at: datetime = NOW, **facts: Any) -> Job:
    """A new job with its first change unsaved."""
    usual: dict[str, Any] = {"owner": None, "inputs": {}, "quantity": 1, "terms": TERMS}
    return Job.ordered(
        j.JobOrdered(at=at, by=CUSTOMER, offer=facts.pop("offer", "thumbnail")),
        id=JobId(job_id),
        **{**usual, **facts},
    )


def a_job(state: str = "pending", *, job_id: str = "job_a", **facts: Any) -> Job:
    """A stored job that is *state*, however it came there."""
    return attrs.evolve(an_order(job_id), state=JobState(state), **facts)


def a_quote(
    payment_id: str = "pay_a",
    *,
    job_id: str = "job_a",
    at: datetime = NOW,
    amount: Money = PRICE,
    **facts: Any,
) -> Payment:
    """A new payment with its first change unsaved."""
    usual: dict[str, Any] = {
        "breakdown": Breakdown(
            rule="fixed", quantity=1, unit_amount_minor=amount.amount_minor, facts={}
        ),
        "success_url": f"https://shop.example/thanks?payment=success&job_id={job_id}",
        "cancel_url": f"https://shop.example/basket?payment=cancel&job_id={job_id}",
    }
    return Payment.quoted(
        p.PaymentQuoted(at=at, by=CUSTOMER, amount=amount),
        id=PaymentId(payment_id),
        job_id=JobId(job_id),
        **{**usual, **facts},
    )


def a_payment(state: str = "pending", *, payment_id: str = "pay_a", **facts: Any) -> Payment:
    """A stored payment that is *state*, however it came there."""
    return attrs.evolve(a_quote(payment_id), state=PaymentState(state), **facts)


def a_session(session_id: str = "cs_a", *, expires_at: datetime = NOW + 24 * HOUR) -> Session:
    return Session(id=session_id, url=f"https://pay.example/{session_id}", expires_at=expires_at)


def a_refund_request(
    refund_id: str = "ref_a",
    *,
    payment_id: str = "pay_a",
    job_id: str = "job_a",
    amount: Money = PRICE,
    reason: RefundReason = RefundReason.WORK_FAILED,
    at: datetime = NOW,
) -> Refund:
    """A new refund with its first change unsaved."""
    asked = r.RefundRequested(
        at=at, by=SYSTEM, payment_id=payment_id, amount=amount, reason=reason, note=None
    )
    return Refund.requested(asked, id=RefundId(refund_id), job_id=JobId(job_id))


def a_refund(
    state: str = "requested",
    *,
    refund_id: str = "ref_a",
    amount: Money = PRICE,
    reason: RefundReason = RefundReason.WORK_FAILED,
    **facts: Any,
) -> Refund:
    """A stored refund that is *state*, however it came there."""
    requested = a_refund_request(refund_id, amount=amount, reason=reason)
    return attrs.evolve(requested, state=RefundState(state), **facts)


def an_effect(effect_id: str = "eff_a", **facts: Any) -> Effect:
    """A refund to be sent, of pay_a; each effect has an entity of its own unless told."""
    entity_id = facts.pop("entity_id", f"of_{effect_id}")
    operation = facts.pop("operation", Operation.REFUND_CREATE)
    usual: dict[str, Any] = {
        "payment_id": PaymentId("pay_a"),
        "idempotency_key": f"cf1:sandbox:{operation}:{entity_id}:g1",
        "parameters": {"amount": 199, "metadata": {"job": "job_a"}, "items": [1, 2]},
        "staged_at": NOW,
        "due_at": NOW,
    }
    return Effect(
        id=EffectId(effect_id), operation=operation, entity_id=entity_id, **{**usual, **facts}
    )


def an_entry(event_id: str = "evt_a", **facts: Any) -> InboxEntry:
    usual: dict[str, Any] = {
        "kind": "checkout.session.completed",
        "object_id": "cs_a",
        "livemode": False,
        "account": None,
        "api_version": "2026-10-28.endive",
        "created_at": NOW,
        "payload": '{"id": "evt_a",  "spaces": "as signed"}',
        "received_at": NOW,
        "due_at": NOW,
    }
    return InboxEntry(event_id=event_id, **{**usual, **facts})


# Events, stamped NOW unless told. Named as what happened.


def payment_received(**facts: Any) -> j.PaymentReceived:
    usual: dict[str, Any] = {
        "at": NOW,
        "by": PROVIDER,
        "payment_id": "pay_a",
        "run_at": NOW,
        "deadline_at": NOW + HOUR,
    }
    return j.PaymentReceived(**{**usual, **facts})


def work_started(lease: str = "lease_a", **facts: Any) -> j.WorkStarted:
    usual: dict[str, Any] = {"at": NOW, "by": WORKER, "lease_expires_at": NOW + MINUTE}
    return j.WorkStarted(lease=lease, **{**usual, **facts})


def captured(amount: Money = PRICE, **facts: Any) -> p.Captured:
    usual: dict[str, Any] = {"at": NOW, "by": PROVIDER, "intent_id": "pi_a", "charge_id": "ch_a"}
    return p.Captured(amount=amount, **{**usual, **facts})
