"""Which of a job's payments pays for it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from domain.payments.lifecycle import PaymentState
from domain.payments.model import Payment

PAYING: Final = frozenset({PaymentState.PAID, PaymentState.PARTIALLY_REFUNDED})


def is_duplicate(payment: Payment, of_job: Iterable[Payment]) -> bool:
    """Whether another payment of the same job is paid already."""
    return any(other.id != payment.id and other.state in PAYING for other in of_job)
