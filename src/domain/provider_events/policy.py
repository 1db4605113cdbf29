"""Whose an event is, and how long we go on trying to apply it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from domain.installation.model import Installation
from domain.outbox.policy import PATIENCE, backoff
from domain.payments.model import Payment
from domain.provider_events.lifecycle import EventState
from domain.provider_events.model import InboxEntry, ProviderEvent, Subject, Verdict

APP: Final = "counterfoil"
CRASHES_MAX: Final = 12
PARKED_FOR: Final = timedelta(seconds=1)
PARKED_FOR_AT_MOST: Final = timedelta(minutes=10)


def disregard(event: ProviderEvent, installation: Installation) -> str | None:
    """Say why *event* is none of ours to apply, or None."""
    if event.livemode != installation.livemode:
        return "wrong_mode"
    if event.account is not None:
        return "foreign_account"
    if event.subject is Subject.OTHER:
        return "unhandled_type"
    return None


def claims_to_be_ours(event: ProviderEvent, installation: Installation) -> bool:
    return event.app == APP and event.instance == installation.instance


def is_of_another_session(event: ProviderEvent, payment: Payment) -> bool:
    """Whether a session bears our payment's name, and is not the one we opened for it."""
    if event.session_id is None or payment.session is None:
        return False
    return event.session_id != payment.session.id


def park(entry: InboxEntry, *, now: datetime, lease_now: datetime) -> Verdict:
    """It is ours, and what it is about is not stored yet: wait for our own commit."""
    if now - entry.received_at > PATIENCE:
        return Verdict(state=EventState.DEAD, reason="parent_never_came")
    wait = min(PARKED_FOR * 2 ** min(entry.attempt - 1, 16), PARKED_FOR_AT_MOST)
    return Verdict(state=EventState.PARKED, reason="parent_unknown", due_at=lease_now + wait)


def try_again(
    entry: InboxEntry,
    reason: str,
    *,
    now: datetime,
    lease_now: datetime,
    jitter: float,
    crashed: bool,
) -> Verdict:
    """Somebody else's outage is waited out for 72 h; a crash of ours is tried a dozen times."""
    patience_ends = entry.attempt >= CRASHES_MAX if crashed else now - entry.received_at > PATIENCE
    if patience_ends:
        return Verdict(state=EventState.DEAD, reason=reason)
    due_at = lease_now + backoff(entry.attempt, jitter)
    return Verdict(state=EventState.NEW, reason=reason, due_at=due_at)
