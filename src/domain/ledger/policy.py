"""What each money event posts. Sources are our own ids, so that nothing is ever posted twice."""

from __future__ import annotations

from datetime import datetime

from domain.ledger.model import Account, Transfer, TransferKind, move
from domain.shared.ids import PaymentId, RefundId
from domain.shared.money import Money


def capture(payment_id: PaymentId, amount: Money, at: datetime) -> Transfer:
    return Transfer(
        source_id=payment_id,
        kind=TransferKind.CAPTURE,
        payment_id=payment_id,
        at=at,
        entries=move(amount, debit=Account.PROVIDER_CLEARING, credit=Account.CUSTOMER_PREPAID),
    )


def earning(payment_id: PaymentId, amount: Money, at: datetime) -> Transfer:
    """The work is done: what we owed for it is ours."""
    return Transfer(
        source_id=payment_id,
        kind=TransferKind.EARNING,
        payment_id=payment_id,
        at=at,
        entries=move(amount, debit=Account.CUSTOMER_PREPAID, credit=Account.REVENUE),
    )


def refund_request(
    refund_id: RefundId, payment_id: PaymentId, amount: Money, at: datetime, *, earned: bool
) -> Transfer:
    """Set *amount* aside, out of revenue when the work was already delivered."""
    return Transfer(
        source_id=refund_id,
        kind=TransferKind.REFUND_REQUEST,
        payment_id=payment_id,
        at=at,
        entries=move(amount, debit=_owed_from(earned=earned), credit=Account.REFUND_CLEARING),
    )


def refund_return(
    refund_id: RefundId, payment_id: PaymentId, amount: Money, at: datetime
) -> Transfer:
    return Transfer(
        source_id=refund_id,
        kind=TransferKind.REFUND_RETURN,
        payment_id=payment_id,
        at=at,
        entries=move(amount, debit=Account.REFUND_CLEARING, credit=Account.PROVIDER_CLEARING),
    )


def refund_return_reversal(
    refund_id: RefundId, payment_id: PaymentId, amount: Money, at: datetime
) -> Transfer:
    """A refund that had succeeded failed later: the provider has the money again."""
    return Transfer(
        source_id=refund_id,
        kind=TransferKind.REFUND_RETURN_REVERSAL,
        payment_id=payment_id,
        at=at,
        entries=move(amount, debit=Account.PROVIDER_CLEARING, credit=Account.REFUND_CLEARING),
    )


def refund_request_reversal(
    refund_id: RefundId, payment_id: PaymentId, amount: Money, at: datetime, *, earned: bool
) -> Transfer:
    """The refund came to nothing: what was set aside goes back to where the job stands *now*."""
    return Transfer(
        source_id=refund_id,
        kind=TransferKind.REFUND_REQUEST_REVERSAL,
        payment_id=payment_id,
        at=at,
        entries=move(amount, debit=Account.REFUND_CLEARING, credit=_owed_from(earned=earned)),
    )


def _owed_from(*, earned: bool) -> Account:
    return Account.REVENUE if earned else Account.CUSTOMER_PREPAID
