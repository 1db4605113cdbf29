"""A stateful payment provider: it remembers what it was asked, and what it answered."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from enum import Enum, auto
from typing import Final, TypeAlias, TypeVar, cast

import attrs

from adapters.memory.provider_books import MemoryProviderBooks, SessionAtProvider
from domain.outbox.model import Parameters
from domain.payments.errors import ProviderMisconfigured, ProviderRefused, ProviderUnavailable
from domain.payments.model import CheckoutOrder, CheckoutReport, Payment
from domain.refunds.model import RefundOrder, RefundReport
from domain.shared.money import Money

CHARGEABLE_FROM_MINOR: Final = {"usd": 50, "eur": 50, "gbp": 30, "jpy": 50}
KEYS_KEPT_FOR: Final = timedelta(hours=24)

Report: TypeAlias = CheckoutReport | RefundReport
AnyReport = TypeVar("AnyReport", CheckoutReport, RefundReport)
Answer = TypeVar("Answer")


class Trouble(Enum):
    """What may go wrong with a call."""

    NOT_REACHED = auto()
    """No answer, and nothing was done."""
    ANSWER_LOST = auto()
    """No answer, and it was done."""
    REFUSED = auto()
    MISCONFIGURED = auto()


@attrs.frozen(kw_only=True)
class Remembered:
    """A call with an idempotency key: the same key gets the same answer, for a day."""

    parameters: Parameters
    at: datetime
    answer: Report | ProviderRefused


@attrs.define(kw_only=True, repr=False)
class MemoryPaymentProvider(MemoryProviderBooks):
    """Satisfies PaymentGateway, RefundGateway and ProviderAccount.

    *refunds_begin* is the status a new refund has, *refunds_wait_for* its pending reason.
    *calls* are the calls made, with key or object. *before_call* runs before every call that
    would be made over the network: let it raise where none may be made.
    """

    mode: str = "sandbox"
    refunds_begin: str = "succeeded"
    refunds_wait_for: str | None = None
    before_call: Callable[[], None] = lambda: None
    calls: list[tuple[str, str]] = attrs.field(factory=list)
    _troubles: deque[Trouble] = attrs.field(factory=deque)
    _remembered: dict[str, Remembered] = attrs.field(factory=dict)

    def trouble(self, *troubles: Trouble) -> None:
        """Let the next calls go wrong like this, one each."""
        self._troubles.extend(troubles)

    # ProviderAccount

    async def account_id(self) -> str:
        return self._call("account", "", lambda: "acct_memory")

    # PaymentGateway

    def objection(self, amount: Money) -> str | None:
        minimum = CHARGEABLE_FROM_MINOR.get(amount.currency)
        if minimum is None:
            return f"{amount.currency} cannot be charged"
        return f"less than {minimum} cannot be charged" if amount.amount_minor < minimum else None

    def checkout_parameters(self, order: CheckoutOrder) -> Parameters:
        payment = order.payment
        return {
            "amount": payment.amount.amount_minor,
            "currency": payment.amount.currency,
            "name": order.offer_name,
            "payment_methods": list(order.payment_methods),
            "success_url": payment.success_url,
            "cancel_url": payment.cancel_url,
            "customer_email": payment.customer_email,
            "job_id": payment.job_id,
            "payment_id": payment.id,
            "metadata": dict(payment.metadata),
        }

    async def open_checkout(self, parameters: Parameters, *, key: str) -> CheckoutReport:
        def open_it() -> CheckoutReport:
            session = SessionAtProvider(
                id=self._new_id("cs"),
                parameters=parameters,
                expires_at=self.now() + self.session_lifetime,
            )
            self.sessions[session.id] = session
            return session.report()

        return self._once("open_checkout", parameters, key, open_it)

    async def expire_checkout(self, session_id: str, *, key: str) -> CheckoutReport:
        def expire_it() -> CheckoutReport:
            if self._known(session_id).status == "open":
                self.expire(session_id)
            return self.sessions[session_id].report()

        self._once("expire_checkout", {"session": session_id}, key, expire_it)
        # How it stands now, which may be otherwise than when the key was first used.
        return self.sessions[session_id].report()

    async def fetch_checkout(self, session_id: str) -> CheckoutReport:
        return self._call("fetch_checkout", session_id, lambda: self._known(session_id).report())

    # RefundGateway

    def refund_parameters(self, order: RefundOrder) -> Parameters:
        return {
            "intent": order.payment.intent_id,
            "amount": order.refund.amount.amount_minor,
            "refund_id": order.refund.id,
            "reason": order.refund.reason,
            "failure_reason": order.failure_reason,
        }

    async def create_refund(self, parameters: Parameters, *, key: str) -> RefundReport:
        def create_it() -> RefundReport:
            session = self._session_of(str(parameters["intent"]))
            left, amount = self.refundable(session.id), parameters["amount"]
            if not left:
                raise ProviderRefused("charge_already_refunded")
            if not isinstance(amount, int) or amount > left.amount_minor:
                raise ProviderRefused("amount_too_large")
            refund = self._refund(
                session.id,
                Money(amount, left.currency),
                refund_id=str(parameters["refund_id"]),
                status=self.refunds_begin,
                pending_reason=self.refunds_wait_for,
            )
            return refund.report()

        return self._once("create_refund", parameters, key, create_it)

    async def fetch_refund(self, provider_id: str) -> RefundReport:
        def fetch_it() -> RefundReport:
            if provider_id not in self.refunds:
                raise ProviderRefused("resource_missing")
            return self.refunds[provider_id].report()

        return self._call("fetch_refund", provider_id, fetch_it)

    async def find_refunds(self, payment: Payment) -> list[RefundReport]:
        def find_them() -> list[RefundReport]:
            found = (r for r in self.refunds.values() if r.intent_id == payment.intent_id)
            return [refund.report() for refund in found]

        return self._call("find_refunds", payment.id, find_them)

    def _known(self, session_id: str) -> SessionAtProvider:
        if session_id not in self.sessions:
            raise ProviderRefused("resource_missing")
        return self._current(session_id)

    def _session_of(self, intent_id: str) -> SessionAtProvider:
        for session in self.sessions.values():
            if session.intent_id == intent_id:
                return session
        raise ProviderRefused("resource_missing")

    def _once(
        self, name: str, parameters: Parameters, key: str, do: Callable[[], AnyReport]
    ) -> AnyReport:
        def do_once() -> AnyReport:
            known = self._remembered.get(key)
            if known is None or self.now() - known.at >= KEYS_KEPT_FOR:
                return self._remember(parameters, key, do)
            if known.parameters != parameters:
                raise ProviderRefused("idempotency_error")
            if isinstance(known.answer, ProviderRefused):
                raise known.answer
            # The same key and parameters were the same call, which had the same kind of answer.
            return cast("AnyReport", known.answer)

        return self._call(name, key, do_once)

    def _remember(self, parameters: Parameters, key: str, do: Callable[[], AnyReport]) -> AnyReport:
        try:
            answer = do()
        except ProviderRefused as refused:
            self._remembered[key] = Remembered(parameters=parameters, at=self.now(), answer=refused)
            raise
        self._remembered[key] = Remembered(parameters=parameters, at=self.now(), answer=answer)
        return answer

    def _call(self, name: str, what: str, do: Callable[[], Answer]) -> Answer:
        self.before_call()
        self.calls.append((name, what))
        trouble = self._troubles.popleft() if self._troubles else None
        match trouble:
            case Trouble.NOT_REACHED:
                raise ProviderUnavailable("no answer")
            case Trouble.REFUSED:
                raise ProviderRefused("refused_on_demand")
            case Trouble.MISCONFIGURED:
                raise ProviderMisconfigured("the key was refused")
            case Trouble.ANSWER_LOST:
                with suppress(ProviderRefused):
                    do()
                raise ProviderUnavailable("no answer")
            case None:
                return do()
