"""The whole service in one process: every use case, on memory, with a provider in memory.

What the background process does (draining the queues) is done here only when a story says so.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Awaitable
from datetime import timedelta

import attrs

from adapters.memory.events import written
from adapters.memory.memory import Memory
from adapters.memory.provider import MemoryPaymentProvider
from domain.checkout.model import JobView, OpenedCheckout, Purchase
from domain.fulfilment.model import Assignment
from domain.jobs.lifecycle import JobState
from domain.jobs.model import Job
from domain.jobs.policy import ANYONE, Caller
from domain.outbox.errors import FencedOut
from domain.outbox.model import Effect, Operation
from domain.payments.errors import ProviderRefused, ProviderUnavailable
from domain.payments.model import HoldName, Payment
from domain.provider_events.model import InboxEntry, ProviderEvent, Verdict
from domain.refunds.model import Refund
from tests.builders import ADMIN, MINUTE, WORKER, a_purchase
from tests.domain.stories.service import INSTALLATION, Service


@attrs.frozen(kw_only=True, slots=False, repr=False)
class World(Service):
    # What people and workers do.

    async def buy(
        self, purchase: Purchase | None = None, *, caller: Caller = ANYONE
    ) -> OpenedCheckout:
        return await self.open_checkout(purchase or a_purchase(), caller=caller)

    async def buy_and_pay(self, *, caller: Caller = ANYONE) -> OpenedCheckout:
        bought = await self.buy(caller=caller)
        self.provider.pay(bought.session_id)
        await self.hear()
        return bought

    async def lease(self, length: timedelta = MINUTE) -> Assignment:
        assignment = await self.lease_job(offers=None, length=length, by=WORKER)
        assert assignment is not None, "no job is waiting for a worker"
        return assignment

    async def finish(self, assignment: Assignment, result: object = "done") -> JobState:
        return await self.finish_job(
            assignment.job_id, lease=assignment.lease, result=result, by=WORKER
        )

    async def buy_and_fail(self) -> OpenedCheckout:
        """A paid job that has failed for good; its refund is not sent yet."""
        bought = await self.buy_and_pay()
        await self.fail(await self.lease())
        return bought

    async def fail(self, assignment: Assignment, *, retryable: bool = False) -> JobState:
        return await self.fail_job(
            assignment.job_id,
            lease=assignment.lease,
            reason="broken",
            retryable=retryable,
            by=WORKER,
        )

    async def refund(self, bought: OpenedCheckout, amount_minor: int | None = None) -> Refund:
        refund, _ = await self.request_refund(
            bought.payment_id, amount_minor=amount_minor, note="asked nicely", by=ADMIN
        )
        return refund

    async def withdraw_all_offers(self) -> None:
        await self.load_offers([])

    # What the background process does.

    async def hear(self, *events: ProviderEvent) -> None:
        """Let *events*, or else all that were announced, arrive and be applied."""
        for event in events or self.provider.take_announced():
            await self.receive(event)
        await self.work_inbox()

    async def receive(self, event: ProviderEvent) -> bool:
        payload = written(event)
        _, new = await self.receive_event(payload, self.verifier.sign(payload))
        return new

    async def work_inbox(self) -> list[Verdict]:
        return [await self.apply(entry) for entry in await self.claim_events(100)]

    async def apply(self, entry: InboxEntry) -> Verdict:
        try:
            return await self.apply_event(entry)
        except ProviderUnavailable as error:
            return await self.retry_event(entry, reason=str(error), crashed=False)

    async def work_outbox(self) -> int:
        """Do every effect that is due, once; returns how many."""
        effects = await self.claim_effects(100)
        for effect in effects:
            await self.do(effect)
        return len(effects)

    async def do(self, effect: Effect) -> None:
        # Both have been written down; only an inline caller has to hear of it.
        try:
            await self._send(effect)
        except (ProviderUnavailable, ProviderRefused, FencedOut):
            return

    def _send(self, effect: Effect) -> Awaitable[object]:
        match effect.operation:
            case Operation.CHECKOUT_OPEN:
                return self.send_checkout(effect)
            case Operation.CHECKOUT_EXPIRE:
                return self.send_expiry(effect)
            case Operation.REFUND_CREATE:
                return self.send_refund(effect)

    async def settle_down(self) -> None:
        """Let everything that is due happen, until nothing is left to do."""
        await self.hear()
        while await self.work_outbox() or self.provider.announced:
            await self.hear()

    def pass_time(self, by: timedelta) -> None:
        self.memory.clock.tick(by)

    # What is stored.

    def job(self, bought: OpenedCheckout | Assignment) -> Job:
        return self.memory.tables.jobs[bought.job_id]

    def payment(self, bought: OpenedCheckout) -> Payment:
        return self.memory.tables.payments[bought.payment_id]

    def payments_of(self, bought: OpenedCheckout) -> list[Payment]:
        payments = self.memory.tables.payments.values()
        return [payment for payment in payments if payment.job_id == bought.job_id]

    def refunds_of(self, bought: OpenedCheckout) -> list[Refund]:
        refunds = self.memory.tables.refunds.values()
        return [refund for refund in refunds if refund.job_id == bought.job_id]

    def effects(self, operation: Operation) -> list[Effect]:
        rows = self.memory.tables.effects.values()
        return [row for row in rows if row.operation is operation]

    def inbox(self) -> list[InboxEntry]:
        return list(self.memory.tables.inbox.values())

    def holds(self, bought: OpenedCheckout) -> set[HoldName]:
        return set(self.payment(bought).holds)

    def last_refund(self) -> str:
        """What the provider calls the refund it made last."""
        return list(self.provider.refunds)[-1]

    def account_totals(self) -> dict[str, int]:
        """Of every account of the ledger that is not even."""
        totals: defaultdict[str, int] = defaultdict(int)
        for transfer in self.memory.tables.transfers.values():
            for entry in transfer.entries:
                totals[entry.account] += entry.amount_minor
        return {account: amount for account, amount in totals.items() if amount}

    async def shown(self, bought: OpenedCheckout) -> JobView:
        return await self.read_job(bought.job_id, caller=guest(bought))

    def states(self, bought: OpenedCheckout) -> tuple[str, list[str], list[str]]:
        """Of the job, its payments and its refunds: the state of the story in one line."""
        return (
            str(self.job(bought).state),
            [str(payment.state) for payment in self.payments_of(bought)],
            [str(refund.state) for refund in self.refunds_of(bought)],
        )


def guest(bought: OpenedCheckout) -> Caller:
    return Caller(guest_token=bought.access_token)


def a_world() -> World:
    """A world in which every step is run, rolled back and run again, as a database may do."""
    memory = Memory(runs_steps_twice=True)
    memory.tables.installation = INSTALLATION
    provider = MemoryPaymentProvider(
        now=lambda: memory.moment.now,
        instance=INSTALLATION.instance,
        before_call=memory.must_be_outside,
    )
    return World(memory=memory, provider=provider)
