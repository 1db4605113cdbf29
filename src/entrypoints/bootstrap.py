"""The composition root: the one module that knows every adapter by name."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final, Literal

import asyncpg
import attrs
import structlog

from adapters.postgres import health
from adapters.postgres.embedded import EmbeddedPostgresError, embedded_postgres
from adapters.postgres.migrate import migrate, wait_for_schema
from adapters.postgres.pool import open_pool
from adapters.postgres.readers import PostgresCustomerViews
from adapters.postgres.unit_of_work import Postgres
from adapters.postgres.wakeups import PostgresWakeups
from adapters.stripe.account import StripeAccount
from adapters.stripe.client import open_stripe
from adapters.stripe.currencies import exponent
from adapters.stripe.events import StripeEventReader
from adapters.stripe.gateway import StripePaymentGateway
from adapters.stripe.refunds import StripeRefundGateway
from adapters.stripe.signatures import StripeEventVerifier
from adapters.system.access_tokens import HmacAccessTokens
from adapters.system.clock import wall_clock
from adapters.system.ids import jitter, new_id
from adapters.system.page_tickets import HmacPageTickets
from domain.checkout.policy import OwnPages, Proofs
from domain.checkout.ports import CustomerViews
from domain.checkout.use_cases import (
    CancelJob,
    OpenCheckout,
    PayForJob,
    ReadJob,
    ReadPayment,
    RecallCheckout,
    ResumeCheckout,
    StageCheckout,
)
from domain.collection.use_cases import (
    ApplyCheckoutReport,
    SendCheckout,
    SendExpiry,
    StageExpiry,
)
from domain.fulfilment.use_cases import ExtendLease, FailJob, FailOverdueJobs, FinishJob, LeaseJob
from domain.idempotency.use_cases import ClaimKey, SettleKey
from domain.installation.model import Installation
from domain.installation.ports import ProviderAccount
from domain.installation.use_cases import AdvanceClock, FindInstallation, StampInstallation
from domain.offers.use_cases import ListOffers, LoadOffers
from domain.outbox.use_cases import ClaimEffects, FinishEffect, RetryEffect
from domain.payments.errors import ProviderUnavailable
from domain.payments.ports import PaymentGateway
from domain.provider_events.ports import EventReader, EventVerifier
from domain.provider_events.use_cases import ApplyEvent, ClaimEvents, ReceiveEvent, RetryEvent
from domain.reconciliation.use_cases import CheckPayments, CheckRefunds
from domain.refunds.ports import RefundGateway
from domain.refunds.use_cases import (
    ApplyRefundReport,
    MarkRefundSubmitted,
    RequestRefund,
    SendRefund,
    StageAutomaticRefund,
    StageRefund,
)
from domain.shared.errors import StorageUnavailable
from entrypoints.application import Application, BackgroundWork, Wakeups
from entrypoints.settings import Settings

Role = Literal["api", "background"]

log: structlog.stdlib.BoundLogger = structlog.get_logger()

INTERACTIVE_TIMEOUT_S: Final = 8.0
BACKGROUND_TIMEOUT_S: Final = 20.0
ACCOUNT_WAIT_S: Final = 60.0
API_CONNECTIONS: Final = 10
BACKGROUND_CONNECTIONS: Final = 10


@attrs.frozen(kw_only=True)
class Storage:
    """An open database, with its schema in place."""

    dsn: str = attrs.field(repr=False)
    pool: asyncpg.Pool[asyncpg.Record]
    postgres: Postgres


@attrs.frozen(kw_only=True)
class Provider:
    """A payment provider, as somebody with one patience speaks to it."""

    payments: PaymentGateway
    refunds: RefundGateway


@attrs.frozen(kw_only=True)
class Steps:
    """The steps that several use cases share, over one provider."""

    automatic: StageAutomaticRefund
    apply_checkout: ApplyCheckoutReport
    apply_refund: ApplyRefundReport
    stage_expiry: StageExpiry
    send_checkout: SendCheckout
    send_expiry: SendExpiry
    retry: RetryEffect


def wire_steps(postgres: Postgres, provider: Provider) -> Steps:
    atomically = postgres.atomically
    automatic = StageAutomaticRefund(stage=StageRefund(gateway=provider.refunds, new_id=new_id))
    stage_expiry = StageExpiry(mode=provider.payments.mode, new_id=new_id)
    apply_checkout = ApplyCheckoutReport(
        atomically=atomically, automatic=automatic, stage_expiry=stage_expiry
    )
    retry = RetryEffect(atomically=atomically, jitter=jitter)
    return Steps(
        automatic=automatic,
        apply_checkout=apply_checkout,
        apply_refund=ApplyRefundReport(atomically=atomically, automatic=automatic),
        stage_expiry=stage_expiry,
        send_checkout=SendCheckout(
            gateway=provider.payments,
            atomically=atomically,
            apply_report=apply_checkout,
            retry=retry,
        ),
        send_expiry=SendExpiry(
            gateway=provider.payments,
            atomically=atomically,
            apply_report=apply_checkout,
            retry=retry,
        ),
        retry=retry,
    )


@attrs.frozen(kw_only=True)
class Parts:
    """Every adapter the API's use cases are made of."""

    postgres: Postgres
    views: CustomerViews
    provider: Provider
    proofs: Proofs
    pages: OwnPages
    verifier: EventVerifier
    reader: EventReader
    wakeups: Wakeups
    is_ready: Callable[[], Awaitable[None]]
    allowed_origins: frozenset[str]


