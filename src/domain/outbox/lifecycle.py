"""The life of one effect we owe the outside world."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final


class EffectState(StrEnum):
    NEW = "new"
    SENDING = "sending"
    DONE = "done"
    DEAD = "dead"


class EffectMove(StrEnum):
    CLAIMED = "claimed"
    RECLAIMED = "reclaimed"
    RELEASED = "released"
    FINISHED = "finished"
    BURIED = "buried"
    REPLAYED = "replayed"


TRANSITIONS: Final[Mapping[EffectState, Mapping[EffectMove, EffectState]]] = MappingProxyType(
    {
        EffectState.NEW: {EffectMove.CLAIMED: EffectState.SENDING},
        EffectState.SENDING: {
            EffectMove.RECLAIMED: EffectState.SENDING,
            EffectMove.RELEASED: EffectState.NEW,
            EffectMove.FINISHED: EffectState.DONE,
            EffectMove.BURIED: EffectState.DEAD,
        },
        EffectState.DONE: {},
        EffectState.DEAD: {EffectMove.REPLAYED: EffectState.NEW},
    }
)
