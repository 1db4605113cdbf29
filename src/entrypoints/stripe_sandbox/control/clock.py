"""The sandbox's clock, seen and moved."""

from typing import Annotated, Final

import msgspec

from entrypoints.stripe_sandbox.books import Json
from entrypoints.stripe_sandbox.clock import iso
from entrypoints.stripe_sandbox.control.plane import Ask, Lever

TEN_YEARS_S: Final = 10 * 365 * 24 * 3600


class Advance(msgspec.Struct, forbid_unknown_fields=True):
    seconds: Annotated[float, msgspec.Meta(ge=0, le=TEN_YEARS_S)]


def show(ask: Ask) -> Json:
    now = ask.sandbox.clock.now()
    return {"now": iso(now), "epoch": now, "offset_s": ask.sandbox.clock.offset_s}


def advance(ask: Ask) -> Json:
    ask.sandbox.advance(ask.read(Advance).seconds)
    return show(ask)


LEVERS: Final = (
    Lever("GET", "/clock", show),
    Lever("POST", "/clock/advance", advance),
)
