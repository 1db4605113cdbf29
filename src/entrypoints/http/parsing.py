"""Request bodies: read within bounds, parsed strictly, refused with every flaw listed."""

from __future__ import annotations

import asyncio
import functools
import itertools
import json
import math
from collections.abc import Iterator
from typing import Any, Final, TypeVar

import jsonschema
import msgspec
from aiohttp import web

from domain.shared.errors import Flaw, Invalid
from entrypoints.http.errors import Malformed, TooSlow, WrongMediaType

BODY_BYTES_MAX: Final = 1024 * 1024
BODY_DEADLINE_S: Final = 10.0
DEPTH_MAX: Final = 32
FLAWS_MAX: Final = 100
"""More than anybody reads; a body of a megabyte can have a hundred thousand."""
INTEGER_MAX: Final = 2**63 - 1

Body = TypeVar("Body", bound=msgspec.Struct)


class Request(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """What every request body is: strict, and without fields we do not know."""


async def read_bytes(request: web.Request) -> bytes:
    """Read the raw body; raise TooSlow after 10 s, WrongMediaType for a compressed one.

    Over 1 MiB aiohttp answers 413 by itself.
    """
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise WrongMediaType("Send the body as it is, without Content-Encoding")
    try:
        async with asyncio.timeout(BODY_DEADLINE_S):
            return await request.read()
    except TimeoutError:
        raise TooSlow("The body did not arrive within 10 seconds") from None


async def read_json(request: web.Request, body_type: type[Body]) -> Body:
    """Build *body_type* from the request's JSON object; raise Malformed or Invalid."""
    raw = await read_bytes(request)
    if request.content_type != "application/json":
        raise WrongMediaType("Send JSON, with Content-Type: application/json")
    return convert(strict_json(raw), body_type)


def convert(value: object, body_type: type[Body]) -> Body:
    try:
        return msgspec.convert(value, body_type)
    except msgspec.ValidationError as error:
        flaws = list(itertools.islice(_flaws(value, body_type), FLAWS_MAX))
        raise Invalid(flaws or [Flaw("", str(error))]) from None


def strict_json(raw: bytes) -> dict[str, Any]:
    """Parse an object; refuse NaN, infinities, huge integers, duplicate keys and deep nesting."""
    try:
        value = json.loads(
            raw.decode(),
            object_pairs_hook=_without_duplicates,
            parse_constant=_refuse_constant,
            parse_float=_finite,
            parse_int=_bounded,
        )
        too_deep = _depth(value) > DEPTH_MAX
    except (ValueError, RecursionError) as error:
        raise Malformed(_reason(error)) from None
    if not isinstance(value, dict):
        raise Malformed("The body must be a JSON object")
    if too_deep:
        raise Malformed(f"The body is nested deeper than {DEPTH_MAX}")
    if not all(map(is_storable, _texts(value))):
        raise Malformed(
            "The body has a character no text may hold: U+0000 or half a surrogate pair"
        )
    return value


def is_storable(text: str) -> bool:
    """Whether *text* can be written in UTF-8, and kept by a database that ends texts with NUL."""
    return "\0" not in text and not any("\ud800" <= char <= "\udfff" for char in text)


def _texts(value: object) -> Iterator[str]:
    match value:
        case str():
            yield value
        case dict():
            for key, inner in value.items():
                yield key
                yield from _texts(inner)
        case list():
            for inner in value:
                yield from _texts(inner)
        case _:
            return


def _reason(error: Exception) -> str:
    match error:
        case json.JSONDecodeError():
            return f"The body is not JSON: {error.msg} at character {error.pos}"
        case UnicodeDecodeError():
            return "The body is not UTF-8"
        case RecursionError():
            return f"The body is nested deeper than {DEPTH_MAX}"
        case _:
            return f"The body is not JSON we take: {error}"


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        msg = "a field is given twice"
        raise ValueError(msg)
    return result


def _refuse_constant(name: str) -> float:
    msg = f"{name} is no number"
    raise ValueError(msg)


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        msg = "a number is too large"
        raise ValueError(msg)
    return number


def _bounded(text: str) -> int:
    # Longer digits than any bound are refused before they cost anything to convert.
    if len(text) > len(str(-INTEGER_MAX)) or abs(number := int(text)) > INTEGER_MAX:
        msg = "a number is too large"
        raise ValueError(msg)
    return number


def _depth(value: object) -> int:
    match value:
        case dict():
            return 1 + max(map(_depth, value.values()), default=0)
        case list():
            return 1 + max(map(_depth, value), default=0)
        case _:
            return 0


def _is_integer(_: object, value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


@functools.cache
def _validator(body_type: type[msgspec.Struct]) -> Any:
    draft = jsonschema.Draft202012Validator
    # JSON Schema calls 20.0 an integer; money does not.
    strict = draft.TYPE_CHECKER.redefine("integer", _is_integer)
    extend: Any = jsonschema.validators.extend
    return extend(draft, type_checker=strict)(msgspec.json.schema(body_type))


def _flaws(value: object, body_type: type[msgspec.Struct]) -> Iterator[Flaw]:
    """List what is wrong in our own words: a library's would quote the offending value."""
    for error in _validator(body_type).iter_errors(value):
        yield from _flaw(error)


def _flaw(error: jsonschema.ValidationError) -> Iterator[Flaw]:
    pointer = "".join(f"/{part}" for part in error.absolute_path)
    rule: Any = error.validator_value
    match error.validator:
        case "additionalProperties" | "required":
            yield from _field_flaws(error, pointer)
        case "anyOf":
            yield from _alternative_flaws(error, pointer)
        case "type":
            yield Flaw(pointer, f"must be of type {rule}")
        case str() as limit if limit in LIMITS:
            yield Flaw(pointer, LIMITS[limit].format(rule))
        case _:
            yield Flaw(pointer, "is not what is expected here")


def _field_flaws(error: jsonschema.ValidationError, pointer: str) -> Iterator[Flaw]:
    given: Any = error.instance
    schema: Any = error.schema
    if error.validator == "additionalProperties":
        for name in sorted(given.keys() - schema.get("properties", {}).keys()):
            yield Flaw(f"{pointer}/{_escaped(name)}", "is not a field of this request")
        return
    for name in schema["required"]:
        # One error comes for each missing field, and its message is all that names it.
        if name not in given and f"'{name}'" in error.message:
            yield Flaw(f"{pointer}/{name}", "is needed")


def _alternative_flaws(error: jsonschema.ValidationError, pointer: str) -> Iterator[Flaw]:
    """Of "at least 1, or null", say what is wrong with the number that was given."""
    closer = [inner for inner in error.context or () if inner.validator != "type"]
    for inner in closer:
        yield from _flaw(inner)
    if not closer:
        alternatives: Any = error.validator_value
        kinds = [option["type"] for option in alternatives if "type" in option]
        yield Flaw(pointer, f"must be of type {' or '.join(kinds)}")


LIMITS: Final = {
    "minimum": "must be at least {}",
    "maximum": "must be at most {}",
    "minLength": "must have at least {} characters",
    "maxLength": "must have at most {} characters",
    "maxItems": "must have at most {} items",
}


def _escaped(name: str) -> str:
    return name[:100].replace("~", "~0").replace("/", "~1")
