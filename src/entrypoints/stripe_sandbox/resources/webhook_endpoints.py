"""Webhook endpoints: where events are delivered, each with its own secret."""

from typing import Final

from entrypoints.stripe_sandbox.books import Json
from entrypoints.stripe_sandbox.delivery.endpoints import ENDPOINT, SECRET, endpoint_object
from entrypoints.stripe_sandbox.ids import new_id, webhook_secret
from entrypoints.stripe_sandbox.resources.listing import listed
from entrypoints.stripe_sandbox.resources.resource import Call, Endpoint, Resource, kept
from entrypoints.stripe_sandbox.wire.fields import (
    EXPAND,
    PAGING,
    Boolean,
    ListOf,
    Metadata,
    NotHere,
    Record,
    Text,
    Url,
    merged_metadata,
)

MOST_TYPES: Final = 500
CHANGEABLE: Final = {
    **EXPAND,
    "description": Text(unsettable=True),
    "enabled_events": ListOf(Text(), most=MOST_TYPES, least=1),
    "metadata": Metadata(),
    "url": Url(),
}
CREATE: Final = Record(
    {**CHANGEABLE, "api_version": Text(), "connect": NotHere()},
    required=("enabled_events", "url"),
)
UPDATE: Final = Record({**CHANGEABLE, "disabled": Boolean()})


def create(call: Call) -> Json:
    """The only answer that shows the secret."""
    params, books = call.params, call.sandbox.books
    endpoint = endpoint_object(
        new_id("we"),
        url=params["url"],
        created=call.sandbox.clock.epoch(),
        api_version=params.get("api_version"),
    ) | {
        "description": params.get("description"),
        "enabled_events": params["enabled_events"],
        "metadata": merged_metadata({}, params.get("metadata")),
    }
    secret = webhook_secret()
    books.put(ENDPOINT, endpoint)
    books.put(SECRET, {"id": endpoint["id"], "secrets": [secret]})
    return endpoint | {"secret": secret}


def retrieve(call: Call) -> Json:
    return kept(call, ENDPOINT)


def update(call: Call) -> Json:
    endpoint, params = kept(call, ENDPOINT), call.params
    plain: Json = {
        name: params[name] for name in ("description", "enabled_events", "url") if name in params
    }
    if "metadata" in params:
        plain["metadata"] = merged_metadata(endpoint["metadata"], params["metadata"])
    if "disabled" in params:
        plain["status"] = "disabled" if params["disabled"] else "enabled"
    return call.sandbox.books.put(ENDPOINT, endpoint | plain)


def delete(call: Call) -> Json:
    endpoint = kept(call, ENDPOINT)
    call.sandbox.books.delete(ENDPOINT, endpoint["id"])
    call.sandbox.books.delete(SECRET, endpoint["id"])
    return {"id": endpoint["id"], "object": ENDPOINT, "deleted": True}


def list_(call: Call) -> Json:
    return listed(call, ENDPOINT)


RESOURCE: Final = Resource(
    object=ENDPOINT,
    endpoints=(
        Endpoint(
            method="POST",
            path="/v1/webhook_endpoints",
            handle=create,
            params=CREATE,
            returns=ENDPOINT,
        ),
        Endpoint(
            method="GET",
            path="/v1/webhook_endpoints",
            handle=list_,
            params=Record(PAGING),
            returns=ENDPOINT,
            listed=True,
        ),
        Endpoint(
            method="GET", path="/v1/webhook_endpoints/{id}", handle=retrieve, returns=ENDPOINT
        ),
        Endpoint(
            method="POST",
            path="/v1/webhook_endpoints/{id}",
            handle=update,
            params=UPDATE,
            returns=ENDPOINT,
        ),
        Endpoint(
            method="DELETE", path="/v1/webhook_endpoints/{id}", handle=delete, returns=ENDPOINT
        ),
    ),
)
