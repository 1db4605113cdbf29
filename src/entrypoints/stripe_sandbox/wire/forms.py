"""Stripe's form encoding: a[b][c]=1, a[0][b]=1, a[]=1, with or without percent-encoded brackets.

The result is nested dicts of strings. Whether a dict with keys "0", "1" is a list is for the
declared parameters to say: a metadata key may be a number too.
"""

import re
from collections.abc import Iterable
from typing import Final
from urllib.parse import parse_qsl

from entrypoints.stripe_sandbox.wire.errors import invalid

Raw = str | dict[str, "Raw"]
Form = dict[str, Raw]

NAME: Final = re.compile(r"([^\[\]]+)((?:\[[^\[\]]*\])*)")
PART: Final = re.compile(r"\[([^\[\]]*)\]")
DEEPEST: Final = 12


def parse_form(encoded: str) -> Form:
    try:
        pairs = parse_qsl(encoded, keep_blank_values=True, errors="strict")
    except ValueError as error:
        raise invalid("Invalid request: the parameters are not valid UTF-8.") from error
    return nest(pairs)


def nest(pairs: Iterable[tuple[str, str]]) -> Form:
    form: Form = {}
    for name, value in pairs:
        _place(form, name, value)
    return form


def _place(form: Form, name: str, value: str) -> None:
    *parents, last = _parts(name)
    inside = form
    for part in parents:
        deeper = inside.setdefault(_key(part, inside), {})
        if not isinstance(deeper, dict):
            raise invalid(f"Invalid hash: {name}", param=name)
        inside = deeper
    inside[_key(last, inside)] = value


def _parts(name: str) -> list[str]:
    matched = NAME.fullmatch(name)
    if matched is None:
        return [name]
    parts = [matched[1], *PART.findall(matched[2])]
    if len(parts) > DEEPEST:
        raise invalid("Invalid request: the parameters are nested too deeply.", param=matched[1])
    return parts


def _key(part: str, inside: Form) -> str:
    # `a[]` takes the next free place.
    return part or str(len(inside))
