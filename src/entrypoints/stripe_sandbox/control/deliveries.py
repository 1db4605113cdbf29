"""Events and their deliveries: how they misbehave, what was tried, and once more by hand."""

from typing import Annotated, Any, Final

import attrs
import msgspec

from entrypoints.stripe_sandbox.books import Json
from entrypoints.stripe_sandbox.clock import iso
from entrypoints.stripe_sandbox.control.plane import Ask, Lever, found, unprocessable
from entrypoints.stripe_sandbox.delivery.announcing import DELIVERY, EVENT, event_id, plan, publish
from entrypoints.stripe_sandbox.delivery.deliverer import ATTEMPT
from entrypoints.stripe_sandbox.delivery.dial import FIELDS
from entrypoints.stripe_sandbox.delivery.endpoints import ENDPOINT, wants

Probability = Annotated[float, msgspec.Meta(ge=0, le=1)]
Seconds = Annotated[float, msgspec.Meta(ge=0)]
MostCopies = Annotated[int, msgspec.Meta(ge=1, le=50)]
Unset = msgspec.UnsetType


class Turn(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """A change of the dial: what is left out stays, null is back to normal."""

    drop: Probability | Unset | None = msgspec.UNSET
    duplicate: MostCopies | Unset | None = msgspec.UNSET
    reorder: bool | Unset | None = msgspec.UNSET
    reorder_window_s: Seconds | Unset | None = msgspec.UNSET
    before_response: bool | Unset | None = msgspec.UNSET
    delay_s: Seconds | Unset | None = msgspec.UNSET
    bad_signature: bool | Unset | None = msgspec.UNSET
    pause: bool | Unset | None = msgspec.UNSET
    seed: int | Unset | None = msgspec.UNSET


class Made(msgspec.Struct, forbid_unknown_fields=True):
    """An event out of nothing: foreign, of the other mode, of another version."""

    type: str
    object: dict[str, Any]
    livemode: bool = False
    account: str | None = None
    api_version: str | None = None
    id: str | None = None
    previous_attributes: dict[str, Any] | None = None


def show_dial(ask: Ask) -> Json:
    return attrs.asdict(ask.sandbox.dial.setting)


def turn_dial(ask: Ask) -> Json:
    change: Json = msgspec.to_builtins(ask.read(Turn))
    seed = change.pop("seed", None)
    if seed is not None:
        ask.sandbox.delivery_random.seed(seed)
    plain = {name: FIELDS[name] if value is None else value for name, value in change.items()}
    with ask.sandbox.books.unit():
        ask.sandbox.dial.merge(plain)
    ask.sandbox.wake()
    return show_dial(ask)


def make_event(ask: Ask) -> Json:
    wanted = ask.read(Made)
    sandbox = ask.sandbox
    if wanted.id is not None and sandbox.books.get(EVENT, wanted.id) is not None:
        raise unprocessable(f"There is an event '{wanted.id}' already: use its resend.")
    data: Json = {"object": wanted.object}
    if wanted.previous_attributes is not None:
        data["previous_attributes"] = wanted.previous_attributes
    event: Json = {
        "id": wanted.id or event_id(wanted.object),
        "object": EVENT,
        **({"account": wanted.account} if wanted.account else {}),
        "api_version": wanted.api_version or sandbox.settings.api_version,
        "created": sandbox.clock.epoch(),
        "data": data,
        "livemode": wanted.livemode,
        "pending_webhooks": 0,
        "request": {"id": None, "idempotency_key": None},
        "type": wanted.type,
    }
    with sandbox.books.unit():
        return publish(sandbox, event, api_version=wanted.api_version)


def resend(ask: Ask) -> Json:
    """Once more to every endpoint that wants it; retries under way go on."""
    event, sandbox = found(ask, EVENT), ask.sandbox
    wanting = [each for each in sandbox.books.all(ENDPOINT).values() if wants(each, event["type"])]
    if not wanting:
        raise unprocessable("No webhook endpoint wants this event: make one first.")
    with sandbox.books.unit():
        planned = [plan(sandbox, event, endpoint, by_hand=True) for endpoint in wanting]
    return {"event": event["id"], "deliveries": [each["id"] for each in planned]}


def show_deliveries(ask: Ask) -> Json:
    """Every attempt, oldest first, and what is still to be tried."""
    books = ask.sandbox.books
    pending = [each for each in books.all(DELIVERY).values() if each["state"] == "pending"]
    return {
        "deliveries": [line for line in books.all(ATTEMPT).values() if about(ask, line)],
        "pending": [
            {
                "delivery": each["id"],
                "event": each["event"],
                "type": each["type"],
                "endpoint": each["endpoint"],
                "attempts": each["attempts"],
                "next_attempt_at": iso(each["due"]),
            }
            for each in pending
            if about(ask, each)
        ],
    }


def about(ask: Ask, line: Json) -> bool:
    """`?event=` and `?type=` narrow it down."""
    return all(line[name] == ask.query[name] for name in ("event", "type") if name in ask.query)


LEVERS: Final = (
    Lever("GET", "/webhooks", show_dial),
    Lever("POST", "/webhooks", turn_dial),
    Lever("POST", "/events", make_event),
    Lever("POST", "/events/{id}/resend", resend),
    Lever("GET", "/deliveries", show_deliveries),
)
