from __future__ import annotations

from typing import Protocol

from domain.checkout.model import JobView, PaymentView
from domain.collection.ports import CollectionWork
from domain.idempotency.ports import IdempotencyKeys
from domain.shared.ids import JobId


class CheckoutWork(CollectionWork, Protocol):
    @property
    def idempotency(self) -> IdempotencyKeys: ...


class CustomerViews(Protocol):
    """What customers may look at, one query each, without locks."""

    async def job(self, job_id: JobId) -> JobView | None: ...

    async def payment(self, session_id: str) -> PaymentView | None: ...
