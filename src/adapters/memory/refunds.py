from __future__ import annotations

from datetime import datetime

import attrs

from adapters.memory import audit
from adapters.memory.constraints import check_refund
from adapters.memory.unit_of_work import Draft
from domain.refunds.errors import RefundNotFound, StaleRefund
from domain.refunds.model import UNDECIDED, Refund
from domain.shared.ids import JobId, PaymentId, RefundId


@attrs.frozen
class MemoryRefundRepository:
    _draft: Draft

    async def get(self, refund_id: RefundId) -> Refund:
        refund = self._draft.tables.refunds.get(refund_id)
        if refund is None:
            raise RefundNotFound(refund_id)
        self._draft.lock_refunds_of(refund.payment_id)
        return refund

    async def of_payment(self, payment_id: PaymentId) -> list[Refund]:
        self._draft.lock_refunds_of(payment_id)
        return [r for r in self._draft.tables.refunds.values() if r.payment_id == payment_id]

    async def whose(self, refund_id: RefundId) -> tuple[JobId, PaymentId] | None:
        refund = self._draft.tables.refunds.get(refund_id)
        return (refund.job_id, refund.payment_id) if refund else None

    async def by_provider_id(self, provider_id: str) -> RefundId | None:
        refunds = self._draft.tables.refunds.values()
        return next((r.id for r in refunds if r.provider_id == provider_id), None)

    async def add(self, refund: Refund) -> Refund:
        if refund.id in self._draft.tables.refunds:
            return attrs.evolve(refund, changes=())
        return self._store(refund)

    async def save(self, refund: Refund) -> Refund:
        known = self._draft.tables.refunds.get(refund.id)
        if known is None or known.version != refund.version - len(refund.changes):
            raise StaleRefund(refund.id)
        return self._store(refund)

    def _store(self, refund: Refund) -> Refund:
        self._draft.lock_refunds_of(refund.payment_id)
        check_refund(refund, self._draft.tables.refunds.values())
        audit.append(self._draft, "refund", refund.id, refund.changes)
        stored = attrs.evolve(refund, changes=())
        self._draft.tables.refunds[refund.id] = stored
        return stored

    async def check_due(self, now: datetime, limit: int) -> list[RefundId]:
        due = [
            (refund.check_due_at, refund.id)
            for refund in self._draft.tables.refunds.values()
            if refund.state in UNDECIDED and refund.check_due_at
        ]
        return [refund_id for at, refund_id in sorted(due) if at <= now][:limit]
