from __future__ import annotations

from datetime import datetime
from typing import Protocol

from domain.outbox.model import Parameters
from domain.outbox.ports import Outbox
from domain.payments.model import CheckoutOrder, CheckoutReport, Payment
from domain.shared.ids import JobId, PaymentId
from domain.shared.money import Money


class PaymentRepository(Protocol):
    async def get(self, payment_id: PaymentId) -> Payment:
        """Return the payment, locked until the unit of work ends; raise PaymentNotFound.

        Lock the job first.
        """
        ...

    async def of_job(self, job_id: JobId) -> list[Payment]:
        """Return the job's payments, locked, oldest first. Lock the job first."""
        ...

    async def job_of(self, payment_id: PaymentId) -> JobId | None:
        """Look up, without a lock, whose payment this is."""
        ...

    async def by_session(self, session_id: str) -> PaymentId | None: ...

    async def by_intent(self, intent_id: str) -> PaymentId | None: ...

    async def by_charge(self, charge_id: str) -> PaymentId | None: ...

    async def add(self, payment: Payment) -> Payment:
        """Store a new payment with its changes; one that is there already is left alone.

        Returns it with no changes left to save.
        """
        ...

    async def save(self, payment: Payment) -> Payment:
        """Store it and append its changes to the audit; raise StalePayment if it moved on.

        Returns it with no changes left to save.
        """
        ...

    async def check_due(self, now: datetime, limit: int) -> list[PaymentId]:
        """Live payments with a session whose next look at the provider is due."""
        ...


class PaymentGateway(Protocol):
    """Whoever moves the money.

    Every method but the pure ones may raise ProviderUnavailable (the outcome is unknown),
    ProviderRefused (a definite no) or ProviderMisconfigured (our credentials), and nothing else.
    """

    @property
    def mode(self) -> str: ...

    def objection(self, amount: Money) -> str | None:
        """Say why *amount* cannot be charged (too small, a currency unknown), or None. Pure."""
        ...

    def checkout_parameters(self, order: CheckoutOrder) -> Parameters:
        """Translate *order* into what will be sent, to be frozen. Pure."""
        ...

    async def open_checkout(self, parameters: Parameters, *, key: str) -> CheckoutReport:
        """Start a hosted checkout. Safe to repeat with the same *key* and parameters."""
        ...

    async def expire_checkout(self, session_id: str, *, key: str) -> CheckoutReport:
        """End an open checkout and say how it stands now, which may be paid. Safe to repeat."""
        ...

    async def fetch_checkout(self, session_id: str) -> CheckoutReport: ...


class PaymentWork(Protocol):
    @property
    def payments(self) -> PaymentRepository: ...
    @property
    def outbox(self) -> Outbox: ...