def wire_application(parts: Parts) -> Application:
    atomically, steps = parts.postgres.atomically, wire_steps(parts.postgres, parts.provider)
    stage = StageCheckout(gateway=parts.provider.payments, new_id=new_id)
    pay = _wire_pay(parts, steps, stage)
    return Application(
        list_offers=ListOffers(atomically=atomically),
        load_offers=LoadOffers(atomically=atomically),
        open_checkout=_wire_open(parts, stage, pay),
        resume_checkout=ResumeCheckout(atomically=atomically, pay=pay),
        recall_checkout=RecallCheckout(atomically=atomically, tokens=parts.proofs.tokens),
        pay_for_job=pay,
        cancel_job=_wire_cancel(parts, steps),
        read_job=ReadJob(views=parts.views, proofs=parts.proofs),
        read_payment=ReadPayment(views=parts.views, tokens=parts.proofs.tokens),
        lease_job=LeaseJob(atomically=atomically, new_id=new_id),
        extend_lease=ExtendLease(atomically=atomically),
        finish_job=FinishJob(atomically=atomically),
        fail_job=FailJob(atomically=atomically, automatic=steps.automatic),
        request_refund=RequestRefund(atomically=atomically, stage=steps.automatic.stage),
        claim_key=ClaimKey(atomically=atomically),
        settle_key=SettleKey(atomically=atomically),
        receive_event=ReceiveEvent(
            atomically=atomically, verifier=parts.verifier, reader=parts.reader
        ),
        advance_clock=AdvanceClock(atomically=atomically),
        is_ready=parts.is_ready,
        minor_digits=exponent,
        wakeups=parts.wakeups,
    )


def _wire_pay(parts: Parts, steps: Steps, stage: StageCheckout) -> PayForJob:
    return PayForJob(
        atomically=parts.postgres.atomically,
        gateway=parts.provider.payments,
        stage=stage,
        send=steps.send_checkout,
        apply_report=steps.apply_checkout,
        proofs=parts.proofs,
        pages=parts.pages,
        new_id=new_id,
    )


def _wire_open(parts: Parts, stage: StageCheckout, pay: PayForJob) -> OpenCheckout:
    return OpenCheckout(
        atomically=parts.postgres.atomically,
        gateway=parts.provider.payments,
        stage=stage,
        pay=pay,
        new_id=new_id,
        allowed_origins=parts.allowed_origins,
        pages=parts.pages,
    )


def _wire_cancel(parts: Parts, steps: Steps) -> CancelJob:
    return CancelJob(
        atomically=parts.postgres.atomically,
        stage_expiry=steps.stage_expiry,
        send_checkout=steps.send_checkout,
        send_expiry=steps.send_expiry,
        proofs=parts.proofs,
    )


def wire_background(
    *,
    postgres: Postgres,
    provider: Provider,
    installation: Installation,
    reader: EventReader,
    wakeups: Wakeups,
) -> BackgroundWork:
    atomically, steps = postgres.atomically, wire_steps(postgres, provider)
    return BackgroundWork(
        claim_events=ClaimEvents(atomically=atomically),
        apply_event=ApplyEvent(
            atomically=atomically,
            installation=installation,
            reader=reader,
            payments=provider.payments,
            refunds=provider.refunds,
            apply_checkout=steps.apply_checkout,
            apply_refund=steps.apply_refund,
        ),
        retry_event=RetryEvent(atomically=atomically, jitter=jitter),
        claim_effects=ClaimEffects(atomically=atomically),
        send_checkout=steps.send_checkout,
        send_expiry=steps.send_expiry,
        send_refund=SendRefund(
            gateway=provider.refunds,
            mark_submitted=MarkRefundSubmitted(atomically=atomically),
            apply_report=steps.apply_refund,
            finish=FinishEffect(atomically=atomically),
            retry=steps.retry,
        ),
        retry_effect=steps.retry,
        fail_overdue_jobs=FailOverdueJobs(atomically=atomically, automatic=steps.automatic),
        check_payments=CheckPayments(
            atomically=atomically,
            gateway=provider.payments,
            apply_report=steps.apply_checkout,
        ),
        check_refunds=CheckRefunds(
            atomically=atomically, gateway=provider.refunds, apply_report=steps.apply_refund
        ),
        wakeups=wakeups,
    )


