"""Says that each adapter satisfies each port. Never run: mypy reads it."""

from __future__ import annotations

from typing import Protocol

from adapters.memory.access_tokens import MemoryAccessTokens
from adapters.memory.events import MemoryEventReader, MemoryEventVerifier
from adapters.memory.ids import SequentialIds
from adapters.memory.memory import Memory
from adapters.memory.page_tickets import MemoryPageTickets
from adapters.memory.provider import MemoryPaymentProvider
from adapters.memory.views import MemoryCustomerViews
from adapters.postgres.pool import Pool
from adapters.postgres.readers import PostgresCustomerViews
from adapters.postgres.unit_of_work import Postgres
from adapters.system.access_tokens import HmacAccessTokens
from adapters.system.clock import wall_clock
from adapters.system.ids import new_id
from adapters.system.page_tickets import HmacPageTickets
from domain.checkout.ports import CheckoutWork, CustomerViews
from domain.idempotency.ports import IdempotencyWork
from domain.installation.ports import InstallationWork, ProviderAccount
from domain.jobs.ports import AccessTokens, PageTickets
from domain.outbox.ports import OutboxWork
from domain.payments.ports import PaymentGateway
from domain.provider_events.ports import EventReader, EventVerifier, EventWork
from domain.refunds.ports import RefundGateway
from domain.shared.ids import IdFactory
from domain.shared.work import Atomically


class EveryWork(CheckoutWork, EventWork, OutboxWork, IdempotencyWork, InstallationWork, Protocol):
    """What one database must offer: CheckoutWork holds the works of the older concepts."""


def storage(atomically: Atomically[EveryWork], views: CustomerViews) -> None: ...


def provider(
    payments: PaymentGateway,
    refunds: RefundGateway,
    account: ProviderAccount,
    verifier: EventVerifier,
    reader: EventReader,
) -> None: ...


def system(tokens: AccessTokens, tickets: PageTickets, new_id: IdFactory) -> None: ...


def memory(memory: Memory, payments: MemoryPaymentProvider) -> None:
    storage(memory.atomically, MemoryCustomerViews(memory))
    provider(payments, payments, payments, MemoryEventVerifier(), MemoryEventReader())
    system(MemoryAccessTokens(), MemoryPageTickets(), SequentialIds())


def real(pool: Pool, secret: bytes) -> None:
    storage(Postgres(pool).atomically, PostgresCustomerViews(pool))
    system(HmacAccessTokens([secret]), HmacPageTickets([secret], wall_clock), new_id)
