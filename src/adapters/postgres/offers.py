from __future__ import annotations

from typing import Final

import attrs

from adapters.postgres.documents import offer_document, offer_of
from adapters.postgres.pool import Connection
from domain.offers.model import Offer, OfferSlug

SELECT: Final = "SELECT active, document FROM offers WHERE slug = $1"
SELECT_ACTIVE: Final = "SELECT active, document FROM offers WHERE active ORDER BY slug"
WITHDRAW_OTHERS: Final = (
    "UPDATE offers SET active = false WHERE active AND slug <> ALL ($1::text[])"
)
UPSERT: Final = """
    INSERT INTO offers (slug, active, document)
    VALUES ($1, $2, $3)
    ON CONFLICT (slug) DO UPDATE SET active = excluded.active, document = excluded.document
"""


@attrs.frozen
class PostgresOfferRepository:
    connection: Connection

    async def find(self, slug: OfferSlug) -> Offer | None:
        row = await self.connection.fetchrow(SELECT, slug)
        return None if row is None else offer_of(row["document"], active=row["active"])

    async def active(self) -> list[Offer]:
        rows = await self.connection.fetch(SELECT_ACTIVE)
        return [offer_of(row["document"], active=row["active"]) for row in rows]

    async def replace_all(self, offers: list[Offer]) -> None:
        await self.connection.execute(WITHDRAW_OTHERS, [offer.slug for offer in offers])
        # In one order, so that two who load at once do not wait for each other for ever.
        in_order = sorted(offers, key=lambda offer: offer.slug)
        rows = [(offer.slug, offer.active, offer_document(offer)) for offer in in_order]
        await self.connection.executemany(UPSERT, rows)
