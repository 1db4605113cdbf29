"""Declared parameters: what each endpoint accepts, and how its text becomes a value."""

import re
from collections.abc import Mapping
from typing import Any, Final, Protocol
from urllib.parse import urlsplit

import attrs

from entrypoints.stripe_sandbox.wire.errors import (
    ApiError,
    empty_parameter,
    invalid,
    missing_parameter,
    unknown_parameters,
)
from entrypoints.stripe_sandbox.wire.forms import Form, Raw

INTEGER: Final = re.compile(r"[+-]?[0-9]{1,18}")
EMAIL: Final = re.compile(r"[^@\s<>]+@[^@\s<>]+\.[^@\s<>.]+")
METADATA_KEYS: Final = 50
METADATA_KEY_LENGTH: Final = 40
METADATA_VALUE_LENGTH: Final = 500
LONGEST_LIST_PAGE: Final = 100


class Field(Protocol):
    def read(self, raw: Raw, path: str) -> Any:
        """The value of *raw*, or raises ApiError that names *path*."""


@attrs.frozen
class Text:
    """*unsettable* takes the empty string, as None."""

    longest: int = 5000
    choices: tuple[str, ...] = ()
    unsettable: bool = False

    def read(self, raw: Raw, path: str) -> str | None:
        if not isinstance(raw, str):
            raise invalid("Invalid string: {}", param=path)
        if not raw:
            if self.unsettable:
                return None
            raise empty_parameter(path)
        if len(raw) > self.longest:
            shown = f"{raw[:4]}...{raw[-4:]}"
            raise invalid(
                f"Invalid string: {shown}; must be at most {self.longest} characters", param=path
            )
        if self.choices and raw not in self.choices:
            raise invalid(f"Invalid {path}: must be one of {listing(self.choices)}", param=path)
        return raw


@attrs.frozen
class Integer:
    least: int | None = None
    most: int | None = None

    def read(self, raw: Raw, path: str) -> int:
        if not isinstance(raw, str):
            raise invalid("Invalid integer: {}", param=path, code="parameter_invalid_integer")
        if not raw:
            raise empty_parameter(path)
        if INTEGER.fullmatch(raw) is None:
            raise invalid(f"Invalid integer: {raw}", param=path, code="parameter_invalid_integer")
        number = int(raw)
        if self.least is not None and number < self.least:
            raise self._out_of_range(path, f"greater than or equal to {self.least}", number)
        if self.most is not None and number > self.most:
            raise self._out_of_range(path, f"less than or equal to {self.most}", number)
        return number

    def _out_of_range(self, path: str, bound: str, number: int) -> ApiError:
        message = f"This value must be {bound} (it currently is '{number}')."
        return invalid(message, param=path, code="parameter_invalid_integer")


@attrs.frozen
class Boolean:
    def read(self, raw: Raw, path: str) -> bool:
        if raw == "":
            raise empty_parameter(path)
        if raw not in {"true", "false"}:
            raise invalid(f"Invalid boolean: {raw if isinstance(raw, str) else '{}'}", param=path)
        return raw == "true"


@attrs.frozen
class Url:
    def read(self, raw: Raw, path: str) -> str:
        url = Text().read(raw, path) or ""
        if not is_url(url):
            raise invalid("Not a valid URL", param=path, code="url_invalid")
        return url


@attrs.frozen
class Email:
    def read(self, raw: Raw, path: str) -> str:
        email = Text(longest=800).read(raw, path) or ""
        if EMAIL.fullmatch(email) is None:
            raise invalid(f"Invalid email address: {email}", param=path, code="email_invalid")
        return email


@attrs.frozen
class ListOf:
    item: Field
    most: int = 100
    least: int = 0

    def read(self, raw: Raw, path: str) -> list[Any]:
        if not isinstance(raw, dict) or not all(key.isascii() and key.isdigit() for key in raw):
            raise invalid("Invalid array", param=path)
        if len(raw) > self.most:
            raise invalid(
                f"Array {path} exceeded maximum {self.most} allowed elements.", param=path
            )
        if len(raw) < self.least:
            raise invalid(f"Array {path} must have at least {self.least} elements.", param=path)
        ordered = sorted(raw, key=int)
        return [self.item.read(raw[key], f"{path}[{key}]") for key in ordered]


