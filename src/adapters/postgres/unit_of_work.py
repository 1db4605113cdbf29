"""One database transaction, with a repository for each aggregate, repeated when that helps."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final, Literal, TypeAlias

import attrs

from adapters.postgres.audit import PostgresAuditTrail
from adapters.postgres.idempotency import PostgresIdempotencyKeys
from adapters.postgres.inbox import PostgresInbox
from adapters.postgres.installation import PostgresInstallations
from adapters.postgres.jobs import PostgresJobRepository
from adapters.postgres.ledger import PostgresLedger
from adapters.postgres.offers import PostgresOfferRepository
from adapters.postgres.outbox import PostgresOutbox
from adapters.postgres.payments import PostgresPaymentRepository
from adapters.postgres.pool import Connection, Pool, connection_of
from adapters.postgres.refunds import PostgresRefundRepository
from adapters.postgres.retries import Persistence
from domain.shared.clock import Moment
from domain.shared.work import Result

# now() is when the transaction began: one unit of work has one instant.
SELECT_MOMENT: Final = """
    SELECT now() AS lease_now,
           now() + coalesce((SELECT clock_offset FROM installation), '0') AS now
"""

Isolation: TypeAlias = Literal["read_committed", "repeatable_read", "serializable"]

_INSIDE: Final = ContextVar("inside_unit_of_work", default=False)


def inside_unit_of_work() -> bool:
    """Whether a unit of work is open around the caller, where nothing may touch the network."""
    return _INSIDE.get()


def must_be_outside_unit_of_work() -> None:
    """For whoever is about to call the network, or to begin a unit of work. It is a bug inside."""
    if inside_unit_of_work():
        raise RuntimeError("Not inside a unit of work: its locks would be held meanwhile")


@contextmanager
def _inside() -> Iterator[None]:
    must_be_outside_unit_of_work()
    token = _INSIDE.set(True)
    try:
        yield
    finally:
        _INSIDE.reset(token)


@attrs.frozen(kw_only=True)
class PostgresWork:
    """Everything a step may touch. Satisfies the work protocol of every concept."""

    moment: Moment
    jobs: PostgresJobRepository
    payments: PostgresPaymentRepository
    refunds: PostgresRefundRepository
    offers: PostgresOfferRepository
    outbox: PostgresOutbox
    inbox: PostgresInbox
    ledger: PostgresLedger
    audit: PostgresAuditTrail
    idempotency: PostgresIdempotencyKeys
    installations: PostgresInstallations

    @classmethod
    def on(cls, connection: Connection, moment: Moment) -> PostgresWork:
        return cls(
            moment=moment,
            jobs=PostgresJobRepository(connection, moment),
            payments=PostgresPaymentRepository(connection),
            refunds=PostgresRefundRepository(connection),
            offers=PostgresOfferRepository(connection),
            outbox=PostgresOutbox(connection, moment),
            inbox=PostgresInbox(connection, moment),
            ledger=PostgresLedger(connection),
            audit=PostgresAuditTrail(connection),
            idempotency=PostgresIdempotencyKeys(connection),
            installations=PostgresInstallations(connection),
        )


@attrs.frozen
class Postgres:
    """`atomically` satisfies domain.shared.work.Atomically for the work of every concept.

    Each try runs the whole step, in a transaction of its own. READ COMMITTED, for whatever is
    decided on is locked first; the tests also run it SERIALIZABLE.
    """

    pool: Pool
    isolation: Isolation = attrs.field(default="read_committed", kw_only=True)
    persistently: Persistence = attrs.field(
        default=attrs.Factory(
            lambda self: Persistence(reconnect=self.pool.expire_connections), takes_self=True
        ),
        kw_only=True,
    )

    async def atomically(self, step: Callable[[PostgresWork], Awaitable[Result]]) -> Result:
        with _inside():
            return await self.persistently(lambda: self._once(step))

    async def _once(self, step: Callable[[PostgresWork], Awaitable[Result]]) -> Result:
        async with (
            connection_of(self.pool) as connection,
            connection.transaction(isolation=self.isolation),
        ):
            return await step(PostgresWork.on(connection, await _moment(connection)))


async def _moment(connection: Connection) -> Moment:
    row = await connection.fetchrow(SELECT_MOMENT)
    assert row is not None  # noqa: S101  it selects from nothing, so there is one row
    return Moment(now=row["now"], lease_now=row["lease_now"])
