"""The refund state machine. An unknown outcome is still *submitted*: the provider is asked."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from domain.jobs.errors import IllegalTransition
from domain.refunds import events as e


class RefundState(StrEnum):
    REQUESTED = "requested"
    AWAITING_APPROVAL = "awaiting_approval"
    SUBMITTED = "submitted"
    PENDING = "pending"
    REQUIRES_ACTION = "requires_action"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    REJECTED = "rejected"
    CANCELLED = "cancelled"
    SETTLED_OTHERWISE = "settled_otherwise"


TRANSITIONS: Final[Mapping[RefundState, Mapping[type[e.RefundEvent], RefundState]]] = (
    MappingProxyType(
        {
            RefundState.REQUESTED: {
                e.ApprovalAsked: RefundState.AWAITING_APPROVAL,
                e.RefundSubmitted: RefundState.SUBMITTED,
                e.RefundCancelled: RefundState.CANCELLED,
            },
            RefundState.AWAITING_APPROVAL: {
                e.RefundSubmitted: RefundState.SUBMITTED,
                e.RefundRejected: RefundState.REJECTED,
                e.RefundCancelled: RefundState.CANCELLED,
            },
            RefundState.SUBMITTED: {
                e.RefundPending: RefundState.PENDING,
                e.RefundActionRequired: RefundState.REQUIRES_ACTION,
                e.RefundSucceeded: RefundState.SUCCEEDED,
                e.RefundFailed: RefundState.FAILED,
            },
            RefundState.PENDING: {
                e.RefundActionRequired: RefundState.REQUIRES_ACTION,
                e.RefundSucceeded: RefundState.SUCCEEDED,
                e.RefundFailed: RefundState.FAILED,
                e.RefundCancelled: RefundState.CANCELLED,
            },
            RefundState.REQUIRES_ACTION: {
                e.RefundPending: RefundState.PENDING,
                e.RefundSucceeded: RefundState.SUCCEEDED,
                e.RefundFailed: RefundState.FAILED,
                e.RefundCancelled: RefundState.CANCELLED,
            },
            # Days later, in real life: the customer's bank sends the money back.
            RefundState.SUCCEEDED: {e.RefundFailed: RefundState.FAILED},
            RefundState.FAILED: {e.SettledOtherwise: RefundState.SETTLED_OTHERWISE},
            RefundState.REJECTED: {},
            RefundState.CANCELLED: {},
            RefundState.SETTLED_OTHERWISE: {},
        }
    )
)


def next_state(state: RefundState, event: e.RefundEvent) -> RefundState:
    try:
        return TRANSITIONS[state][type(event)]
    except KeyError:
        raise IllegalTransition(what="refund", state=state, event=event.name) from None
