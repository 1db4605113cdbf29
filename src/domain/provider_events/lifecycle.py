"""The life of one event in the inbox."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final


class EventState(StrEnum):
    NEW = "new"
    CLAIMED = "claimed"
    PARKED = "parked"
    DONE = "done"
    IGNORED = "ignored"
    DEAD = "dead"


class EventMove(StrEnum):
    CLAIMED = "claimed"
    RELEASED = "released"
    PARKED = "parked"
    APPLIED = "applied"
    IGNORED = "ignored"
    BURIED = "buried"
    REPLAYED = "replayed"


TRANSITIONS: Final[Mapping[EventState, Mapping[EventMove, EventState]]] = MappingProxyType(
    {
        EventState.NEW: {EventMove.CLAIMED: EventState.CLAIMED},
        EventState.CLAIMED: {
            # Its claimer died: the lease ran out.
            EventMove.CLAIMED: EventState.CLAIMED,
            EventMove.RELEASED: EventState.NEW,
            EventMove.PARKED: EventState.PARKED,
            EventMove.APPLIED: EventState.DONE,
            EventMove.IGNORED: EventState.IGNORED,
            EventMove.BURIED: EventState.DEAD,
        },
        EventState.PARKED: {EventMove.CLAIMED: EventState.CLAIMED},
        EventState.DONE: {},
        EventState.IGNORED: {},
        EventState.DEAD: {EventMove.REPLAYED: EventState.NEW},
    }
)
