from __future__ import annotations

import attrs

from adapters.memory.unit_of_work import Draft
from domain.offers.model import Offer, OfferSlug


@attrs.frozen
class MemoryOfferRepository:
    _draft: Draft

    async def find(self, slug: OfferSlug) -> Offer | None:
        return self._draft.tables.offers.get(slug)

    async def active(self) -> list[Offer]:
        offers = self._draft.tables.offers
        return [offers[slug] for slug in sorted(offers) if offers[slug].active]

    async def replace_all(self, offers: list[Offer]) -> None:
        known = self._draft.tables.offers
        withdrawn = {slug: attrs.evolve(offer, active=False) for slug, offer in known.items()}
        self._draft.tables.offers = withdrawn | {offer.slug: offer for offer in offers}
