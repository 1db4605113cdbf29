"""What the repositories of one unit of work share, until it commits or is dropped."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import attrs

from adapters.memory.tables import Tables
from domain.payments.model import Payment
from domain.shared.clock import Moment
from domain.shared.ids import JobId, PaymentId


class LockedOutOfOrder(RuntimeError):
    """Two units of work doing this in their own order could wait for each other for ever."""


@attrs.define
class Draft:
    """*tables* is a copy, which becomes what is stored at the commit. *bells* ring after it.

    Nothing is locked, for nothing else runs meanwhile. What would be is remembered, so that the
    order of the house (job, payment, refund, rows of the queues) is checked all the same.
    """

    tables: Tables
    moment: Moment
    bells: set[str] = attrs.field(factory=set)
    _jobs: set[JobId] = attrs.field(factory=set)
    _payments: set[PaymentId] = attrs.field(factory=set)
    _refunds_of: set[PaymentId] = attrs.field(factory=set)
    _rows: bool = False

    def lock_job(self, job_id: JobId) -> None:
        if job_id not in self._jobs:
            held = [*self._locked_payments_of(job_id)]
            self._must_not_hold(f"job {job_id}", held)
        self._jobs.add(job_id)

    def lock_payment(self, payment: Payment) -> None:
        if payment.job_id not in self._jobs and payment.id not in self._payments:
            held = [payment.id] if payment.id in self._refunds_of else []
            self._must_not_hold(f"payment {payment.id}", held)
        self._payments.add(payment.id)

    def lock_refunds_of(self, payment_id: PaymentId) -> None:
        self._refunds_of.add(payment_id)

    def lock_rows(self) -> None:
        """Rows of the outbox or the inbox: nothing is locked after them."""
        self._rows = True

    def _locked_payments_of(self, job_id: JobId) -> Iterator[str]:
        for payment_id in self._payments | self._refunds_of:
            payment = self.tables.payments.get(payment_id)
            if payment is not None and payment.job_id == job_id:
                yield payment_id

    def _must_not_hold(self, wanted: str, held: Sequence[str]) -> None:
        if held or self._rows:
            already = ", ".join(held) or "rows of a queue"
            raise LockedOutOfOrder(f"{wanted} is wanted while {already} is held")
