"""Stripe's events in our words. They are hints: what counts is fetched.

So only what tells whose an event is gets read, and that has had the same shape in every version
of Stripe's API: *api_version* is passed on for a person to see, and decides nothing. What does not
have the shape is unreadable, and stored as such.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Annotated, Any, Final, Literal, TypeAlias, TypeVar

import attrs
import msgspec

from adapters.stripe.answers import Epoch, Id, Link, Metadata, id_of
from adapters.stripe.reports import our_id
from domain.provider_events.errors import UnreadableEvent
from domain.provider_events.model import ProviderEvent, Subject

Shape = TypeVar("Shape")

SUBJECTS: Final[Mapping[str, Subject]] = MappingProxyType(
    {
        "checkout.session.completed": Subject.CHECKOUT,
        "checkout.session.async_payment_succeeded": Subject.CHECKOUT,
        "checkout.session.async_payment_failed": Subject.CHECKOUT,
        "checkout.session.expired": Subject.CHECKOUT,
        # Each of these could be the only one that arrives. What a charge that failed or waits
        # has to tell, its intent tells too; requires_action and created tell of no money.
        "payment_intent.succeeded": Subject.CHECKOUT,
        "payment_intent.payment_failed": Subject.CHECKOUT,
        "payment_intent.processing": Subject.CHECKOUT,
        "payment_intent.canceled": Subject.CHECKOUT,
        "charge.succeeded": Subject.CHECKOUT,
        "charge.captured": Subject.CHECKOUT,
        "refund.created": Subject.REFUND,
        "refund.updated": Subject.REFUND,
        "refund.failed": Subject.REFUND,
        "charge.refund.updated": Subject.REFUND,
        # An aggregate without the refunds in it: they are looked up.
        "charge.refunded": Subject.REFUNDS_OF_CHARGE,
    }
)

Kind: TypeAlias = Annotated[str, msgspec.Meta(pattern=r"\A[a-z0-9_.]{1,150}\Z")]
Version: TypeAlias = Annotated[str, msgspec.Meta(pattern=r"\A[A-Za-z0-9_.\-]{1,100}\Z")]


class Body(msgspec.Struct):
    object: msgspec.Raw


class Envelope(msgspec.Struct):
    id: Id
    object: Literal["event"]
    type: Kind
    created: Epoch
    livemode: bool
    data: Body
    account: Id | None = None
    api_version: Version | None = None


class Thing(msgspec.Struct):
    """A session, an intent, a charge or a refund: what they have in common, and their links."""

    id: Id
    object: Literal["checkout.session", "payment_intent", "charge", "refund"]
    payment_intent: Link = None
    charge: Link = None
    latest_charge: Link = None
    metadata: Metadata | None = None


class Anything(msgspec.Struct):
    id: Id | None = None


OBJECT_OF: Final[Mapping[str, str]] = MappingProxyType(
    {
        "checkout": "checkout.session",
        "payment_intent": "payment_intent",
        "charge": "charge",
        "refund": "refund",
    }
)


@attrs.frozen
class StripeEventReader:
    """Reads the text of an event that was verified. Raises UnreadableEvent and nothing else."""

    def read(self, payload: str) -> ProviderEvent:
        envelope = _decoded(payload, Envelope)
        subject = SUBJECTS.get(envelope.type, Subject.OTHER)
        about = _about(envelope, subject)
        return ProviderEvent(
            id=envelope.id,
            kind=envelope.type,
            subject=subject,
            created_at=datetime.fromtimestamp(envelope.created, tz=UTC),
            livemode=envelope.livemode,
            account=envelope.account,
            api_version=envelope.api_version,
            **about,
        )


def _about(envelope: Envelope, subject: Subject) -> dict[str, Any]:
    raw = bytes(envelope.data.object)
    if subject is Subject.OTHER:
        return {"object_id": _id_if_any(raw)}
    thing = _decoded(raw, Thing)
    if thing.object != _expected(envelope.type):
        raise UnreadableEvent(f"{envelope.type} about a {thing.object}")
    return {"object_id": thing.id, **_links(thing), **_marks(thing.metadata or {})}


def _expected(kind: str) -> str:
    if kind == "charge.refund.updated":
        return "refund"
    return OBJECT_OF[kind.partition(".")[0]]


def _links(thing: Thing) -> dict[str, str | None]:
    match thing.object:
        case "checkout.session":
            return {"session_id": thing.id, "intent_id": id_of(thing.payment_intent)}
        case "payment_intent":
            return {"intent_id": thing.id, "charge_id": id_of(thing.latest_charge)}
        case "charge":
            return {"charge_id": thing.id, "intent_id": id_of(thing.payment_intent)}
        case "refund":
            return {
                "provider_refund_id": thing.id,
                "intent_id": id_of(thing.payment_intent),
                "charge_id": id_of(thing.charge),
            }


def _marks(metadata: Mapping[str, str]) -> dict[str, str | None]:
    """As they are written there, if they could be ours: whether they are is not decided here."""
    names = ("app", "instance", "payment_id", "refund_id")
    return {name: our_id(metadata, name) for name in names}


def _id_if_any(raw: bytes) -> str | None:
    """What we do not handle may look like anything; a balance has no id."""
    try:
        return msgspec.json.decode(raw, type=Anything).id
    except (ValueError, RecursionError):
        return None


def _decoded(text: str | bytes, shape: type[Shape]) -> Shape:
    try:
        return msgspec.json.decode(text, type=shape)
    except msgspec.ValidationError as error:
        _, _, place = str(error).rpartition(" - at ")
        raise UnreadableEvent(f"not as expected at {place[:100]}") from None
    except (ValueError, RecursionError) as error:
        # No JSON, no text, or nested to make a reader fall over.
        raise UnreadableEvent(f"no JSON of Stripe's: {type(error).__name__}") from None
