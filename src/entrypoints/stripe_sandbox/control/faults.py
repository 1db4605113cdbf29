"""Ordering faults of the API."""

import re
from typing import Annotated, Final

import msgspec

from entrypoints.stripe_sandbox.books import Json
from entrypoints.stripe_sandbox.control.plane import Ask, Lever, unprocessable
from entrypoints.stripe_sandbox.faults import FAULT, KINDS
from entrypoints.stripe_sandbox.ids import new_id

Probability = Annotated[float, msgspec.Meta(ge=0, le=1)]
Count = Annotated[int, msgspec.Meta(ge=0)]
Seconds = Annotated[float, msgspec.Meta(ge=0, le=3600)]
ErrorStatus = Annotated[int, msgspec.Meta(ge=400, le=599)]


class Order(msgspec.Struct, forbid_unknown_fields=True):
    """*after* lets that many matching requests pass first; *times* None is until cleared.

    *applied* carries the request out before an `error`; *kept* says whether an idempotency
    key remembers the error, by default as Stripe does for the status.
    """

    kind: str
    method: str = "*"
    path: str = "*"
    times: Count | None = None
    probability: Probability = 1.0
    after: Count = 0
    status: ErrorStatus | None = None
    delay_s: Seconds | None = None
    applied: bool = False
    kept: bool | None = None
    code: str | None = None


def order(ask: Ask) -> Json:
    wanted = ask.read(Order)
    if wanted.kind not in KINDS:
        raise unprocessable(f"kind must be one of {', '.join(KINDS)}.")
    if wanted.path.startswith("^"):
        check_pattern(wanted.path)
    rule = msgspec.to_builtins(wanted) | {
        "id": new_id("flt"),
        "method": wanted.method.upper(),
        "seen": 0,
        "fired": 0,
    }
    with ask.sandbox.books.unit():
        return ask.sandbox.books.put(FAULT, rule)


def check_pattern(pattern: str) -> None:
    try:
        re.compile(pattern)
    except re.error as error:
        raise unprocessable(f"path is not a regular expression: {error}") from error


def show(ask: Ask) -> Json:
    return {"faults": ask.sandbox.faults.all()}


def clear(ask: Ask) -> Json:
    with ask.sandbox.books.unit():
        for rule in ask.sandbox.faults.all():
            ask.sandbox.books.delete(FAULT, rule["id"])
    return show(ask)


LEVERS: Final = (
    Lever("POST", "/faults", order),
    Lever("GET", "/faults", show),
    Lever("DELETE", "/faults", clear),
)
