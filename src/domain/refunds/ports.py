from __future__ import annotations

from datetime import datetime
from typing import Protocol

from domain.jobs.ports import JobWork
from domain.ledger.ports import Ledger
from domain.outbox.model import Parameters
from domain.payments.model import Payment
from domain.payments.ports import PaymentWork
from domain.refunds.model import Refund, RefundOrder, RefundReport
from domain.shared.ids import JobId, PaymentId, RefundId


class RefundRepository(Protocol):
    async def get(self, refund_id: RefundId) -> Refund:
        """Return the refund, locked; raise RefundNotFound. Lock job and payment first."""
        ...

    async def of_payment(self, payment_id: PaymentId) -> list[Refund]:
        """Return the payment's refunds, locked, oldest first."""
        ...

    async def whose(self, refund_id: RefundId) -> tuple[JobId, PaymentId] | None:
        """Look up, without a lock, the job and the payment a refund belongs to."""
        ...

    async def by_provider_id(self, provider_id: str) -> RefundId | None: ...

    async def add(self, refund: Refund) -> Refund:
        """Store a new refund with its changes; one that is there already is left alone.

        Returns it with no changes left to save.
        """
        ...

    async def save(self, refund: Refund) -> Refund:
        """Store it and append its changes to the audit; raise StaleRefund if it moved on.

        Returns it with no changes left to save.
        """
        ...

    async def check_due(self, now: datetime, limit: int) -> list[RefundId]:
        """Refunds the provider has not decided on, whose next look is due."""
        ...


class RefundGateway(Protocol):
    """Raises as PaymentGateway does: unavailable (unknown), refused (a no), misconfigured."""

    @property
    def mode(self) -> str: ...

    def refund_parameters(self, order: RefundOrder) -> Parameters:
        """Translate *order* into what will be sent, to be frozen. Pure."""
        ...

    async def create_refund(self, parameters: Parameters, *, key: str) -> RefundReport: ...

    async def fetch_refund(self, provider_id: str) -> RefundReport: ...

    async def find_refunds(self, payment: Payment) -> list[RefundReport]:
        """Return every refund of what was captured for *payment*, whoever made it."""
        ...


class RefundWork(JobWork, PaymentWork, Protocol):
    @property
    def refunds(self) -> RefundRepository: ...
    @property
    def ledger(self) -> Ledger: ...
