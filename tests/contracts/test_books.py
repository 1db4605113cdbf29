"""What every Ledger and every audit promise."""

from __future__ import annotations

import pytest

from domain.audit.model import PROVIDER, SYSTEM, Note
from domain.jobs.events import WorkFailed, WorkFinished
from domain.ledger import policy as ledger
from domain.ledger.model import Account, Entry, Transfer, TransferKind
from domain.refunds.events import RefundSubmitted
from domain.shared.ids import JobId, PaymentId, RefundId
from domain.shared.money import Money
from tests.builders import (
    NOW,
    PRICE,
    WORKER,
    a_quote,
    a_refund_request,
    an_order,
    captured,
    payment_received,
    work_started,
)
from tests.contracts.conformance import EveryWork
from tests.contracts.steps import bought, ordered
from tests.contracts.storage import Storage

PAY_A, REF_A = PaymentId("pay_a"), RefundId("ref_a")


async def _post(storage: Storage, *transfers: Transfer) -> None:
    async def step(work: EveryWork) -> None:
        for transfer in transfers:
            await work.ledger.post(transfer)

    await storage.atomically(step)


async def test_what_was_posted_adds_up(storage: Storage) -> None:
    await bought(storage)

    await _post(
        storage,
        ledger.capture(PAY_A, PRICE, NOW),
        ledger.refund_request(REF_A, PAY_A, Money(50, "usd"), NOW, earned=False),
    )

    assert await storage.balances() == {
        "provider_clearing": 199,
        "customer_prepaid": -149,
        "refund_clearing": -50,
    }


async def test_the_same_money_event_is_never_posted_twice(storage: Storage) -> None:
    await bought(storage)
    await _post(storage, ledger.capture(PAY_A, PRICE, NOW))

    with pytest.raises(RuntimeError, match=r"(?i)posted.?once|capture of pay_a"):
        await _post(storage, ledger.capture(PAY_A, Money(1, "usd"), NOW))

    assert (await storage.balances())["provider_clearing"] == 199


async def test_one_source_may_post_each_kind_once(storage: Storage) -> None:
    await bought(storage)

    await _post(storage, ledger.capture(PAY_A, PRICE, NOW), ledger.earning(PAY_A, PRICE, NOW))

    assert (await storage.balances())["revenue"] == -199


async def test_several_currencies_each_come_to_zero(storage: Storage) -> None:
    await bought(storage)
    legs = [
        (Account.REVENUE, -1, "usd"),
        (Account.PROVIDER_CLEARING, 1, "usd"),
        (Account.REVENUE, 7, "eur"),
        (Account.CUSTOMER_PREPAID, -7, "eur"),
    ]

    await _post(
        storage,
        Transfer(
            source_id="pay_a",
            kind=TransferKind.CAPTURE,
            payment_id=PAY_A,
            at=NOW,
            entries=tuple(
                Entry(account=account, amount_minor=amount, currency=currency)
                for account, amount, currency in legs
            ),
        ),
    )

    assert await storage.balances() == {
        "revenue": 6,
        "provider_clearing": 1,
        "customer_prepaid": -7,
    }


async def test_every_change_of_a_job_is_written_down_with_it(storage: Storage) -> None:
    await ordered(storage)

    async def step(work: EveryWork) -> None:
        job = await work.jobs.get(JobId("job_a"))
        paid = await work.jobs.save(job.apply(payment_received()))
        started = paid.apply(work_started("a_secret"))
        await work.jobs.save(started.apply(WorkFailed(at=NOW, by=WORKER, reason="broken")))

    await storage.atomically(step)

    changes = await storage.changes("job", "job_a")
    assert [(c.version, c.event, c.before, c.after, c.by) for c in changes] == [
        (1, "JobOrdered", None, "pending", "customer"),
        (2, "PaymentReceived", "pending", "paid", "provider"),
        (3, "WorkStarted", "paid", "processing", "worker:ada"),
        (4, "WorkFailed", "processing", "failed", "worker:ada"),
    ]
    assert changes[3].facts == {"reason": "broken", "revoked": False}
    assert changes[0].at == NOW
    assert "a_secret" not in str(changes)


async def test_so_are_those_of_a_payment_and_of_a_refund(storage: Storage) -> None:
    async def step(work: EveryWork) -> None:
        await work.jobs.add(an_order())
        payment = await work.payments.add(a_quote())
        await work.payments.save(payment.apply(captured()))
        refund = await work.refunds.add(a_refund_request())
        await work.refunds.save(refund.apply(RefundSubmitted(at=NOW, by=SYSTEM)))

    await storage.atomically(step)

    of_payment = await storage.changes("payment", "pay_a")
    of_refund = await storage.changes("refund", "ref_a")
    assert [(c.event, c.after) for c in of_payment] == [
        ("PaymentQuoted", "pending"),
        ("Captured", "paid"),
    ]
    assert of_payment[1].facts["amount"] == {"amount_minor": 199, "currency": "usd"}
    assert [(c.event, c.after) for c in of_refund] == [
        ("RefundRequested", "requested"),
        ("RefundSubmitted", "submitted"),
    ]


async def test_folding_the_audit_gives_the_present_state(storage: Storage) -> None:
    done = (
        an_order()
        .apply(payment_received())
        .apply(work_started())
        .apply(WorkFinished(at=NOW, by=WORKER, result={"kept": "out of the audit"}))
    )
    await storage.atomically(lambda work: work.jobs.add(done))

    state = None
    for change in await storage.changes("job", "job_a"):
        assert change.before == state
        state = change.after

    assert state == "completed"


async def test_what_changed_nothing_can_be_noted_and_comes_back(storage: Storage) -> None:
    note = Note(
        entity_kind="job",
        entity_id="job_a",
        at=NOW,
        by=PROVIDER,
        event="StaleLeaseRefused",
        facts={"asked": "complete", "state": "failed"},
    )

    await storage.atomically(lambda work: work.audit.note(note))

    assert await storage.notes() == [note]
