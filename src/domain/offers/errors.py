from __future__ import annotations

from domain.shared.errors import Flaw, Invalid, NotFound


class OfferNotFound(NotFound):
    code = "offer_not_found"

    def __init__(self, slug: str) -> None:
        super().__init__(f"There is no offer called {slug!r}: GET /api/offers lists them")


class OfferInactive(Invalid):
    code = "offer_inactive"

    def __init__(self, slug: str) -> None:
        super().__init__([Flaw("/offer", f"{slug} is not sold at present")])
