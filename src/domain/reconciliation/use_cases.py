"""The safety net: ask the provider about everything open, so that a lost event loses nothing."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

import attrs

from domain.collection.ports import CollectionWork
from domain.collection.use_cases import ApplyCheckoutReport
from domain.payments import policy as payments
from domain.payments.errors import ProviderMisconfigured, ProviderUnavailable
from domain.payments.model import Payment
from domain.payments.policy import CHECK_AFTER
from domain.payments.ports import PaymentGateway
from domain.refunds import policy as refunds
from domain.refunds.model import Refund
from domain.refunds.ports import RefundGateway
from domain.refunds.use_cases import ApplyRefundReport, lock_all
from domain.shared.errors import StorageUnavailable
from domain.shared.ids import PaymentId, RefundId
from domain.shared.work import Atomically

Id = TypeVar("Id")


async def _each(check: Callable[[Id], Awaitable[None]], due: Iterable[Id]) -> None:
    """Check every one; what is refused about one is raised after the rest, in an ExceptionGroup.

    While the provider does not answer at all, or nothing can be stored, the rest can wait.
    """
    broken = list[Exception]()
    for item in due:
        try:
            await check(item)
        except (ProviderUnavailable, ProviderMisconfigured, StorageUnavailable):
            raise
        except Exception as error:  # noqa: BLE001  raised below
            broken.append(error)
    if broken:
        raise ExceptionGroup("some could not be checked", broken)


@attrs.frozen(kw_only=True)
class CheckPayments:
    """Ask about every checkout whose money has not come; returns how many were asked about."""

    atomically: Atomically[CollectionWork]
    gateway: PaymentGateway
    apply_report: ApplyCheckoutReport

    async def __call__(self, limit: int) -> int:
        due = await self.atomically(lambda work: work.payments.check_due(work.moment.now, limit))
        await _each(self._check, due)
        return len(due)

    async def _check(self, payment_id: PaymentId) -> None:
        async def take(work: CollectionWork) -> Payment | None:
            payment = await work.payments.get(payment_id)
            if payment.check_due_at is None or payment.check_due_at > work.moment.now:
                return None
            # Should the provider not answer, it is not asked again at once.
            postponed = attrs.evolve(payment, check_due_at=work.moment.now + CHECK_AFTER[0])
            return await work.payments.save(postponed)

        payment = await self.atomically(take)
        if payment is None or payment.session is None:
            return
        report = await self.gateway.fetch_checkout(payment.session.id)
        await self.apply_report(payment_id, report)

        async def count(work: CollectionWork) -> None:
            looked_at = await work.payments.get(payment_id)
            await work.payments.save(payments.checked(looked_at, work.moment.now))

        await self.atomically(count)


@attrs.frozen(kw_only=True)
class CheckRefunds:
    """Ask about every refund the provider has not decided on; returns how many."""

    atomically: Atomically[CollectionWork]
    gateway: RefundGateway
    apply_report: ApplyRefundReport

    async def __call__(self, limit: int) -> int:
        due = await self.atomically(lambda work: work.refunds.check_due(work.moment.now, limit))
        await _each(self._check, due)
        return len(due)

    async def _check(self, refund_id: RefundId) -> None:
        async def take(work: CollectionWork) -> tuple[Refund, Payment] | None:
            whose = await work.refunds.whose(refund_id)
            assert whose is not None  # noqa: S101  check_due has just found it
            _, payment, of_payment = await lock_all(work, whose[1])
            refund = next(r for r in of_payment if r.id == refund_id)
            if refund.check_due_at is None or refund.check_due_at > work.moment.now:
                return None
            postponed = attrs.evolve(refund, check_due_at=work.moment.now + CHECK_AFTER[0])
            return await work.refunds.save(postponed), payment

        taken = await self.atomically(take)
        if taken is None:
            return
        await self._ask(*taken)

        async def count(work: CollectionWork) -> None:
            await lock_all(work, taken[1].id)
            looked_at = await work.refunds.get(refund_id)
            await work.refunds.save(refunds.checked(looked_at, work.moment.now))

        await self.atomically(count)

    async def _ask(self, refund: Refund, payment: Payment) -> None:
        """Fetch it by the provider's name, or look for it when none was ever heard."""
        if refund.provider_id is not None:
            await self.apply_report(await self.gateway.fetch_refund(refund.provider_id))
            return
        for report in await self.gateway.find_refunds(payment):
            await self.apply_report(report)
