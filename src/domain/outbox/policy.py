"""Keys, back-off and the end of patience."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from domain.outbox.lifecycle import EffectState
from domain.outbox.model import Effect, Operation, Outcome

BACKOFF_FIRST: Final = timedelta(seconds=5)
BACKOFF_MAX: Final = timedelta(hours=1)
PATIENCE: Final = timedelta(hours=72)
"""How long an effect is tried before a person has to look: a long weekend."""
LOOK_FIRST_AFTER: Final = timedelta(hours=20)
"""Providers may forget an idempotency key after 24 h: older than this, look before re-sending."""


def idempotency_key(mode: str, operation: Operation, entity_id: str, generation: int) -> str:
    """The same intent has the same key, whoever computes it, whenever."""
    return f"cf1:{mode}:{operation}:{entity_id}:g{generation}"


def backoff(attempt: int, jitter: float) -> timedelta:
    """Exponential with full jitter. *jitter* is in [0, 1); never under half a second."""
    doublings: int = 2 ** min(attempt - 1, 20)
    ceiling = min(BACKOFF_FIRST * doublings, BACKOFF_MAX)
    return max(ceiling * jitter, timedelta(seconds=0.5))


def try_again(
    effect: Effect, reason: str, *, now: datetime, lease_now: datetime, jitter: float
) -> Outcome:
    """Decide what an attempt without an answer leads to. Absence of an answer is never a no.

    Money that is owed to a customer is tried for ever, hourly in the end: a row given up would
    leave it neither returned nor on a hold.
    """
    owed = effect.operation is Operation.REFUND_CREATE
    if now - (effect.first_sent_at or now) > PATIENCE and not owed:
        return Outcome(state=EffectState.DEAD, reason=f"no answer in 72 h: {reason}")
    return Outcome(
        state=EffectState.NEW, reason=reason, due_at=lease_now + backoff(effect.attempt, jitter)
    )


def must_look_first(effect: Effect, now: datetime) -> bool:
    return effect.first_sent_at is not None and now - effect.first_sent_at > LOOK_FIRST_AFTER
