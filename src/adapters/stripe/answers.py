"""What Stripe answers, as far as we look at it. Never trusted: bounded, checked, or refused.

The library's own objects have an attribute for what was in the JSON and raise for what was not,
and Stripe leaves out what does not apply. So the text of the answer is read once more, strictly.
"""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Annotated, Generic, Literal, TypeAlias, TypeVar

import attrs
import msgspec
import stripe

from adapters.stripe.errors import translated, unreadable, was_replayed

Shape = TypeVar("Shape")

Id: TypeAlias = Annotated[str, msgspec.Meta(pattern=r"\A[A-Za-z0-9_]{1,255}\Z")]
Word: TypeAlias = Annotated[str, msgspec.Meta(pattern=r"\A[a-z0-9_]{1,100}\Z")]
Currency: TypeAlias = Annotated[str, msgspec.Meta(pattern=r"\A[a-z]{3}\Z")]
AmountMinor: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=10**12)]
Epoch: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=32_503_680_000)]
"""Seconds, until the year 3000."""
Text: TypeAlias = Annotated[str, msgspec.Meta(max_length=5_000)]
Metadata: TypeAlias = Annotated[dict[Text, Text], msgspec.Meta(max_length=100)]


class Reference(msgspec.Struct):
    """An object we asked to see whole, or that came whole unasked."""

    id: Id


Link: TypeAlias = Id | Reference | None


class Intent(msgspec.Struct):
    id: Id
    status: Word
    currency: Currency
    amount_received: AmountMinor
    livemode: bool
    latest_charge: Link = None


class Person(msgspec.Struct):
    email: Text | None = None


class Session(msgspec.Struct):
    id: Id
    object: Literal["checkout.session"]
    status: Literal["open", "complete", "expired"]
    payment_status: Literal["paid", "unpaid", "no_payment_required"]
    livemode: bool
    expires_at: Epoch
    url: Text | None = None
    payment_intent: Id | Intent | None = None
    metadata: Metadata | None = None
    customer_email: Text | None = None
    customer_details: Person | None = None


class RefundObject(msgspec.Struct):
    id: Id
    object: Literal["refund"]
    amount: AmountMinor
    currency: Currency
    status: Word
    payment_intent: Link = None
    charge: Link = None
    metadata: Metadata | None = None
    failure_reason: Word | None = None
    pending_reason: Word | None = None


class RefundPage(msgspec.Struct):
    object: Literal["list"]
    has_more: bool
    data: Annotated[list[RefundObject], msgspec.Meta(max_length=100)]


class Account(msgspec.Struct):
    id: Id
    object: Literal["account"]


@attrs.frozen
class Answer(Generic[Shape]):
    """*replayed* when it is what an earlier call with the same key was told, however old."""

    said: Shape
    replayed: bool


async def ask(call: Awaitable[object], shape: type[Shape]) -> Answer[Shape]:
    """Make *call* and read its answer as *shape*.

    Raises ProviderUnavailable, ProviderRefused or ProviderMisconfigured, and nothing else.
    """
    with translated():
        thing = await call
    response = thing.last_response if isinstance(thing, stripe.StripeObject) else None
    if not isinstance(response, stripe.StripeResponse):
        raise unreadable("it is no JSON object")
    try:
        said = msgspec.json.decode(response.body, type=shape)
    except (ValueError, RecursionError) as error:
        raise unreadable(_place(error)) from None
    return Answer(said, was_replayed(response.headers))


def _place(error: Exception) -> str:
    """Where it went wrong, without the value that stood there."""
    _, _, place = str(error).rpartition(" - at ")
    return place[:100] if isinstance(error, msgspec.ValidationError) else type(error).__name__


def id_of(link: Reference | str | None) -> str | None:
    return link.id if isinstance(link, Reference) else link
