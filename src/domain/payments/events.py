"""What can happen to a payment, and to the dispute beside it."""

from __future__ import annotations

import attrs

from domain.audit.model import Happening
from domain.shared.money import Money


@attrs.frozen(kw_only=True)
class PaymentEvent(Happening):
    pass


@attrs.frozen(kw_only=True)
class PaymentQuoted(PaymentEvent):
    """How a payment begins; no state precedes it."""

    amount: Money


@attrs.frozen(kw_only=True)
class FundsAwaited(PaymentEvent):
    """The customer has done their part; the money takes days."""


@attrs.frozen(kw_only=True)
class Captured(PaymentEvent):
    amount: Money
    intent_id: str | None
    charge_id: str | None


@attrs.frozen(kw_only=True)
class MismatchCaptured(Captured):
    """What was captured is not what was quoted, in amount or currency."""


@attrs.frozen(kw_only=True)
class MismatchAccepted(PaymentEvent):
    """A person lets it pass, and says why."""

    reason: str


@attrs.frozen(kw_only=True)
class SessionExpired(PaymentEvent):
    pass


@attrs.frozen(kw_only=True)
class FundsFailed(PaymentEvent):
    """The delayed payment came to nothing."""


@attrs.frozen(kw_only=True)
class ReturnedInPart(PaymentEvent):
    returned: Money


@attrs.frozen(kw_only=True)
class ReturnedInFull(PaymentEvent):
    returned: Money


@attrs.frozen(kw_only=True)
class ReturnReversed(PaymentEvent):
    """A refund failed after it had succeeded, and nothing of the rest has gone back."""

    returned: Money


@attrs.frozen(kw_only=True)
class HeldReturnReversed(ReturnReversed):
    """The same, on a payment that is held for a mismatch: it is held again."""


@attrs.frozen(kw_only=True)
class DisputeEvent(Happening):
    pass


@attrs.frozen(kw_only=True)
class InquiryOpened(DisputeEvent):
    pass


@attrs.frozen(kw_only=True)
class InquiryClosed(DisputeEvent):
    pass


@attrs.frozen(kw_only=True)
class DisputeOpened(DisputeEvent):
    pass


@attrs.frozen(kw_only=True)
class DisputeWon(DisputeEvent):
    pass


@attrs.frozen(kw_only=True)
class DisputeLost(DisputeEvent):
    pass
