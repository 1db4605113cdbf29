"""What every IdempotencyKeys promises, alone and under the use cases that claim keys."""

from __future__ import annotations

import asyncio

import attrs
import pytest

from domain.idempotency.errors import KeyInUse, KeyReused
from domain.idempotency.model import Answer, KeyedRequest, KeyRecord
from domain.idempotency.use_cases import ClaimKey, SettleKey
from domain.shared.ids import JobId
from tests.builders import HOUR, NOW
from tests.contracts.steps import now, ordered
from tests.contracts.storage import Storage

REQUEST = KeyedRequest(scope="ada", key="k" * 255, fingerprint="body one")
ANSWER = Answer(status=201, body={"job_id": "job_a", "amount": 199, "nested": [None, {"a": 1}]})


def _claim(storage: Storage) -> ClaimKey:
    return ClaimKey(atomically=storage.atomically)


def _settle(storage: Storage) -> SettleKey:
    return SettleKey(atomically=storage.atomically)


async def test_what_was_saved_comes_back_and_may_be_replaced(storage: Storage) -> None:
    await ordered(storage)
    first = KeyRecord(request=REQUEST, first_used_at=NOW, locked_until=NOW + HOUR)
    second = attrs.evolve(
        first,
        request=attrs.evolve(REQUEST, fingerprint="body two"),
        locked_until=None,
        job_id=JobId("job_a"),
        answer=ANSWER,
    )

    assert await _saved(storage, first) == first
    assert await _saved(storage, second) == second


async def _saved(storage: Storage, record: KeyRecord) -> KeyRecord | None:
    await storage.atomically(lambda work: work.idempotency.save(record))
    return await storage.atomically(lambda work: work.idempotency.find(REQUEST))


async def test_a_key_belongs_to_its_caller(storage: Storage) -> None:
    await _claim(storage)(REQUEST)

    other = await _claim(storage)(attrs.evolve(REQUEST, scope="eve", fingerprint="another"))

    assert (other.job_id, other.answer) == (None, None)


async def test_the_first_request_runs_and_the_second_waits(storage: Storage) -> None:
    claimed = await _claim(storage)(REQUEST)

    with pytest.raises(KeyInUse):
        await _claim(storage)(REQUEST)

    moment = await now(storage)
    assert claimed.answer is None
    assert claimed.locked_until is not None
    assert claimed.locked_until > moment.lease_now


async def test_of_requests_at_once_exactly_one_runs(storage: Storage) -> None:
    outcomes = await asyncio.gather(
        *(_claim(storage)(REQUEST) for _ in range(4)), return_exceptions=True
    )

    ran = [outcome for outcome in outcomes if isinstance(outcome, KeyRecord)]
    refused = [outcome for outcome in outcomes if isinstance(outcome, KeyInUse)]
    assert (len(ran), len(refused)) == (1, 3)


async def test_the_answer_is_given_again(storage: Storage) -> None:
    await _claim(storage)(REQUEST)
    await _settle(storage)(REQUEST, ANSWER)

    again = await _claim(storage)(REQUEST)

    assert again.answer == ANSWER
    assert again.locked_until is None


async def test_another_body_under_the_same_key_is_refused(storage: Storage) -> None:
    other = attrs.evolve(REQUEST, fingerprint="body two")
    await _claim(storage)(REQUEST)

    with pytest.raises(KeyReused):
        await _claim(storage)(other)
    await _settle(storage)(REQUEST, ANSWER)
    with pytest.raises(KeyReused):
        await _claim(storage)(other)


async def test_a_request_without_an_answer_can_be_run_again_and_finds_its_job(
    storage: Storage,
) -> None:
    await ordered(storage)
    await _claim(storage)(REQUEST)
    await storage.atomically(lambda work: work.idempotency.remember_job(REQUEST, JobId("job_a")))
    await _settle(storage)(REQUEST, None)

    again = await _claim(storage)(REQUEST)

    assert again.job_id == "job_a"
    assert again.answer is None


async def test_a_key_nobody_used_is_not_there(storage: Storage) -> None:
    await _settle(storage)(REQUEST, None)
    await _settle(storage)(REQUEST, ANSWER)

    assert await storage.atomically(lambda work: work.idempotency.find(REQUEST)) is None


async def test_a_lock_that_ran_out_holds_nobody_up(storage: Storage) -> None:
    past = KeyRecord(request=REQUEST, first_used_at=(await now(storage)).now, locked_until=NOW)
    await storage.atomically(
        lambda work: work.idempotency.save(
            attrs.evolve(past, locked_until=work.moment.lease_now - HOUR)
        )
    )

    assert (await _claim(storage)(REQUEST)).answer is None


async def test_after_a_day_a_key_means_nothing_any_more(storage: Storage) -> None:
    long_ago = (await now(storage)).now - 25 * HOUR
    old = KeyRecord(request=REQUEST, first_used_at=long_ago, locked_until=None, answer=ANSWER)
    await storage.atomically(lambda work: work.idempotency.save(old))

    fresh = await _claim(storage)(attrs.evolve(REQUEST, fingerprint="body two"))

    assert fresh.answer is None
    assert fresh.first_used_at > long_ago
