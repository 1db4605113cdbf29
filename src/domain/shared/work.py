"""How a use case asks for a unit of work (docs/decisions/0003)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

Work_co = TypeVar("Work_co", covariant=True)
Result = TypeVar("Result")


class Atomically(Protocol[Work_co]):
    """Runs a step in one database transaction, and runs it again when the database asks for it.

    The step must be safe to repeat: ids are made outside it, everything is read inside it, and it
    makes no network call. A connection lost at COMMIT says nothing about the outcome, so a step
    that has already happened must find that out by what it reads and change nothing.
    Raises StorageUnavailable when the database cannot be reached.
    """

    async def __call__(self, step: Callable[[Work_co], Awaitable[Result]]) -> Result: ...
