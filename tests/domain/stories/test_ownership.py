"""Who may see a job and act on it. To everybody else it does not exist."""

from __future__ import annotations

import pytest

from domain.checkout.model import OpenedCheckout
from domain.jobs.errors import JobNotFound
from domain.jobs.policy import ANYONE, Caller
from domain.payments.errors import PaymentNotFound
from domain.shared.errors import NotFound
from domain.shared.ids import JobId
from tests.domain.stories.world import World

ADA = Caller(subject="ada")
EVE = Caller(subject="eve")
ADMIN = Caller(subject="grace", roles=frozenset({"admin"}))
WORKER = Caller(subject="bob", roles=frozenset({"worker"}))


def _token(text: str | None) -> Caller:
    return Caller(guest_token=text)


async def _two_jobs(world: World) -> tuple[OpenedCheckout, OpenedCheckout]:
    """One of ada's, and one of a guest's."""
    return await world.buy(caller=ADA), await world.buy()


async def test_its_owner_sees_a_job_and_its_payment(world: World) -> None:
    hers, guests = await _two_jobs(world)
    with_token = _token(guests.access_token)

    assert (await world.read_job(hers.job_id, caller=ADA)).owner == "ada"
    assert (await world.read_payment(hers.session_id, caller=ADA)).job_id == hers.job_id
    assert (await world.read_job(guests.job_id, caller=with_token)).job_id == guests.job_id
    assert (await world.read_payment(guests.session_id, caller=with_token)).amount == guests.amount


async def test_an_admin_sees_everything(world: World) -> None:
    for bought in await _two_jobs(world):
        await world.read_job(bought.job_id, caller=ADMIN)
        await world.read_payment(bought.session_id, caller=ADMIN)


async def test_an_admin_may_neither_pay_nor_cancel_what_others_bought(world: World) -> None:
    for bought in await _two_jobs(world):
        with pytest.raises(JobNotFound):
            await world.pay_for_job(bought.job_id, caller=ADMIN)
        with pytest.raises(JobNotFound):
            await world.cancel_job(bought.job_id, caller=ADMIN)

        assert world.states(bought) == ("pending", ["pending"], [])


STRANGERS = [
    ("somebody else", EVE),
    ("nobody in particular", ANYONE),
    ("a worker", WORKER),
    ("an empty token", _token("")),
    ("a token of nothing", _token("cft_job_0_1")),
    ("an owner called like the token", Caller(subject="cft")),
]


@pytest.mark.parametrize("stranger", [who for _, who in STRANGERS], ids=[n for n, _ in STRANGERS])
async def test_to_a_stranger_a_job_looks_like_one_that_is_not_there(
    world: World, stranger: Caller
) -> None:
    nowhere = await _refusals(world, JobId("job_nowhere"), "cs_nowhere", stranger)

    for bought in await _two_jobs(world):
        mine = await _refusals(world, bought.job_id, bought.session_id, stranger)

        assert [text.replace(bought.job_id, "job_nowhere") for text in mine[:3]] == nowhere[:3]
        assert mine[3].replace(bought.session_id, "cs_nowhere") == nowhere[3]


async def _refusals(world: World, job_id: JobId, session_id: str, caller: Caller) -> list[str]:
    refusals = []
    for attempt in (
        lambda: world.read_job(job_id, caller=caller),
        lambda: world.pay_for_job(job_id, caller=caller),
        lambda: world.cancel_job(job_id, caller=caller),
        lambda: world.read_payment(session_id, caller=caller),
    ):
        with pytest.raises(NotFound) as caught:
            await attempt()
        refusals.append(f"{caught.value.code}: {caught.value}")
    return refusals


async def test_a_token_proves_one_job_only(world: World) -> None:
    one, other = await world.buy(), await world.buy()

    with pytest.raises(JobNotFound):
        await world.read_job(other.job_id, caller=_token(one.access_token))
    with pytest.raises(PaymentNotFound):
        await world.read_payment(other.session_id, caller=_token(one.access_token))


async def test_a_token_opens_nothing_that_belongs_to_a_signed_in_buyer(world: World) -> None:
    hers = await world.buy(caller=ADA)
    forged = Caller(guest_token=f"cft_{hers.job_id}_1")

    with pytest.raises(JobNotFound):
        await world.read_job(hers.job_id, caller=forged)
    with pytest.raises(JobNotFound):
        await world.cancel_job(hers.job_id, caller=forged)


async def test_a_signed_in_caller_may_show_a_guests_token_beside(world: World) -> None:
    guests = await world.buy()
    both = Caller(subject="ada", guest_token=guests.access_token)

    assert (await world.read_job(guests.job_id, caller=both)).job_id == guests.job_id
