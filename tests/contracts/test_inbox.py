"""What every Inbox promises."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import attrs
import pytest

from domain.outbox.errors import FencedOut
from domain.provider_events.lifecycle import EventState
from domain.provider_events.model import InboxEntry, Verdict
from tests.builders import MINUTE, NOW, an_entry
from tests.contracts.conformance import EveryWork
from tests.contracts.steps import now
from tests.contracts.storage import Storage

DONE = Verdict(state=EventState.DONE)
OVER_AT_ONCE = timedelta(seconds=-1)


async def _add(storage: Storage, *entries: InboxEntry) -> list[bool]:
    async def step(work: EveryWork) -> list[bool]:
        return [await work.inbox.add(entry) for entry in entries]

    return await storage.atomically(step)


async def _claim(
    storage: Storage, *, limit: int = 9, lease: timedelta = MINUTE
) -> list[InboxEntry]:
    return await storage.atomically(lambda work: work.inbox.claim(limit=limit, lease=lease))


async def _record(storage: Storage, entry: InboxEntry, verdict: Verdict) -> None:
    await storage.atomically(lambda work: work.inbox.record(entry, verdict))


def _ids(entries: list[InboxEntry]) -> list[str]:
    return [entry.event_id for entry in entries]


async def test_what_arrived_is_claimed_as_it_was_to_the_last_byte(storage: Storage) -> None:
    entry = an_entry(payload='{ "id":"evt_a",\r\n\t"text": "\N{SNOWMAN} \\u0000" }  ')
    await _add(storage, entry)

    (claimed,) = await _claim(storage)

    unclaimed = {"state": EventState.NEW, "attempt": 0, "fence": 0, "lease_until": None}
    assert (claimed.state, claimed.attempt, claimed.fence) == (EventState.CLAIMED, 1, 1)
    assert {**attrs.asdict(claimed), **unclaimed} == attrs.asdict(entry)
    assert claimed == await storage.entry("evt_a")


async def test_an_event_is_stored_once(storage: Storage) -> None:
    first = an_entry(payload="first")

    new = await _add(storage, first, attrs.evolve(first, payload="second"))

    assert new == [True, False]
    assert (await storage.entry("evt_a")).payload == "first"


async def test_also_when_it_arrives_many_times_at_once(storage: Storage) -> None:
    entry = an_entry()

    new = await asyncio.gather(
        *(storage.atomically(lambda work: work.inbox.add(entry)) for _ in range(4))
    )

    assert sorted(new) == [False, False, False, True]


async def test_and_when_it_is_applied_already(storage: Storage) -> None:
    await _add(storage, an_entry())
    (claimed,) = await _claim(storage)
    await _record(storage, claimed, DONE)

    assert await _add(storage, an_entry()) == [False]
    assert await _claim(storage) == []


async def test_what_nobody_could_read_is_kept_and_not_claimed(storage: Storage) -> None:
    unreadable = an_entry(
        kind="unreadable",
        object_id=None,
        livemode=None,
        api_version=None,
        created_at=None,
        state=EventState.DEAD,
        reason="unreadable",
    )

    await _add(storage, unreadable)

    assert await _claim(storage) == []
    assert await storage.entry("evt_a") == unreadable


async def test_entries_are_claimed_oldest_first_and_no_more_than_asked_for(
    storage: Storage,
) -> None:
    await _add(
        storage,
        an_entry("evt_late", due_at=NOW + MINUTE),
        an_entry("evt_early"),
        an_entry("evt_later", due_at=NOW + 2 * MINUTE),
    )

    assert _ids(await _claim(storage, limit=2)) == ["evt_early", "evt_late"]
    assert _ids(await _claim(storage, limit=2)) == ["evt_later"]
    assert await _claim(storage) == []


async def test_an_entry_that_is_not_due_waits(storage: Storage) -> None:
    await _add(storage, an_entry(due_at=(await now(storage)).lease_now + MINUTE))

    assert await _claim(storage) == []


async def test_a_lease_that_ran_out_frees_the_entry_and_fences_out_its_claimer(
    storage: Storage,
) -> None:
    await _add(storage, an_entry())
    (zombie,) = await _claim(storage, lease=OVER_AT_ONCE)

    (successor,) = await _claim(storage)

    assert (successor.attempt, successor.fence) == (2, 2)
    with pytest.raises(FencedOut):
        await _record(storage, zombie, DONE)
    await _record(storage, successor, DONE)
    with pytest.raises(FencedOut):
        await _record(storage, zombie, Verdict(state=EventState.DEAD))
    assert (await storage.entry("evt_a")).state is EventState.DONE


async def test_recording_the_same_verdict_again_is_harmless(storage: Storage) -> None:
    await _add(storage, an_entry())
    (claimed,) = await _claim(storage)

    await _record(storage, claimed, DONE)
    await _record(storage, claimed, DONE)

    assert (await storage.entry("evt_a")).state is EventState.DONE


@pytest.mark.parametrize("state", [EventState.DONE, EventState.IGNORED, EventState.DEAD])
async def test_what_is_over_is_not_claimed_any_more(storage: Storage, state: EventState) -> None:
    await _add(storage, an_entry())
    (claimed,) = await _claim(storage)

    await _record(storage, claimed, Verdict(state=state, reason="so it was decided"))

    recorded = await storage.entry("evt_a")
    assert await _claim(storage) == []
    assert (recorded.state, recorded.reason) == (state, "so it was decided")
    assert recorded.lease_until is None


@pytest.mark.parametrize("state", [EventState.PARKED, EventState.NEW])
async def test_what_has_to_wait_is_claimed_again_when_it_is_due(
    storage: Storage, state: EventState
) -> None:
    await _add(storage, an_entry("evt_soon"), an_entry("evt_later"))
    soon, later = sorted(await _claim(storage), key=lambda entry: entry.event_id, reverse=True)
    lease_now = (await now(storage)).lease_now

    await _record(storage, soon, Verdict(state=state, due_at=lease_now))
    await _record(storage, later, Verdict(state=state, due_at=lease_now + MINUTE))
    (again,) = await _claim(storage)

    assert (again.event_id, again.attempt) == ("evt_soon", 2)


async def test_claimers_at_once_get_different_entries(storage: Storage) -> None:
    await _add(storage, *(an_entry(f"evt_{n}") for n in range(6)))

    claims = await asyncio.gather(*(_claim(storage, limit=2) for _ in range(3)))

    claimed = [entry.event_id for claim in claims for entry in claim]
    rest = _ids(await _claim(storage))
    assert sorted([*claimed, *rest]) == [f"evt_{n}" for n in range(6)]
