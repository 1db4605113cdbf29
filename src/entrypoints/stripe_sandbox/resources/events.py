"""Events, readable for 30 days."""

from typing import Final

from entrypoints.stripe_sandbox.books import Json
from entrypoints.stripe_sandbox.delivery.announcing import DELIVERY, EVENT
from entrypoints.stripe_sandbox.delivery.deliverer import pending_webhooks
from entrypoints.stripe_sandbox.resources.listing import listed
from entrypoints.stripe_sandbox.resources.resource import Call, Endpoint, Resource, kept
from entrypoints.stripe_sandbox.wire.errors import invalid, missing
from entrypoints.stripe_sandbox.wire.fields import (
    MOMENT,
    PAGING,
    Boolean,
    ListOf,
    Record,
    Text,
)

READABLE_S: Final = 30 * 24 * 3600
MOST_TYPES: Final = 20
LIST: Final = Record(
    {
        **PAGING,
        "created": MOMENT,
        "delivery_success": Boolean(),
        "type": Text(),
        "types": ListOf(Text(), most=MOST_TYPES),
    }
)


def retrieve(call: Call) -> Json:
    event = kept(call, EVENT)
    if event["created"] < oldest_readable(call):
        raise missing(EVENT, event["id"])
    return shown(call, event)


def list_(call: Call) -> Json:
    params = call.params
    if "type" in params and "types" in params:
        raise invalid(
            "You may only specify one of these parameters: type, types.",
            param="types",
            code="parameters_exclusive",
        )
    oldest, types = oldest_readable(call), params.get("types")

    def matches(event: Json) -> bool:
        return (
            event["created"] >= oldest
            and (types is None or event["type"] in types)
            and has_delivery_success(call, event)
            and (params.get("type") is None or is_of_type(event, params["type"]))
        )

    found = listed(call, EVENT, also=matches)
    return found | {"data": [shown(call, event) for event in found["data"]]}


def is_of_type(event: Json, wanted: str) -> bool:
    """A type may end in a wildcard: `charge.*`."""
    if wanted.endswith("*"):
        return bool(event["type"].startswith(wanted[:-1]))
    return bool(event["type"] == wanted)


def has_delivery_success(call: Call, event: Json) -> bool:
    wanted = call.params.get("delivery_success")
    if wanted is None:
        return True
    deliveries = call.sandbox.books.where(DELIVERY, "event", event["id"])
    return all(delivery["state"] == "succeeded" for delivery in deliveries) is wanted


def oldest_readable(call: Call) -> int:
    return call.sandbox.clock.epoch() - READABLE_S


def shown(call: Call, event: Json) -> Json:
    return event | {"pending_webhooks": pending_webhooks(call.sandbox.books, event["id"])}


RESOURCE: Final = Resource(
    object=EVENT,
    endpoints=(
        Endpoint(
            method="GET", path="/v1/events", handle=list_, params=LIST, returns=EVENT, listed=True
        ),
        Endpoint(method="GET", path="/v1/events/{id}", handle=retrieve, returns=EVENT),
    ),
)
