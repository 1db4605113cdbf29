from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import attrs

from adapters.memory import audit
from adapters.memory.constraints import check_payment
from adapters.memory.unit_of_work import Draft
from domain.payments.errors import PaymentNotFound, StalePayment
from domain.payments.model import Payment
from domain.shared.ids import JobId, PaymentId


@attrs.frozen
class MemoryPaymentRepository:
    _draft: Draft

    async def get(self, payment_id: PaymentId) -> Payment:
        payment = self._draft.tables.payments.get(payment_id)
        if payment is None:
            raise PaymentNotFound(payment_id)
        self._draft.lock_payment(payment)
        return payment

    async def of_job(self, job_id: JobId) -> list[Payment]:
        found = [p for p in self._draft.tables.payments.values() if p.job_id == job_id]
        for payment in found:
            self._draft.lock_payment(payment)
        return found

    async def job_of(self, payment_id: PaymentId) -> JobId | None:
        payment = self._draft.tables.payments.get(payment_id)
        return payment.job_id if payment else None

    async def by_session(self, session_id: str) -> PaymentId | None:
        return self._first(lambda p: p.session is not None and p.session.id == session_id)

    async def by_intent(self, intent_id: str) -> PaymentId | None:
        return self._first(lambda p: p.intent_id == intent_id)

    async def by_charge(self, charge_id: str) -> PaymentId | None:
        return self._first(lambda p: p.charge_id == charge_id)

    def _first(self, is_it: Callable[[Payment], bool]) -> PaymentId | None:
        return next((p.id for p in self._draft.tables.payments.values() if is_it(p)), None)

    async def add(self, payment: Payment) -> Payment:
        if payment.id in self._draft.tables.payments:
            return attrs.evolve(payment, changes=())
        return self._store(payment)

    async def save(self, payment: Payment) -> Payment:
        known = self._draft.tables.payments.get(payment.id)
        if known is None or known.version != payment.version - len(payment.changes):
            raise StalePayment(payment.id)
        return self._store(payment)

    def _store(self, payment: Payment) -> Payment:
        self._draft.lock_payment(payment)
        check_payment(payment, self._draft.tables.payments.values())
        audit.append(self._draft, "payment", payment.id, payment.changes)
        stored = attrs.evolve(payment, changes=())
        self._draft.tables.payments[payment.id] = stored
        return stored

    async def check_due(self, now: datetime, limit: int) -> list[PaymentId]:
        due = [
            (payment.check_due_at, payment.id)
            for payment in self._draft.tables.payments.values()
            if payment.is_live and payment.session and payment.check_due_at
        ]
        return [payment_id for at, payment_id in sorted(due) if at <= now][:limit]
