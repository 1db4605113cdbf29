"""What every RefundRepository promises."""

from __future__ import annotations

import attrs
import pytest

from domain.audit.model import PROVIDER, SYSTEM
from domain.refunds.errors import RefundNotFound, StaleRefund
from domain.refunds.events import RefundFailed, RefundPending, RefundSubmitted, RefundSucceeded
from domain.refunds.model import Refund, RefundReason
from domain.shared.ids import PaymentId, RefundId
from domain.shared.money import Money
from tests.builders import MINUTE, NOW, a_refund_request
from tests.contracts.conformance import EveryWork
from tests.contracts.steps import bought, now, refunded, the_refund
from tests.contracts.storage import Storage

SUBMITTED = RefundSubmitted(at=NOW, by=SYSTEM)
SUCCEEDED = RefundSucceeded(at=NOW + MINUTE, by=PROVIDER)


@pytest.fixture(autouse=True)
async def _a_payment_to_refund(storage: Storage) -> None:
    await bought(storage)


async def test_what_was_added_comes_back(storage: Storage) -> None:
    refund = attrs.evolve(
        a_refund_request(amount=Money(50, "usd"), reason=RefundReason.REQUESTED),
        note="a note \N{SNOWMAN}",
        requested_by="admin:grace",
    )

    added = await storage.atomically(lambda work: work.refunds.add(refund))

    assert added == await the_refund(storage) == refund
    assert added.changes == ()


async def test_so_does_a_refund_with_everything_known(storage: Storage) -> None:
    pending = RefundPending(at=NOW, by=PROVIDER, pending_reason="insufficient_funds")
    failed = RefundFailed(at=NOW, by=PROVIDER, failure_reason="expired_or_canceled_card")
    refund = attrs.evolve(
        a_refund_request().apply(SUBMITTED).apply(pending).apply(SUCCEEDED).apply(failed),
        provider_id="re_a",
        check_due_at=NOW,
        checks=2,
    )

    await storage.atomically(lambda work: work.refunds.add(refund))

    assert await the_refund(storage) == refund


async def test_what_was_saved_comes_back(storage: Storage) -> None:
    changed = attrs.evolve((await refunded(storage)).apply(SUBMITTED), provider_id="re_a")

    saved = await storage.atomically(lambda work: work.refunds.save(changed))

    assert saved == await the_refund(storage) == changed


async def test_adding_what_is_there_changes_nothing(storage: Storage) -> None:
    refund = await refunded(storage)
    moved = await storage.atomically(lambda work: work.refunds.save(refund.apply(SUBMITTED)))

    again = await storage.atomically(lambda work: work.refunds.add(a_refund_request()))

    assert again.changes == ()
    assert await the_refund(storage) == moved
    assert len(await storage.changes("refund", "ref_a")) == 2


async def test_a_refund_that_moved_on_cannot_be_saved(storage: Storage) -> None:
    stale = await refunded(storage)
    moved = await storage.atomically(lambda work: work.refunds.save(stale.apply(SUBMITTED)))

    with pytest.raises(StaleRefund):
        await storage.atomically(lambda work: work.refunds.save(stale.apply(SUBMITTED)))

    assert await the_refund(storage) == moved


async def test_a_refund_nobody_added_is_neither_found_nor_saved(storage: Storage) -> None:
    with pytest.raises(RefundNotFound):
        await the_refund(storage, "ref_nobody")
    with pytest.raises(StaleRefund):
        await storage.atomically(
            lambda work: work.refunds.save(a_refund_request("ref_nobody").apply(SUBMITTED))
        )


async def test_the_refunds_of_a_payment_come_oldest_first(storage: Storage) -> None:
    await bought(storage, "pay_b", job_id="job_b")
    mine = [await refunded(storage, name) for name in ("ref_z", "ref_y", "ref_x")]
    await refunded(storage, "ref_other", payment_id="pay_b", job_id="job_b")

    found = await storage.atomically(lambda work: work.refunds.of_payment(PaymentId("pay_a")))

    assert found == mine


async def test_a_refund_is_found_by_what_we_and_the_provider_call_it(storage: Storage) -> None:
    named = attrs.evolve(await refunded(storage), provider_id="re_a")
    await storage.atomically(lambda work: work.refunds.save(named))

    async def step(work: EveryWork) -> list[object]:
        return [
            await work.refunds.whose(RefundId("ref_a")),
            await work.refunds.by_provider_id("re_a"),
            await work.refunds.whose(RefundId("re_a")),
            await work.refunds.by_provider_id("ref_a"),
        ]

    assert await storage.atomically(step) == [("job_a", "pay_a"), "ref_a", None, None]


async def test_two_refunds_are_never_the_same_one_at_the_provider(storage: Storage) -> None:
    one = attrs.evolve(await refunded(storage), provider_id="re_a")
    await storage.atomically(lambda work: work.refunds.save(one))
    other = attrs.evolve(await refunded(storage, "ref_b"), provider_id="re_a")

    with pytest.raises(RuntimeError, match=r"re_a|provider_id"):
        await storage.atomically(lambda work: work.refunds.save(other))


async def test_due_to_be_checked_is_what_the_provider_has_not_decided_on(
    storage: Storage,
) -> None:
    moment = (await now(storage)).now

    async def a(name: str, due: int | None, *events: RefundSubmitted | RefundSucceeded) -> None:
        refund: Refund = a_refund_request(f"ref_{name}")
        for event in events:
            refund = refund.apply(event)
        at = None if due is None else moment + due * MINUTE
        due_then = attrs.evolve(refund, check_due_at=at)
        await storage.atomically(lambda work: work.refunds.add(due_then))

    await a("due", -1, SUBMITTED)
    await a("due_longer", -2, SUBMITTED)
    await a("later", 1, SUBMITTED)
    await a("never", None, SUBMITTED)
    await a("unsent", -1)
    await a("decided", -1, SUBMITTED, SUCCEEDED)

    everything = await storage.atomically(lambda work: work.refunds.check_due(moment, 9))
    some = await storage.atomically(lambda work: work.refunds.check_due(moment, 1))

    assert everything == ["ref_due_longer", "ref_due"]
    assert some == ["ref_due_longer"]
