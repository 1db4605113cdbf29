"""Events: a snapshot of what happened, and one delivery for each endpoint that wants it."""

from typing import TYPE_CHECKING, Any, Final

import attrs

from entrypoints.stripe_sandbox.books import Json
from entrypoints.stripe_sandbox.delivery.endpoints import ENDPOINT, wants
from entrypoints.stripe_sandbox.ids import new_id, related_id

if TYPE_CHECKING:
    from entrypoints.stripe_sandbox.sandbox import Sandbox

EVENT: Final = "event"
DELIVERY: Final = "_delivery"


@attrs.frozen
class Cause:
    """The API request an event came from; both None for what happened by itself."""

    request_id: str | None = None
    idempotency_key: str | None = None


BY_ITSELF: Final = Cause()


def announce(
    sandbox: "Sandbox",
    event_type: str,
    thing: Json,
    *,
    cause: Cause = BY_ITSELF,
    before: Json | None = None,
) -> Json:
    """Inside a unit. With *before*, the event tells which values the change replaced."""
    data: Json = {"object": thing}
    if before is not None:
        data["previous_attributes"] = replaced(before, thing)
    event: Json = {
        "id": event_id(thing),
        "object": EVENT,
        "api_version": sandbox.settings.api_version,
        "created": sandbox.clock.epoch(),
        "data": data,
        "livemode": False,
        "pending_webhooks": 0,
        "request": {"id": cause.request_id, "idempotency_key": cause.idempotency_key},
        "type": event_type,
    }
    return publish(sandbox, event)


def publish(sandbox: "Sandbox", event: Json, *, api_version: str | None = None) -> Json:
    """Keep *event* and plan its deliveries; *api_version* overrides what endpoints render."""
    sandbox.books.put(EVENT, event)
    for endpoint in sandbox.books.all(ENDPOINT).values():
        if wants(endpoint, event["type"]):
            plan(sandbox, event, endpoint, api_version=api_version)
    return event


def plan(
    sandbox: "Sandbox",
    event: Json,
    endpoint: Json,
    *,
    api_version: str | None = None,
    by_hand: bool = False,
) -> Json:
    delivery: Json = {
        "id": new_id("dlv"),
        "event": event["id"],
        "type": event["type"],
        "endpoint": endpoint["id"],
        "api_version": api_version,
        "by_hand": by_hand,
        "state": "pending",
        "attempts": 0,
        "due": sandbox.clock.now() + (0.0 if by_hand else first_delay(sandbox)),
    }
    return sandbox.books.put(DELIVERY, delivery)


def first_delay(sandbox: "Sandbox") -> float:
    setting = sandbox.dial.setting
    shuffled = (
        sandbox.delivery_random.uniform(0, setting.reorder_window_s) if setting.reorder else 0.0
    )
    return setting.delay_s + shuffled


def event_id(thing: Json) -> str:
    """Events of what belongs to a PaymentIntent share its stem; the others start with evt_1."""
    thing_id = str(thing.get("id") or "")
    if thing_id.partition("_")[2].startswith("3"):
        return related_id("evt", thing_id)
    return new_id("evt")


def replaced(before: Json, after: Json) -> dict[str, Any]:
    return {
        name: part(before.get(name), value)
        for name, value in after.items()
        if before.get(name) != value
    }


def part(before: Any, after: Any) -> Any:
    if isinstance(before, dict) and isinstance(after, dict):
        return replaced(before, after)
    return before
