"""What customers are told about their order, in plain words and never more than we know."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Final
from urllib.parse import urlsplit

import attrs
from babel.numbers import format_currency

from domain.checkout.model import JobView
from domain.jobs.lifecycle import JobState
from domain.jobs.policy import PagePurpose
from domain.payments.model import HoldName
from domain.refunds.lifecycle import RefundState
from domain.shared.money import Money

ADDRESS_LENGTH_MAX: Final = 2_000


@attrs.frozen(kw_only=True)
class Told:
    """*mood* is how it looks: waiting, working, good, sad or calm."""

    mood: str
    headline: str
    detail: str


@attrs.frozen(kw_only=True)
class Order:
    """A job as its page shows it. *progress* is in percent, None when it is not known."""

    told: Told
    job_id: str
    offer_name: str
    is_settled: bool
    is_working: bool
    progress: int | None
    download: str | None
    trouble: str | None
    refund: str | None
    refund_reference: str | None
    may_pay: bool
    may_cancel: bool


HELD: Final[Mapping[HoldName, Told]] = {
    HoldName.AMOUNT_MISMATCH: Told(
        mood="sad",
        headline="Your payment is on hold",
        detail="What reached us is not the amount of this order, so we have not started. "
        "A person is looking at it.",
    ),
    HoldName.DISPUTE: Told(
        mood="sad",
        headline="This payment is in dispute",
        detail="The bank has asked about it. A person is looking at it.",
    ),
    HoldName.REFUND_FAILED: Told(
        mood="sad",
        headline="Your refund did not go through",
        detail="We still owe you this money, and a person is looking at it.",
    ),
    HoldName.REFUND_AWAITING_BALANCE: Told(
        mood="sad",
        headline="Your refund is delayed",
        detail="It could not be sent at once. It is not forgotten: a person is looking at it.",
    ),
}
WAITING: Final = Told(
    mood="waiting",
    headline="Your payment is not confirmed yet",
    detail="We are waiting for the bank to confirm. You may close this page: the order goes on "
    "by itself.",
)
UNPAID: Final = Told(
    mood="calm",
    headline="You have not paid yet",
    detail="No payment for this order has reached us. If you turned back before paying, nothing "
    "was charged.",
)
PAID: Final = Told(
    mood="waiting",
    headline="Thank you, your payment is in",
    detail="The order is in line and starts by itself. You may close this page.",
)
WORKING: Final = Told(
    mood="working",
    headline="We are working on it",
    detail="Your payment is in, and the work has begun.",
)
COMPLETED: Final = Told(
    mood="good", headline="Your order is ready", detail="Paid, done, delivered."
)
RETURNING: Final = Told(
    mood="sad",
    headline="It did not work out",
    detail="We could not do this order, so your money is on its way back. You need not do anything.",
)
DECIDING: Final = Told(
    mood="sad",
    headline="It did not work out",
    detail="We could not do this order, and the refund waits for a decision. A person is looking "
    "at it.",
)
REFUNDED: Final = Told(
    mood="calm",
    headline="Your money has been sent back",
    detail="It goes to the card or account you paid with. Banks take up to ten days to show it.",
)
CANCELLED: Final = Told(
    mood="calm",
    headline="This order is cancelled",
    detail="No payment was taken for it. If you still want it, you can pay now.",
)
CANCELLED_REFUNDED: Final = Told(
    mood="calm",
    headline="This order is cancelled",
    detail="A payment came in all the same: it goes back to where it came from.",
)
TROUBLES: Final[Mapping[str, str]] = {
    "deadline_missed": "It could not be finished in the time we promised.",
    "refund_requested": "The refund was asked for.",
    "not_honourable": "What you ordered is not sold any more.",
    "attempts_exhausted": "We tried several times.",
}
UNDECIDED: Final = frozenset({RefundState.AWAITING_APPROVAL, RefundState.REJECTED})


def told(view: JobView, page: PagePurpose) -> Told:
    match view.status:
        case JobState.PENDING | JobState.FAILED if view.hold is not None:
            return HELD[view.hold.name]
        case JobState.PENDING:
            return WAITING if page is PagePurpose.SUCCESS else UNPAID
        case JobState.FAILED:
            undecided = view.refund is not None and view.refund.status in UNDECIDED
            return DECIDING if undecided else RETURNING
        case JobState.CANCELLED:
            return CANCELLED if view.refund is None else CANCELLED_REFUNDED
        case _:
            return PLAIN[view.status]


PLAIN: Final[Mapping[str, Told]] = {
    JobState.PAID: PAID,
    JobState.PROCESSING: WORKING,
    JobState.COMPLETED: COMPLETED,
    JobState.REFUNDED: REFUNDED,
}


def order_of(
    view: JobView, page: PagePurpose, *, offer_name: str, minor_digits: Callable[[str], int]
) -> Order:
    untouched = view.hold is None and view.refund is None
    turned_back = page is PagePurpose.CANCEL and view.status == JobState.PENDING
    return Order(
        told=told(view, page),
        job_id=view.job_id,
        offer_name=offer_name,
        is_settled=view.is_settled,
        is_working=view.status == JobState.PROCESSING,
        progress=None if view.progress is None else round(view.progress * 100),
        download=_download(view),
        trouble=_trouble(view),
        refund=displayed(view.refund.amount, minor_digits) if view.refund else None,
        refund_reference=view.refund.refund_id if view.refund else None,
        may_pay=untouched and (turned_back or view.status == JobState.CANCELLED),
        may_cancel=untouched and turned_back,
    )


def displayed(amount: Money, minor_digits: Callable[[str], int]) -> str:
    """Write an amount as people read it; the provider's decimals are not always the usual ones."""
    value = Decimal(amount.amount_minor).scaleb(-minor_digits(amount.currency))
    return format_currency(value, amount.currency.upper(), locale="en")


def _download(view: JobView) -> str | None:
    """The address of the result, if a worker gave one that a link may lead to."""
    result = view.result
    url = result.get("url") if isinstance(result, dict) else None
    if view.status != JobState.COMPLETED or not isinstance(url, str):
        return None
    return url if _is_web_address(url) else None


def _is_web_address(url: str) -> bool:
    if len(url) > ADDRESS_LENGTH_MAX or not url.isascii() or not url.isprintable():
        return False
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and bool(parts.hostname) and not set(url) & set(" \\")


def _trouble(view: JobView) -> str | None:
    if view.status not in {JobState.FAILED, JobState.REFUNDED} or view.failure_reason is None:
        return None
    return TROUBLES.get(view.failure_reason, view.failure_reason)
