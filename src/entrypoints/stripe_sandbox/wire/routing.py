"""Which endpoint a request means."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Final
from urllib.parse import unquote

from entrypoints.stripe_sandbox.resources.resource import Endpoint
from entrypoints.stripe_sandbox.wire.errors import unrecognized_url

ID: Final = "{id}"


class Router:
    def __init__(self, endpoints: Iterable[Endpoint]) -> None:
        self._by_shape: defaultdict[tuple[str, int], list[Endpoint]] = defaultdict(list)
        for endpoint in endpoints:
            shape = (endpoint.method, endpoint.path.count("/"))
            self._by_shape[shape].append(endpoint)

    def find(self, method: str, path: str) -> tuple[Endpoint, tuple[str, ...]]:
        """The endpoint and the ids in *path*, or raises Stripe's 404."""
        parts = path.split("/")
        for endpoint in self._by_shape.get((method, len(parts) - 1), ()):
            ids = _ids(endpoint.path.split("/"), parts)
            if ids is not None:
                return endpoint, ids
        raise unrecognized_url(method, path)


def _ids(template: list[str], parts: list[str]) -> tuple[str, ...] | None:
    ids = []
    for expected, part in zip(template, parts, strict=True):
        if expected == ID and part:
            ids.append(unquote(part))
        elif expected != part:
            return None
    return tuple(ids)
