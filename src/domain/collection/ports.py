from __future__ import annotations

from typing import Protocol

from domain.offers.ports import OfferWork
from domain.refunds.ports import RefundWork


class CollectionWork(RefundWork, OfferWork, Protocol):
    """Everything that money coming in may touch."""
