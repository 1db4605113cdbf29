"""The payment state machine, and the dispute machine beside it.

A declined card is no event here: the customer may try another while the session is open.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from domain.jobs.errors import IllegalTransition
from domain.payments import events as e


class PaymentState(StrEnum):
    PENDING = "pending"
    AWAITING_FUNDS = "awaiting_funds"
    PAID = "paid"
    EXPIRED = "expired"
    FAILED = "failed"
    HELD = "held"
    PARTIALLY_REFUNDED = "partially_refunded"
    REFUNDED = "refunded"


class DisputeState(StrEnum):
    NONE = "none"
    INQUIRY = "inquiry"
    OPEN = "open"
    WON = "won"
    LOST = "lost"


TRANSITIONS: Final[Mapping[PaymentState, Mapping[type[e.PaymentEvent], PaymentState]]] = (
    MappingProxyType(
        {
            PaymentState.PENDING: {
                e.FundsAwaited: PaymentState.AWAITING_FUNDS,
                e.Captured: PaymentState.PAID,
                e.MismatchCaptured: PaymentState.HELD,
                e.SessionExpired: PaymentState.EXPIRED,
            },
            PaymentState.AWAITING_FUNDS: {
                e.Captured: PaymentState.PAID,
                e.MismatchCaptured: PaymentState.HELD,
                e.FundsFailed: PaymentState.FAILED,
            },
            PaymentState.PAID: {
                e.ReturnedInPart: PaymentState.PARTIALLY_REFUNDED,
                e.ReturnedInFull: PaymentState.REFUNDED,
            },
            PaymentState.EXPIRED: {
                e.Captured: PaymentState.PAID,
                e.MismatchCaptured: PaymentState.HELD,
            },
            PaymentState.FAILED: {
                e.Captured: PaymentState.PAID,
                e.MismatchCaptured: PaymentState.HELD,
            },
            PaymentState.HELD: {
                e.MismatchAccepted: PaymentState.PAID,
                e.ReturnedInPart: PaymentState.PARTIALLY_REFUNDED,
                e.ReturnedInFull: PaymentState.REFUNDED,
            },
            PaymentState.PARTIALLY_REFUNDED: {
                e.ReturnedInPart: PaymentState.PARTIALLY_REFUNDED,
                e.ReturnedInFull: PaymentState.REFUNDED,
                e.ReturnReversed: PaymentState.PAID,
                e.HeldReturnReversed: PaymentState.HELD,
            },
            PaymentState.REFUNDED: {
                e.ReturnedInPart: PaymentState.PARTIALLY_REFUNDED,
                e.ReturnReversed: PaymentState.PAID,
                e.HeldReturnReversed: PaymentState.HELD,
            },
        }
    )
)

DISPUTE_TRANSITIONS: Final[Mapping[DisputeState, Mapping[type[e.DisputeEvent], DisputeState]]] = (
    MappingProxyType(
        {
            DisputeState.NONE: {
                e.InquiryOpened: DisputeState.INQUIRY,
                e.DisputeOpened: DisputeState.OPEN,
                # Some arrive decided: no answer was allowed.
                e.DisputeLost: DisputeState.LOST,
            },
            DisputeState.INQUIRY: {
                e.InquiryClosed: DisputeState.NONE,
                e.DisputeOpened: DisputeState.OPEN,
            },
            DisputeState.OPEN: {
                e.DisputeWon: DisputeState.WON,
                e.DisputeLost: DisputeState.LOST,
            },
            # A second dispute on the same charge, or an appeal.
            DisputeState.WON: {e.DisputeOpened: DisputeState.OPEN},
            DisputeState.LOST: {e.DisputeOpened: DisputeState.OPEN, e.DisputeWon: DisputeState.WON},
        }
    )
)


def next_state(state: PaymentState, event: e.PaymentEvent) -> PaymentState:
    try:
        return TRANSITIONS[state][type(event)]
    except KeyError:
        raise IllegalTransition(what="payment", state=state, event=event.name) from None


def next_dispute_state(state: DisputeState, event: e.DisputeEvent) -> DisputeState:
    try:
        return DISPUTE_TRANSITIONS[state][type(event)]
    except KeyError:
        raise IllegalTransition(what="dispute", state=state, event=event.name) from None
