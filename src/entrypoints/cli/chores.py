"""Commands that do one thing and end."""

from __future__ import annotations

import asyncio
import getpass
from datetime import timedelta

import aiohttp

from domain.audit.model import Actor
from domain.shared.ids import PaymentId
from entrypoints.bootstrap import migrate_database, open_application
from entrypoints.cli.errors import CannotStart
from entrypoints.http.tokens import SecretTokens
from entrypoints.offer_files import read_offers
from entrypoints.settings import Settings


def migrate(settings: Settings) -> int:
    applied = asyncio.run(migrate_database(settings))
    for name in applied:
        print(f"applied {name}")
    if not applied:
        print("the schema is up to date")
    return 0


def check(settings: Settings) -> int:
    offers = read_offers(settings.offers_path)
    database = "the one in DATABASE_URL" if settings.database_url else "embedded"
    print("The settings are right.")
    print(
        f"  Stripe     {settings.stripe.base_url or 'api.stripe.com'}, mode {settings.stripe.mode}"
    )
    print(f"  database   {database}")
    print(f"  API        http://{settings.host}:{settings.port}, public {settings.public_url}")
    print(f"  offers     {', '.join(offer.slug for offer in offers)} ({settings.offers_path})")
    print(f"  returns to {', '.join(sorted(settings.allowed_return_origins))}")
    if settings.open_offer not in {offer.slug for offer in offers}:
        raise CannotStart(
            f"COUNTERFOIL_OPEN_OFFER names {settings.open_offer}, which is in no offer"
        )
    return 0


def token(settings: Settings, subject: str, roles: list[str], lasts: timedelta) -> int:
    tokens = settings.tokens
    if tokens.secret is None:
        raise CannotStart("tokens are signed by whoever publishes COUNTERFOIL_JWKS_URL: ask there")
    signer = SecretTokens(secret=tokens.secret, issuer=tokens.issuer, audience=tokens.audience)
    print(signer.issue(subject, roles, lasts_s=int(lasts.total_seconds())))
    return 0


def load_offers(settings: Settings) -> int:
    offers = read_offers(settings.offers_path)

    async def load() -> None:
        async with open_application(settings) as application:
            await application.load_offers(offers)

    asyncio.run(load())
    for offer in offers:
        print(f"{offer.slug}: {offer.name}")
    return 0


def refund(settings: Settings, payment_id: str, amount_minor: int | None, reason: str) -> int:
    admin = Actor(f"admin:{getpass.getuser()}@command-line")

    async def ask() -> None:
        async with open_application(settings) as application:
            made, remaining = await application.request_refund(
                PaymentId(payment_id), amount_minor=amount_minor, note=reason, by=admin
            )
        print(f"{made.id}: {made.amount} of {payment_id} goes back, {remaining} is left")

    asyncio.run(ask())
    return 0


def advance_clock(settings: Settings, by: timedelta) -> int:
    """Move the sandbox's clock first: what expires there must have expired when we ask."""

    async def advance() -> None:
        async with open_application(settings) as application:
            if settings.is_sandbox:
                await _advance_sandbox(str(settings.stripe.base_url), by)
            ahead = await application.advance_clock(by)
        print(f"both clocks are {ahead} ahead of the wall clock")

    asyncio.run(advance())
    return 0


async def _advance_sandbox(base_url: str, by: timedelta) -> None:
    seconds = int(by.total_seconds())
    try:
        async with (
            aiohttp.ClientSession(raise_for_status=True) as session,
            session.post(f"{base_url}/_sandbox/clock/advance", json={"seconds": seconds}),
        ):
            return
    except aiohttp.ClientError as error:
        raise CannotStart(
            f"the sandbox at {base_url} does not answer, so neither clock was moved: "
            "start it with `counterfoil run` or `counterfoil sandbox`"
        ) from error
