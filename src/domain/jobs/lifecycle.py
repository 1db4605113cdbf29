"""The job state machine: the only place a job's state may change.

Every state is a key, even the ones nothing leaves, so a reader can see the dead ends. The diagram
in docs/state-machine.md, the database's CHECK and the tests read this table.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from domain.jobs import events as e
from domain.jobs.errors import IllegalTransition


class JobState(StrEnum):
    PENDING = "pending"
    PAID = "paid"
    PROCESSING = "processing"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    REFUNDED = "refunded"


TRANSITIONS: Final[Mapping[JobState, Mapping[type[e.JobEvent], JobState]]] = MappingProxyType(
    {
        JobState.PENDING: {
            e.PaymentReceived: JobState.PAID,
            e.PaymentAbandoned: JobState.CANCELLED,
            # Only when its payment is held: what was captured was not what was quoted.
            e.MoneyReturned: JobState.REFUNDED,
        },
        JobState.PAID: {
            e.WorkStarted: JobState.PROCESSING,
            e.DeadlineMissed: JobState.FAILED,
            e.RefundRequestedInFull: JobState.FAILED,
        },
        JobState.PROCESSING: {
            e.LeaseLost: JobState.PAID,
            e.WorkDeferred: JobState.PAID,
            e.WorkFinished: JobState.COMPLETED,
            e.WorkFailed: JobState.FAILED,
            e.DeadlineMissed: JobState.FAILED,
            e.RefundRequestedInFull: JobState.FAILED,
        },
        JobState.COMPLETED: {e.MoneyReturned: JobState.REFUNDED},
        JobState.FAILED: {e.MoneyReturned: JobState.REFUNDED},
        JobState.CANCELLED: {
            e.PaymentRestarted: JobState.PENDING,
            e.LatePaymentReceived: JobState.PAID,
            e.MoneyReturned: JobState.REFUNDED,
        },
        JobState.REFUNDED: {e.RefundFailedLater: JobState.FAILED},
    }
)


def next_state(state: JobState, event: e.JobEvent) -> JobState:
    try:
        return TRANSITIONS[state][type(event)]
    except KeyError:
        raise IllegalTransition(what="job", state=state, event=event.name) from None
