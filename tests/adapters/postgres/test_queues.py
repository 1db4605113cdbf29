"""What only several claimers at once can show. What one sees is in the contract tests."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import timedelta
from typing import Final

import asyncpg
import pytest

from adapters.postgres.unit_of_work import Postgres
from domain.idempotency.errors import KeyInUse
from domain.idempotency.model import Answer, KeyedRequest, KeyRecord
from domain.idempotency.use_cases import ClaimKey, SettleKey
from domain.jobs.events import WorkStarted
from domain.jobs.model import Job
from domain.outbox.errors import FencedOut
from domain.outbox.lifecycle import EffectState
from domain.outbox.model import Effect, Operation, Outcome
from domain.provider_events.lifecycle import EventState
from domain.provider_events.model import InboxEntry, Verdict
from domain.shared.ids import PaymentId
from tests.adapters.postgres.stage import Work, a_paid_job
from tests.builders import NOW, WORKER, an_effect, an_entry

LEASE: Final = timedelta(seconds=60)
OVER_AT_ONCE: Final = timedelta(0)
DONE: Final = Outcome(state=EffectState.DONE)
CLAIMERS: Final = 20
ROWS: Final = 200
PAYMENTS: Final = 40


async def test_twenty_claimers_of_the_inbox_take_every_event_once(postgres: Postgres) -> None:
    async def store(work: Work) -> None:
        for number in range(ROWS):
            await work.inbox.add(an_entry(f"evt_{number}"))

    await postgres.atomically(store)
    taken: Counter[str] = Counter()

    async def claim() -> None:
        while batch := await postgres.atomically(
            lambda work: work.inbox.claim(limit=7, lease=LEASE)
        ):
            taken.update(entry.event_id for entry in batch)

    await asyncio.gather(*(claim() for _ in range(CLAIMERS)))

    assert taken == {f"evt_{number}": 1 for number in range(ROWS)}


async def test_twenty_claimers_of_the_outbox_send_every_effect_once_and_one_of_a_payment_at_a_time(
    postgres: Postgres,
) -> None:
    async def store(work: Work) -> None:
        for number in range(PAYMENTS):
            await a_paid_job(work, str(number))
        for number in range(ROWS):
            payment_id = PaymentId(f"pay_{number % PAYMENTS}")
            await work.outbox.stage(an_effect(f"eff_{number}", payment_id=payment_id))

    await postgres.atomically(store)
    sent: Counter[str] = Counter()
    in_flight: Counter[str] = Counter()

    async def send(effect: Effect) -> None:
        in_flight[effect.payment_id] += 1
        assert in_flight[effect.payment_id] == 1
        await asyncio.sleep(0)
        in_flight[effect.payment_id] -= 1
        sent[effect.id] += 1
        await postgres.atomically(lambda work: work.outbox.record(effect, DONE))

    async def drain() -> None:
        while sent.total() < ROWS:
            batch = await postgres.atomically(lambda work: work.outbox.claim(limit=7, lease=LEASE))
            assert len({effect.payment_id for effect in batch}) == len(batch)
            for effect in batch:
                await send(effect)

    async with asyncio.timeout(60):
        await asyncio.gather(*(drain() for _ in range(CLAIMERS)))

    assert sent == {f"eff_{number}": 1 for number in range(ROWS)}


async def test_whoever_loses_the_race_for_a_payment_is_run_again_and_finds_it_taken(
    postgres: Postgres, raw: asyncpg.Connection[asyncpg.Record]
) -> None:
    async def store(work: Work) -> None:
        await a_paid_job(work)
        await work.outbox.stage(an_effect("eff_a", entity_id="a"))
        await work.outbox.stage(an_effect("eff_b", entity_id="b"))

    await postgres.atomically(store)

    async with raw.transaction():
        await raw.execute(
            "UPDATE outbox SET state = 'sending', fence = 1, attempt = 1, first_sent_at = now(),"
            " lease_until = now() + interval '1 minute' WHERE id = 'eff_a'"
        )
        # It sees eff_a as new, passes over it as locked, and waits in the unique index.
        second = asyncio.create_task(
            postgres.atomically(
                lambda work: work.outbox.claim_one(Operation.REFUND_CREATE, "b", lease=LEASE)
            )
        )
        await asyncio.sleep(0.2)
        assert not second.done()

    assert await second is None
    assert postgres.persistently.repeated == {"UniqueViolationError": 1}


async def test_twenty_who_want_the_same_effect_now_get_it_once(postgres: Postgres) -> None:
    async def store(work: Work) -> None:
        await a_paid_job(work)
        await work.outbox.stage(an_effect(entity_id="a"))

    await postgres.atomically(store)

    taken = await asyncio.gather(
        *(
            postgres.atomically(
                lambda work: work.outbox.claim_one(Operation.REFUND_CREATE, "a", lease=LEASE)
            )
            for _ in range(CLAIMERS)
        )
    )

    assert sum(effect is not None for effect in taken) == 1


async def test_an_effect_left_behind_is_taken_again_before_others_of_its_payment(
    postgres: Postgres,
) -> None:
    async def store(work: Work) -> None:
        await a_paid_job(work)
        await work.outbox.stage(an_effect("eff_a"))
        await work.outbox.stage(an_effect("eff_b"))
        await work.outbox.claim(limit=1, lease=OVER_AT_ONCE)

    await postgres.atomically(store)

    (again,) = await postgres.atomically(lambda work: work.outbox.claim(limit=9, lease=LEASE))

    assert (again.id, again.attempt, again.fence) == ("eff_a", 2, 2)


async def test_a_fenced_out_sender_records_nothing(postgres: Postgres) -> None:
    async def store(work: Work) -> Effect:
        await a_paid_job(work)
        await work.outbox.stage(an_effect())
        return (await work.outbox.claim(limit=1, lease=OVER_AT_ONCE))[0]

    zombie = await postgres.atomically(store)
    (current,) = await postgres.atomically(lambda work: work.outbox.claim(limit=1, lease=LEASE))

    with pytest.raises(FencedOut):
        await postgres.atomically(lambda work: work.outbox.record(zombie, DONE))

    failed = Outcome(state=EffectState.DEAD, reason="bad\0news\ud800")
    await postgres.atomically(lambda work: work.outbox.record(current, failed))
    # Repeated, because the answer to its commit was lost.
    await postgres.atomically(lambda work: work.outbox.record(current, failed))


async def test_a_fenced_out_applier_of_an_event_records_nothing(postgres: Postgres) -> None:
    async def store(work: Work) -> InboxEntry:
        await work.inbox.add(an_entry())
        return (await work.inbox.claim(limit=1, lease=OVER_AT_ONCE))[0]

    zombie = await postgres.atomically(store)
    (current,) = await postgres.atomically(lambda work: work.inbox.claim(limit=1, lease=LEASE))
    done = Verdict(state=EventState.DONE)

    with pytest.raises(FencedOut):
        await postgres.atomically(lambda work: work.inbox.record(zombie, done))

    await postgres.atomically(lambda work: work.inbox.record(current, done))
    await postgres.atomically(lambda work: work.inbox.record(current, done))


async def test_fifty_deliveries_of_one_event_are_one_row(postgres: Postgres) -> None:
    new = await asyncio.gather(
        *(postgres.atomically(lambda work: work.inbox.add(an_entry())) for _ in range(50))
    )

    assert sum(new) == 1


async def test_twenty_workers_lease_every_job_once(postgres: Postgres) -> None:
    names = [f"{number:02}" for number in range(30)]

    async def store(work: Work) -> None:
        for name in names:
            await a_paid_job(work, name)

    await postgres.atomically(store)
    leased: Counter[str] = Counter()

    async def lease(work: Work) -> Job | None:
        job = await work.jobs.claimable(None)
        if job is None:
            return None
        started = WorkStarted(
            at=work.moment.now,
            by=WORKER,
            lease=f"lease_{job.id}",
            lease_expires_at=work.moment.lease_now + LEASE,
        )
        return await work.jobs.save(job.apply(started))

    async def work_on() -> None:
        while job := await postgres.atomically(lease):
            leased[job.id] += 1

    await asyncio.gather(*(work_on() for _ in range(CLAIMERS)))

    assert leased == {f"job_{name}": 1 for name in names}


REQUEST: Final = KeyedRequest(scope="caller", key="k" * 32, fingerprint="body")


async def test_a_key_nobody_has_used_is_locked_all_the_same(postgres: Postgres) -> None:
    looked = asyncio.Event()

    async def first(work: Work) -> KeyRecord:
        assert await work.idempotency.find(REQUEST) is None
        looked.set()
        await asyncio.sleep(0.2)
        record = KeyRecord(request=REQUEST, first_used_at=NOW, locked_until=NOW)
        await work.idempotency.save(record)
        return record

    async def second(work: Work) -> KeyRecord | None:
        return await work.idempotency.find(REQUEST)

    running = asyncio.create_task(postgres.atomically(first))
    await looked.wait()

    assert await postgres.atomically(second) == await running


async def test_of_twenty_requests_with_the_same_new_key_one_runs(postgres: Postgres) -> None:
    claim_key = ClaimKey(atomically=postgres.atomically)

    answers = await asyncio.gather(
        *(claim_key(REQUEST) for _ in range(CLAIMERS)), return_exceptions=True
    )

    assert sum(isinstance(answer, KeyInUse) for answer in answers) == CLAIMERS - 1


async def test_an_answer_is_replayed_as_it_was_given(postgres: Postgres) -> None:
    claim_key = ClaimKey(atomically=postgres.atomically)
    settle_key = SettleKey(atomically=postgres.atomically)
    body = {"z": 1, "a": [1e16, 12345678901234567890123, "\0\ud800"]}

    await claim_key(REQUEST)
    await settle_key(REQUEST, Answer(status=201, body=body))

    stored = (await claim_key(REQUEST)).answer
    assert stored is not None
    assert (stored.status, repr(stored.body)) == (201, repr(body))
