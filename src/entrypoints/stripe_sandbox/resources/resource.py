"""What a resource is: its endpoints, what may be expanded in it, what happens to it by itself."""

from collections.abc import Callable, Mapping
from typing import Any, Final

import attrs

from entrypoints.stripe_sandbox.books import Json
from entrypoints.stripe_sandbox.delivery.announcing import Cause
from entrypoints.stripe_sandbox.sandbox import Action, Sandbox
from entrypoints.stripe_sandbox.wire.errors import missing
from entrypoints.stripe_sandbox.wire.fields import EXPAND, Record


@attrs.frozen(kw_only=True)
class Call:
    """One request that passed authentication and whose parameters were read."""

    sandbox: Sandbox
    params: Json
    ids: tuple[str, ...]
    cause: Cause
    path: str
    base_url: str


Handler = Callable[[Call], Json]
ONLY_EXPAND: Final = Record(EXPAND)


@attrs.frozen(kw_only=True)
class Gone:
    """A parameter that API versions from *since* on refuse."""

    since: str
    code: str
    message: str


@attrs.frozen(kw_only=True)
class Endpoint:
    """*returns* is the object, or with *listed* what the list holds."""

    method: str
    path: str
    handle: Handler
    params: Record = ONLY_EXPAND
    returns: str
    listed: bool = False
    gone: Mapping[str, Gone] = attrs.field(factory=dict)


@attrs.frozen
class Expandable:
    """A field with the id of one of *kinds*; with *make*, a list left out unless asked for."""

    kinds: tuple[str, ...]
    make: Callable[[Sandbox, Json], Json] | None = None


@attrs.frozen(kw_only=True)
class Resource:
    object: str
    endpoints: tuple[Endpoint, ...]
    expandable: Mapping[str, Expandable] = attrs.field(factory=dict)
    actions: Mapping[str, Action] = attrs.field(factory=dict)


def kept(call: Call, kind: str, *, param: str = "id") -> Json:
    """The object the path names, or Stripe's 404."""
    object_id = call.ids[0]
    found = call.sandbox.books.get(kind, object_id)
    if found is None:
        raise missing(kind, object_id, param=param)
    return found


def whole_list(url: str, things: list[Json]) -> Json:
    return {"object": "list", "data": things, "has_more": False, "url": url}


def given(params: Json, *names: str) -> dict[str, Any]:
    """The named parameters, None for those not given."""
    return {name: params.get(name) for name in names}
