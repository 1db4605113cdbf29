"""Double entry: where every unit of money is, as transfers between accounts that sum to zero.

A positive amount is a debit. Capture debits what the provider owes us and credits what we owe the
customer; finishing the work turns that debt into revenue; a refund takes it back out again, first
into clearing (asked for), then out of the provider's balance (returned).
"""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime
from enum import StrEnum

import attrs

from domain.shared.ids import PaymentId
from domain.shared.money import Money


class Account(StrEnum):
    PROVIDER_CLEARING = "provider_clearing"
    CUSTOMER_PREPAID = "customer_prepaid"
    REVENUE = "revenue"
    REFUND_CLEARING = "refund_clearing"


class TransferKind(StrEnum):
    CAPTURE = "capture"
    EARNING = "earning"
    REFUND_REQUEST = "refund_request"
    REFUND_RETURN = "refund_return"
    REFUND_REQUEST_REVERSAL = "refund_request_reversal"
    REFUND_RETURN_REVERSAL = "refund_return_reversal"


@attrs.frozen(kw_only=True)
class Entry:
    """One leg. *amount_minor* is signed: debit above zero, credit below."""

    account: Account
    amount_minor: int
    currency: str


def _balanced(_: object, __: object, entries: tuple[Entry, ...]) -> None:
    sums: defaultdict[str, int] = defaultdict(int)
    for entry in entries:
        sums[entry.currency] += entry.amount_minor
    if not entries or any(sums.values()):
        msg = f"A transfer sums to zero in every currency, not to {dict(sums)}"
        raise ValueError(msg)


@attrs.frozen(kw_only=True)
class Transfer:
    """Posted once: (source_id, kind) is unique for ever. Corrections are new transfers."""

    source_id: str
    kind: TransferKind
    payment_id: PaymentId
    at: datetime
    entries: tuple[Entry, ...] = attrs.field(validator=_balanced)


def move(amount: Money, *, debit: Account, credit: Account) -> tuple[Entry, Entry]:
    return (
        Entry(account=debit, amount_minor=amount.amount_minor, currency=amount.currency),
        Entry(account=credit, amount_minor=-amount.amount_minor, currency=amount.currency),
    )