@attrs.frozen
class Record:
    """A hash with these fields and no others; *required* must be there."""

    fields: Mapping[str, Field]
    required: tuple[str, ...] = ()

    def read(self, raw: Raw, path: str) -> dict[str, Any]:
        if not isinstance(raw, dict):
            raise invalid("Invalid object", param=path)
        unknown = [inside(path, name) for name in raw if name not in self.fields]
        if unknown:
            raise unknown_parameters(unknown)
        for name in self.required:
            if name not in raw:
                raise missing_parameter(inside(path, name))
        return {
            name: self.fields[name].read(value, inside(path, name)) for name, value in raw.items()
        }


@attrs.frozen
class Either:
    """A plain value, or a hash: `created=1` and `created[gte]=1`."""

    plain: Field
    record: Field

    def read(self, raw: Raw, path: str) -> Any:
        return (self.record if isinstance(raw, dict) else self.plain).read(raw, path)


@attrs.frozen
class Metadata:
    """Reads to a dict whose empty values unset a key; the empty string reads to None: unset all."""

    def read(self, raw: Raw, path: str) -> dict[str, str] | None:
        if raw == "":
            return None
        if not isinstance(raw, dict):
            raise invalid("Invalid object", param=path)
        for key, value in raw.items():
            self._check(key, value, path)
        if len(raw) > METADATA_KEYS:
            raise too_much_metadata(path)
        return {key: value for key, value in raw.items() if isinstance(value, str)}

    def _check(self, key: str, value: Raw, path: str) -> None:
        if not isinstance(value, str):
            raise invalid(
                f"Metadata values must be strings, but for key '{key}' you passed a hash.",
                param=inside(path, key),
            )
        if len(key) > METADATA_KEY_LENGTH:
            raise invalid(
                "Metadata keys can have up to 40 characters, but you passed in a key that is "
                f"{len(key)} characters. Invalid key: {key}",
                param=path,
            )
        if len(value) > METADATA_VALUE_LENGTH:
            raise invalid(
                "Metadata values can have up to 500 characters, but you passed in a value that is "
                f"{len(value)} characters. Invalid value: {value}",
                param=inside(path, key),
            )


@attrs.frozen
class NotHere:
    """A parameter that Stripe has and this sandbox does not, said aloud rather than ignored."""

    def read(self, raw: Raw, path: str) -> Any:
        del raw
        raise invalid(f"The Stripe sandbox does not do '{path}'.", param=path)


def read_parameters(fields: Record, form: Form) -> dict[str, Any]:
    return fields.read(form, "")


def merged_metadata(kept: dict[str, str], change: dict[str, str] | None) -> dict[str, str]:
    if change is None:
        return {}
    merged = {key: value for key, value in (kept | change).items() if value}
    if len(merged) > METADATA_KEYS:
        raise too_much_metadata("metadata")
    return merged


def too_much_metadata(path: str) -> ApiError:
    return invalid(f"You can have up to {METADATA_KEYS} metadata keys.", param=path)


def inside(path: str, name: str) -> str:
    return f"{path}[{name}]" if path else name


def listing(choices: tuple[str, ...]) -> str:
    *most, last = choices
    return f"{', '.join(most)}, or {last}" if most else last


def is_url(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return (
        parts.scheme in {"http", "https"}
        and bool(parts.hostname)
        and url.isprintable()
        and " " not in url
    )


MOMENT: Final = Either(
    Integer(),
    Record({"gt": Integer(), "gte": Integer(), "lt": Integer(), "lte": Integer()}),
)
EXPAND: Final[Mapping[str, Field]] = {"expand": ListOf(Text())}
PAGING: Final[Mapping[str, Field]] = {
    **EXPAND,
    "limit": Integer(1, LONGEST_LIST_PAGE),
    "starting_after": Text(),
    "ending_before": Text(),
}
