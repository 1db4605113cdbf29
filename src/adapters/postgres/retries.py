"""Which failures of a database pass by themselves, and how often we try."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from enum import Enum, auto
from itertools import count
from random import SystemRandom
from typing import Final, TypeVar

import asyncpg
import attrs
import structlog

from adapters.postgres.errors import RefusedByDatabase
from domain.shared.errors import StorageUnavailable

T = TypeVar("T")
log = structlog.get_logger()

FAILURES: Final = (
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    OSError,
)
"""Everything the driver raises that is not plainly a bug of its own."""
TRIES_MAX: Final = 5
WAIT_MIN_S: Final = 0.010
WAIT_MAX_S: Final = 0.500

LOST_RACES: Final = frozenset({"outbox_one_in_flight"})
"""Unique indexes that two units of work may run into with neither of them wrong."""


class Remedy(Enum):
    REPEAT = auto()
    """Somebody else was in the way: the same again, and it may well work."""
    RECONNECT = auto()
    """The connection is gone, or leads to a server that is of no use any more."""
    GIVE_UP = auto()
    """It will not pass soon: nothing can be stored."""


REMEDIES: Final = {
    "08": Remedy.RECONNECT,  # connection exceptions
    "25006": Remedy.GIVE_UP,  # read-only: the other server has taken over
    "25P03": Remedy.RECONNECT,  # idle in transaction for too long
    "28": Remedy.GIVE_UP,  # not let in
    "3D": Remedy.GIVE_UP,  # no such database
    "40001": Remedy.REPEAT,  # could not serialize
    "40P01": Remedy.REPEAT,  # deadlock
    "53100": Remedy.GIVE_UP,  # disk full
    "53": Remedy.REPEAT,  # out of memory, too many connections
    "55000": Remedy.RECONNECT,  # the database takes no connections at present
    "55P03": Remedy.REPEAT,  # a lock took too long
    "57014": Remedy.REPEAT,  # a statement took too long
    "57P": Remedy.RECONNECT,  # shut down, crashed, starting up
}
"""By the beginning of the SQLSTATE; the longest that fits counts."""


def remedy_of(error: BaseException) -> Remedy | None:
    """Say what helps against *error*; None when it is no failure of the storage."""
    match error:
        case asyncpg.UniqueViolationError(constraint_name=name) if name in LOST_RACES:
            return Remedy.REPEAT
        case asyncpg.InvalidCachedStatementError() | asyncpg.OutdatedSchemaCacheError():
            return Remedy.REPEAT
        case asyncpg.InternalClientError():
            # Told that it was terminated and not yet closed, a connection is of no use.
            return Remedy.RECONNECT
        case asyncpg.PostgresError():
            return _remedy_of_sqlstate(error.sqlstate or "")
        case asyncpg.InterfaceError() if not isinstance(error, ValueError):
            return Remedy.RECONNECT if _tells_of_closing(error) else None
        case OSError():
            # Also TimeoutError: no answer within the time any answer takes.
            return Remedy.RECONNECT
        case _:
            return None


def _remedy_of_sqlstate(sqlstate: str) -> Remedy | None:
    fitting = [beginning for beginning in REMEDIES if sqlstate.startswith(beginning)]
    return REMEDIES[max(fitting, key=len)] if fitting else None


def _tells_of_closing(error: asyncpg.InterfaceError) -> bool:
    # asyncpg has one class for misuse and for a connection found closed; only words tell.
    return any(word in str(error) for word in ("closed", "closing", "released back to the pool"))


@contextmanager
def as_unavailable() -> Iterator[None]:
    """Translate what the driver raises: an outage, or a bug. Never lets a vendor's error out."""
    try:
        yield
    except FAILURES as error:
        if remedy_of(error) is not None:
            raise StorageUnavailable(_words(error)) from error
        # Not chained: the driver quotes the row and the arguments, which may be a customer's.
        if isinstance(error, asyncpg.DataError | ValueError):
            raise RefusedByDatabase(type(error).__name__) from None
        if isinstance(error, asyncpg.IntegrityConstraintViolationError):
            raise RefusedByDatabase(f"{error.table_name}: {error.constraint_name}") from None
        raise


def _words(error: BaseException) -> str:
    return f"The database does not answer as it should: {type(error).__name__} {error}".rstrip()


@attrs.frozen(kw_only=True)
class Persistence:
    """Runs an attempt again while its failure passes by itself, with full jitter in between.

    *jitter* returns a number in [0, 1). *repeated* counts repetitions by the name of their cause.
    Raises StorageUnavailable. A cancelled task is never run again.
    """

    reconnect: Callable[[], Awaitable[None]]
    """Called when the connections at hand may be of no use any more."""
    jitter: Callable[[], float] = SystemRandom().random
    repeated: Counter[str] = attrs.field(factory=Counter)

    async def __call__(self, attempt: Callable[[], Awaitable[T]]) -> T:
        cancellations_before = _cancellations()
        for number in count(1):
            try:
                return await attempt()
            except FAILURES as error:
                if _cancellations() > cancellations_before:
                    # Tidying up failed, too. Whoever told us to stop must see that we did.
                    raise asyncio.CancelledError from error
                remedy = remedy_of(error)
                if remedy in {Remedy.RECONNECT, Remedy.GIVE_UP}:
                    await self.reconnect()
                if remedy in {Remedy.GIVE_UP, None} or number == TRIES_MAX:
                    with as_unavailable():
                        raise
                self._note(error, number)
            await asyncio.sleep(WAIT_MIN_S + (WAIT_MAX_S - WAIT_MIN_S) * self.jitter())
        raise AssertionError  # counting does not end

    def _note(self, error: Exception, number: int) -> None:
        cause = type(error).__name__
        self.repeated[cause] += 1
        sqlstate = getattr(error, "sqlstate", None)
        log.warning("unit_of_work.repeated", cause=cause, sqlstate=sqlstate, attempt=number)


def _cancellations() -> int:
    task = asyncio.current_task()
    return 0 if task is None else task.cancelling()
