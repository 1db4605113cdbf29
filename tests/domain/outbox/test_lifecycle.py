"""The lives of an effect and of an event, written by hand; and that the queues follow them."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, TypeAlias

import pytest

from domain.outbox.lifecycle import TRANSITIONS as EFFECTS
from domain.outbox.lifecycle import EffectMove, EffectState
from domain.provider_events.lifecycle import TRANSITIONS as EVENTS
from domain.provider_events.lifecycle import EventMove, EventState

Table: TypeAlias = Mapping[Any, Mapping[Any, Any]]

EFFECT_SPEC = {
    # given     when         then
    ("new",     "claimed",   "sending"),
    ("sending", "reclaimed", "sending"),  # its claimer died
    ("sending", "released",  "new"),
    ("sending", "finished",  "done"),
    ("sending", "buried",    "dead"),
    ("dead",    "replayed",  "new"),
}  # fmt: skip

EVENT_SPEC = {
    # given     when        then
    ("new",     "claimed",  "claimed"),
    ("claimed", "claimed",  "claimed"),  # its claimer died
    ("claimed", "released", "new"),
    ("claimed", "parked",   "parked"),
    ("claimed", "applied",  "done"),
    ("claimed", "ignored",  "ignored"),
    ("claimed", "buried",   "dead"),
    ("parked",  "claimed",  "claimed"),
    ("dead",    "replayed", "new"),
}  # fmt: skip


def _edges(table: Table) -> set[tuple[str, str, str]]:
    return {
        (given.value, when.value, then.value)
        for given, moves in table.items()
        for when, then in moves.items()
    }


def test_an_effect_lives_as_the_contract_says_and_no_other_way() -> None:
    assert _edges(EFFECTS) == EFFECT_SPEC


def test_an_event_lives_as_the_contract_says_and_no_other_way() -> None:
    assert _edges(EVENTS) == EVENT_SPEC


@pytest.mark.parametrize(
    ("table", "states", "moves"),
    [(EFFECTS, EffectState, EffectMove), (EVENTS, EventState, EventMove)],
    ids=["outbox", "inbox"],
)
def test_every_state_is_a_key_and_every_move_is_used(
    table: Table,
    states: type[StrEnum],
    moves: type[StrEnum],
) -> None:
    assert set(table) == set(states)
    assert {move for row in table.values() for move in row} == set(moves)
