"""What an order's state is called to the person who paid. Every state has its words, even the
ones that should never be seen.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final

import attrs
from prices import money

STEPS: Final = ("Payment", "Queue", "Enlarging", "Ready")

BECAUSE: Final = {
    "not_an_image": "The file is not a picture we can read.",
    "damaged_image": "The picture is damaged: it could not be read to its end.",
    "too_large": "The picture is too large for our machine.",
    "inputs_mismatch": "The picture is not of the size it was ordered with.",
    "deadline_missed": "It took longer than we promise.",
}
FLAW: Final = "We could not read this as a picture"
FLAWS: Final = {
    "not_an_image": FLAW,
    "damaged_image": "This picture seems to be damaged",
    "too_large": "This picture is larger than the 50 megapixels we can enlarge",
}


class Page(StrEnum):
    """Which controls go with the words: another page, another picture on the screen."""

    UNPAID = "unpaid"
    WAITING = "waiting"
    DONE = "done"
    OVER = "over"


@attrs.frozen(kw_only=True)
class Told:
    """*step* counts the STEPS that are behind; None where they say nothing. *may_pay*: who has
    not paid after all, may still.
    """

    page: Page
    headline: str
    detail: str
    tone: str = "calm"
    progress: float | None = None
    step: int | None = None
    may_pay: bool = False


def tell(
    job: Mapping[str, Any], payment: Mapping[str, Any], *, returned_s_ago: float | None
) -> Told:
    """Say where an order is. *job* and *payment* are as the API answers them."""
    if job["hold"] is not None or not _is_sound(job):
        return _held(job)
    match job["status"]:
        case "pending":
            return _pending(payment, returned_s_ago)
        case "paid":
            detail = "Thank you. The next free machine takes your picture."
            return _waiting("Paid, and in the queue", detail, step=1)
        case "processing":
            return _processing(job)
        case "completed":
            return _completed(job)
        case "failed":
            return _failed(job)
        case "refunded":
            return _refunded(job, payment)
        case "cancelled":
            return _cancelled()
        case other:
            return _waiting("We are on it", f"Your order is “{other}”.")


def _waiting(headline: str, detail: str, **more: Any) -> Told:
    return Told(page=Page.WAITING, headline=headline, detail=detail, **more)


def _pending(payment: Mapping[str, Any], returned_s_ago: float | None) -> Told:
    if payment["status"] == "awaiting_funds":
        return _waiting(
            "Waiting for your bank",
            "Your order is placed. With this way to pay, the money takes a few days to arrive; we "
            "start as soon as it does. Keep this page's address to come back.",
            step=0,
        )
    if returned_s_ago is None:
        return Told(
            page=Page.UNPAID,
            headline="Not paid yet",
            detail="We have not received a payment for this order. Your picture is still here.",
        )
    if returned_s_ago > 30:  # noqa: PLR2004  it usually takes one or two
        return _waiting(
            "Still confirming your payment",
            "This takes longer than usual. If you have paid, do not pay again: the confirmation "
            "may come late, and nothing is lost.",
            step=0,
            may_pay=True,
        )
    return _waiting(
        "Confirming your payment",
        "This takes a moment. You need not do anything.",
        step=0,
        may_pay=True,
    )


def _processing(job: Mapping[str, Any]) -> Told:
    progress = float(job["progress"] or 0)
    return _waiting(
        "Enlarging your picture",
        f"{progress:.0%} done",
        progress=progress,
        step=2,
    )


def _completed(job: Mapping[str, Any]) -> Told:
    result = job["result"]
    detail = f"{result['width']} × {result['height']} pixels, {megabytes(result['bytes'])}."
    if job["refund"]:
        detail += f" {_amount(job['refund'])} has been given back, or is on its way to you."
    return Told(
        page=Page.DONE, headline="Your picture is ready", detail=detail, tone="good", step=4
    )


def _failed(job: Mapping[str, Any]) -> Told:
    what = f"{_amount(job['refund'])} is" if job["refund"] else "All you paid is"
    return _waiting(
        "That did not work",
        f"{_because(job)} {what} on its way back to you.",
        tone="sorry",
    )


def _refunded(job: Mapping[str, Any], payment: Mapping[str, Any]) -> Told:
    back = money(payment["amount_refunded"], payment["currency"])
    why = _because(job) if job["failure_reason"] else ""
    detail = f"{why} We gave back what you paid. Banks take a few days to show it."
    return Told(page=Page.OVER, headline=f"{back} refunded", detail=detail.strip(), tone="sorry")


def _cancelled() -> Told:
    return Told(
        page=Page.OVER,
        headline="Order cancelled",
        detail="Nothing was charged. If you change your mind, your picture is still here.",
    )


def _held(job: Mapping[str, Any]) -> Told:
    if job["hold"] is not None and job["hold"]["name"] == "refund_failed":
        detail = "Your money could not be sent back by itself. A person sees to it; it is not lost."
    else:
        detail = "A person has to look at it before it goes on. You need not do anything."
    return _waiting("Your order needs a person", detail, tone="sorry")


def _is_sound(job: Mapping[str, Any]) -> bool:
    """What workers deliver is theirs to describe; the pages rely on this much of it."""
    match job:
        case {"status": "completed", "result": result}:
            return _describes_a_picture(result)
    return True


def _describes_a_picture(result: object) -> bool:
    match result:
        case {
            "url": str(),
            "content_type": "image/png" | "image/jpeg",
            "width": int(),
            "height": int(),
            "bytes": int(),
            "sha256": str(),
        }:
            return True
    return False


def _because(job: Mapping[str, Any]) -> str:
    return BECAUSE.get(str(job["failure_reason"]), "We could not enlarge this picture.")


def _amount(refund: Mapping[str, Any]) -> str:
    return money(refund["amount"], refund["currency"])


def megabytes(count: int) -> str:
    """The size of a file as people say it."""
    if count < 1000:  # noqa: PLR2004  the definition of kilo
        return f"{count} bytes"
    return f"{count / 1e3:.0f} kB" if count < 1e6 else f"{count / 1e6:.1f} MB"  # noqa: PLR2004  mega
