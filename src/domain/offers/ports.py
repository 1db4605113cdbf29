from __future__ import annotations

from typing import Protocol

from domain.offers.model import Offer, OfferSlug


class OfferRepository(Protocol):
    async def find(self, slug: OfferSlug) -> Offer | None: ...

    async def active(self) -> list[Offer]:
        """Return what is sold now, in order of slug."""
        ...

    async def replace_all(self, offers: list[Offer]) -> None:
        """Store *offers*; those known before and missing now become inactive, never deleted."""
        ...


class OfferWork(Protocol):
    @property
    def offers(self) -> OfferRepository: ...
