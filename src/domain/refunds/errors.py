from __future__ import annotations

from domain.shared.errors import Conflict, NotFound
from domain.shared.money import Money


class RefundNotFound(NotFound):
    code = "refund_not_found"

    def __init__(self, refund_id: str) -> None:
        super().__init__(f"There is no refund {refund_id}")


class StaleRefund(Conflict):
    code = "stale_refund"

    def __init__(self, refund_id: str) -> None:
        super().__init__(f"Refund {refund_id} changed meanwhile: ask again")


class NothingCaptured(Conflict):
    code = "nothing_captured"

    def __init__(self, payment_id: str) -> None:
        super().__init__(f"Nothing was captured on {payment_id}: there is nothing to give back")


class RefundExceedsRemaining(Conflict):
    code = "refund_exceeds_remaining"

    def __init__(self, remaining: Money) -> None:
        super().__init__(f"At most {remaining} is left to refund")
        self.remaining = remaining


class PaymentDisputed(Conflict):
    """While the bank arbitrates, a refund could pay the customer twice."""

    code = "payment_disputed"

    def __init__(self, payment_id: str) -> None:
        super().__init__(f"{payment_id} is disputed: the bank decides, nothing can be refunded")
