"""The two payment providers of the contract tests: ours in memory, and Stripe's adapter.

The latter talks through Stripe's own library, over HTTP, to the sandbox. Both are worked by the
same levers: what a customer does, what a bank does, and what goes wrong on the way.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any, Final, Protocol

import aiohttp
import attrs
from pytest_aiohttp import AiohttpServer

from adapters.memory.clock import MemoryClock
from adapters.memory.provider import MemoryPaymentProvider, Trouble
from adapters.stripe.account import StripeAccount
from adapters.stripe.client import open_stripe
from adapters.stripe.gateway import StripePaymentGateway
from adapters.stripe.refunds import StripeRefundGateway
from domain.installation.ports import ProviderAccount
from domain.payments.ports import PaymentGateway
from domain.refunds.ports import RefundGateway
from domain.shared.money import Money
from entrypoints.stripe_sandbox.app import create_sandbox
from entrypoints.stripe_sandbox.settings import SandboxSettings
from tests.adapters.stripe.stand_in import INSTANCE, SECRET_KEY

TIMEOUT_S: Final = 1.0

TROUBLES: Final[tuple[tuple[str, str], ...]] = (
    ("memory", "not_reached"),
    ("memory", "answer_lost"),
    ("stripe", "timeout_before"),
    ("stripe", "timeout_after"),
    ("stripe", "reset_mid_body"),
    ("stripe", "rate_limit"),
    ("stripe", "lock_timeout"),
    ("stripe", "unavailable"),
)
"""What each can be told to do to the next call. The outcome is unknown, and the key finds it out."""

REMEMBERED_ERRORS: Final = (("stripe", "error"), ("stripe", "done_and_error"))
"""Server errors that Stripe gives again for as long as it remembers the key. Done or not."""

FAULTS: Final[dict[str, dict[str, Any]]] = {
    "unavailable": {"kind": "error", "status": 503},
    "done_and_error": {"kind": "error", "applied": True},
}


class Provider(Protocol):
    @property
    def payments(self) -> PaymentGateway: ...
    @property
    def refunds(self) -> RefundGateway: ...
    @property
    def account(self) -> ProviderAccount: ...

    async def pay(self, session_id: str, *, amount: Money | None = None) -> None:
        """The customer pays by card; *amount* when something else is taken than was asked."""
        ...

    async def decline(self, session_id: str) -> None: ...

    async def let_a_day_pass(self) -> None: ...

    async def refunds_wait(self, *, for_balance: bool = False) -> None:
        """Refunds of what is paid from now on begin as pending."""
        ...

    async def settle_refund(self, provider_id: str) -> None: ...

    async def fail_refund(self, provider_id: str, reason: str) -> None: ...

    async def refund_by_hand(self, intent_id: str, amount_minor: int) -> str:
        """Somebody gives money back in the dashboard."""
        ...

    async def trouble(self, name: str) -> None:
        """Let the next call go wrong."""
        ...

    async def sessions(self) -> int: ...

    async def refunds_made(self) -> int: ...


@attrs.define
class MemoryProvider:
    clock: MemoryClock
    there: MemoryPaymentProvider

    @property
    def payments(self) -> PaymentGateway:
        return self.there

    @property
    def refunds(self) -> RefundGateway:
        return self.there

    @property
    def account(self) -> ProviderAccount:
        return self.there

    async def pay(self, session_id: str, *, amount: Money | None = None) -> None:
        self.there.pay(session_id, amount=amount)

    async def decline(self, session_id: str) -> None:
        self.there.decline(session_id)

    async def let_a_day_pass(self) -> None:
        self.clock.tick(timedelta(days=1, minutes=1))

    async def refunds_wait(self, *, for_balance: bool = False) -> None:
        self.there.refunds_begin = "pending"
        self.there.refunds_wait_for = "insufficient_funds" if for_balance else "processing"

    async def settle_refund(self, provider_id: str) -> None:
        self.there.settle_refund(provider_id)

    async def fail_refund(self, provider_id: str, reason: str) -> None:
        self.there.fail_refund(provider_id, reason)

    async def refund_by_hand(self, intent_id: str, amount_minor: int) -> str:
        found = (s.id for s in self.there.sessions.values() if s.intent_id == intent_id)
        return self.there.refund_by_hand(next(found), amount_minor)

    async def trouble(self, name: str) -> None:
        self.there.trouble(Trouble[name.upper()])

    async def sessions(self) -> int:
        return len(self.there.sessions)

    async def refunds_made(self) -> int:
        return len(self.there.refunds)


@attrs.define
class SandboxProvider:
    payments: StripePaymentGateway
    refunds: StripeRefundGateway
    account: StripeAccount
    outside: aiohttp.ClientSession
    card: str = "4242424242424242"

    async def pay(self, session_id: str, *, amount: Money | None = None) -> None:
        tamper = (
            {} if amount is None else {"amount": amount.amount_minor, "currency": amount.currency}
        )
        await self._lever(f"checkout/{session_id}/pay", card=self.card, tamper=tamper)

    async def decline(self, session_id: str) -> None:
        await self._lever(f"checkout/{session_id}/pay", card="4000000000000002")

    async def let_a_day_pass(self) -> None:
        await self._lever("clock/advance", seconds=24 * 3600 + 60)

    async def refunds_wait(self, *, for_balance: bool = False) -> None:
        if for_balance:
            await self._lever("balance", short=True)
        else:
            self.card = "4000000000007726"

    async def settle_refund(self, provider_id: str) -> None:
        await self._lever(f"refunds/{provider_id}/succeed")

    async def fail_refund(self, provider_id: str, reason: str) -> None:
        await self._lever(f"refunds/{provider_id}/fail", failure_reason=reason)

    async def refund_by_hand(self, intent_id: str, amount_minor: int) -> str:
        form = {"payment_intent": intent_id, "amount": str(amount_minor)}
        async with self.outside.post("/v1/refunds", data=form) as response:
            return str((await response.json())["id"])

    async def trouble(self, name: str) -> None:
        await self._lever("faults", **{"times": 1, **FAULTS.get(name, {"kind": name})})

    async def sessions(self) -> int:
        return await self._count("/v1/checkout/sessions")

    async def refunds_made(self) -> int:
        return await self._count("/v1/refunds")

    async def _count(self, path: str) -> int:
        async with self.outside.get(path) as response:
            return len((await response.json())["data"])

    async def _lever(self, path: str, **body: Any) -> None:
        async with self.outside.post(f"/_sandbox/{path}", json=body) as response:
            assert response.ok, await response.text()


@asynccontextmanager
async def open_provider(name: str, aiohttp_server: AiohttpServer) -> AsyncIterator[Provider]:
    if name == "memory":
        clock = MemoryClock()
        yield MemoryProvider(clock, MemoryPaymentProvider(now=lambda: clock.lease_now))
        return
    server = await aiohttp_server(create_sandbox(SandboxSettings(seed=1)))
    url = str(server.make_url("/"))
    async with (
        open_stripe(SECRET_KEY, base_url=url, timeout_s=TIMEOUT_S) as client,
        aiohttp.ClientSession(url, headers={"Authorization": f"Bearer {SECRET_KEY}"}) as outside,
    ):
        marks: dict[str, Any] = {"client": client, "mode": "sandbox", "instance": INSTANCE}
        yield SandboxProvider(
            StripePaymentGateway(**marks, sandbox_url=url),
            StripeRefundGateway(**marks),
            StripeAccount(client),
            outside,
        )