@asynccontextmanager
async def open_application(settings: Settings) -> AsyncIterator[Application]:
    """Open everything the API needs, and bind the database to its account."""
    async with AsyncExitStack() as stack:
        storage = await stack.enter_async_context(open_storage(settings, role="api"))
        provider, _ = await _open_provider(stack, settings, storage, INTERACTIVE_TIMEOUT_S)
        proofs = _proofs(settings)
        parts = Parts(
            postgres=storage.postgres,
            views=PostgresCustomerViews(storage.pool),
            provider=provider,
            proofs=proofs,
            pages=OwnPages.on(settings.public_url, proofs.tickets),
            verifier=StripeEventVerifier(
                secrets=settings.stripe.webhook_secrets, wall_clock=wall_clock
            ),
            reader=StripeEventReader(),
            wakeups=await stack.enter_async_context(PostgresWakeups(storage.dsn)),
            is_ready=lambda: health.is_ready(storage.pool),
            allowed_origins=settings.allowed_return_origins,
        )
        yield wire_application(parts)


def _proofs(settings: Settings) -> Proofs:
    secrets = [secret.encode() for secret in settings.secrets]
    return Proofs(tokens=HmacAccessTokens(secrets), tickets=HmacPageTickets(secrets, wall_clock))


@asynccontextmanager
async def open_background(settings: Settings) -> AsyncIterator[BackgroundWork]:
    async with AsyncExitStack() as stack:
        storage = await stack.enter_async_context(open_storage(settings, role="background"))
        provider, installation = await _open_provider(
            stack, settings, storage, BACKGROUND_TIMEOUT_S
        )
        yield wire_background(
            postgres=storage.postgres,
            provider=provider,
            installation=installation,
            reader=StripeEventReader(),
            wakeups=await stack.enter_async_context(PostgresWakeups(storage.dsn)),
        )


@asynccontextmanager
async def open_database(settings: Settings) -> AsyncIterator[str]:
    """Give the address of the database: the one that was named, else the embedded one."""
    if settings.database_url is not None:
        yield settings.database_url
        return
    async with AsyncExitStack() as stack:
        try:
            dsn = await stack.enter_async_context(embedded_postgres(settings.data_dir))
        except EmbeddedPostgresError as error:
            raise StorageUnavailable(str(error)) from error
        yield dsn


async def migrate_database(settings: Settings) -> list[str]:
    """Bring the schema up to date; return the names of what was applied."""
    async with open_database(settings) as dsn:
        return await migrate(dsn)


@asynccontextmanager
async def open_storage(settings: Settings, *, role: Role) -> AsyncIterator[Storage]:
    size = API_CONNECTIONS if role == "api" else BACKGROUND_CONNECTIONS
    async with open_database(settings) as dsn:
        await wait_for_schema(dsn)
        async with open_pool(dsn, size=size, role=role) as pool:
            yield Storage(dsn=dsn, pool=pool, postgres=Postgres(pool))


async def _open_provider(
    stack: AsyncExitStack, settings: Settings, storage: Storage, timeout_s: float
) -> tuple[Provider, Installation]:
    stripe = settings.stripe
    client = await stack.enter_async_context(
        open_stripe(stripe.secret_key, base_url=stripe.base_url, timeout_s=timeout_s)
    )
    account = StripeAccount(client=client)
    installation = await bind_installation(storage.postgres, account, mode=stripe.mode)
    mode, instance = stripe.mode, installation.instance
    provider = Provider(
        payments=StripePaymentGateway(
            client=client, mode=mode, instance=instance, sandbox_url=stripe.base_url
        ),
        refunds=StripeRefundGateway(client=client, mode=mode, instance=instance),
    )
    return provider, installation


async def bind_installation(
    postgres: Postgres, account: ProviderAccount, *, mode: str
) -> Installation:
    """Check that this database belongs to this account; bind it at the very first boot.

    Raises WrongDatabase. A provider that does not answer is waited for at the first boot only.
    """
    known = await FindInstallation(atomically=postgres.atomically)(mode=mode)
    patience_s = ACCOUNT_WAIT_S if known is None else 0.0
    try:
        account_id = await _ask_for_account(account, patience_s)
    except ProviderUnavailable:
        if known is None:
            raise
        log.warning("provider.unreachable", hint="the account could not be checked at start")
        return known
    stamp = StampInstallation(atomically=postgres.atomically, new_id=new_id)
    return await stamp(mode=mode, account_id=account_id)


async def _ask_for_account(account: ProviderAccount, patience_s: float) -> str:
    ends_at = time.monotonic() + patience_s
    while True:
        try:
            return await account.account_id()
        except ProviderUnavailable:
            if time.monotonic() > ends_at:
                raise
        await asyncio.sleep(0.5)
