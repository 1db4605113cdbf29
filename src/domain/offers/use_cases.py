from __future__ import annotations

import attrs

from domain.offers.model import Offer
from domain.offers.ports import OfferWork
from domain.shared.work import Atomically


@attrs.frozen(kw_only=True)
class ListOffers:
    atomically: Atomically[OfferWork]

    async def __call__(self) -> list[Offer]:
        async def step(work: OfferWork) -> list[Offer]:
            return await work.offers.active()

        return await self.atomically(step)


@attrs.frozen(kw_only=True)
class LoadOffers:
    """Make *offers* what is sold; the rest is withdrawn. Bought jobs keep their terms."""

    atomically: Atomically[OfferWork]

    async def __call__(self, offers: list[Offer]) -> None:
        async def step(work: OfferWork) -> None:
            await work.offers.replace_all(offers)

        await self.atomically(step)
