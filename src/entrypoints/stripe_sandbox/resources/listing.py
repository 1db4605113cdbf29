"""Lists: newest first, filtered, a page at a time."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice, takewhile
from operator import ge, gt, le, lt
from types import MappingProxyType
from typing import Any, Final

from entrypoints.stripe_sandbox.books import Json
from entrypoints.stripe_sandbox.resources.resource import Call
from entrypoints.stripe_sandbox.wire.errors import invalid, missing

DEFAULT_LIMIT: Final = 10
COMPARISONS: Final[Mapping[str, Callable[[int, int], bool]]] = MappingProxyType(
    {"gt": gt, "gte": ge, "lt": lt, "lte": le}
)


def listed(
    call: Call,
    kind: str,
    *,
    equal: tuple[str, ...] = (),
    also: Callable[[Json], bool] | None = None,
    among: Iterable[Json] | None = None,
) -> Json:
    """A page of *kind*. *equal* are parameters that must equal the field of their name."""
    wanted = {name: call.params[name] for name in equal if name in call.params}
    moment = call.params.get("created")

    def matches(thing: Json) -> bool:
        return (
            all(thing.get(name) == value for name, value in wanted.items())
            and (moment is None or is_within(thing["created"], moment))
            and (also is None or also(thing))
        )

    things = list(call.sandbox.books.all(kind).values() if among is None else among)
    return page(call, kind, things, matches)


def page(call: Call, kind: str, oldest_first: list[Json], matches: Callable[[Json], bool]) -> Json:
    limit: int = call.params.get("limit", DEFAULT_LIMIT)
    after, before = call.params.get("starting_after"), call.params.get("ending_before")
    if after is not None and before is not None:
        raise invalid(
            "You cannot parameterize both starting_after and ending_before.",
            param="ending_before",
            code="parameters_exclusive",
        )
    for param, cursor in (("starting_after", after), ("ending_before", before)):
        if cursor is not None and all(thing["id"] != cursor for thing in oldest_first):
            raise missing(kind, cursor, param=param, status=400)
    if before is not None:
        nearest_first = _beyond(iter(oldest_first), before)
        found = list(islice(filter(matches, nearest_first), limit + 1))
        shown = list(reversed(found[:limit]))
    else:
        found = list(islice(filter(matches, _beyond(reversed(oldest_first), after)), limit + 1))
        shown = found[:limit]
    return {"object": "list", "data": shown, "has_more": len(found) > limit, "url": call.path}


def _beyond(things: Iterator[Json], cursor: str | None) -> Iterator[Json]:
    if cursor is not None:
        for _ in takewhile(lambda thing: thing["id"] != cursor, things):
            pass
    return things


def is_within(created: int, moment: Any) -> bool:
    if isinstance(moment, int):
        return created == moment
    return all(COMPARISONS[name](created, bound) for name, bound in moment.items())
