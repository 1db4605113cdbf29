"""What every OfferRepository promises."""

from __future__ import annotations

from datetime import timedelta

import attrs
import pytest

from domain.offers.model import FieldKind, InputField, InputRule, Offer, Terms
from tests.builders import an_offer, an_open_offer, an_upscale
from tests.contracts.storage import Storage

OFFERS = [
    an_offer(),
    an_offer(
        "with-everything",
        name="Everything \N{SNOWMAN}",
        inputs=InputRule(
            fields={
                "text": InputField(kind=FieldKind.TEXT, required=False, minimum=1, maximum=9),
                "really": InputField(kind=FieldKind.BOOLEAN),
            }
        ),
        terms=Terms(
            max_attempts=9,
            retry_delay=timedelta(seconds=0.5),
            delivery_time=timedelta(days=3, seconds=1),
        ),
        quantity_max=100,
        payment_methods=("card", "sepa_debit"),
    ),
    an_upscale(),
    an_open_offer(),
]


async def _replace(storage: Storage, *offers: Offer) -> None:
    await storage.atomically(lambda work: work.offers.replace_all([*offers]))


async def _active(storage: Storage) -> list[Offer]:
    return await storage.atomically(lambda work: work.offers.active())


@pytest.mark.parametrize("offer", OFFERS, ids=lambda offer: offer.slug)
async def test_an_offer_comes_back_exactly(storage: Storage, offer: Offer) -> None:
    await _replace(storage, offer)

    assert await storage.atomically(lambda work: work.offers.find(offer.slug)) == offer


async def test_the_first_currency_stays_the_first(storage: Storage) -> None:
    await _replace(storage, an_upscale())

    (offer,) = await _active(storage)

    assert list(getattr(offer.pricing, "cost_minor", ())) == ["usd", "jpy"]
    assert list(offer.inputs.fields) == ["url", "width", "height"]


async def test_what_is_sold_is_listed_in_order(storage: Storage) -> None:
    await _replace(
        storage, an_offer("b"), an_offer("a"), an_offer("c", active=False), an_offer("B")
    )

    assert [offer.slug for offer in await _active(storage)] == ["B", "a", "b"]


async def test_what_is_missing_is_withdrawn_and_kept(storage: Storage) -> None:
    await _replace(storage, an_offer("a"), an_offer("b"))

    await _replace(storage, an_offer("b", name="New"), an_offer("c"))

    withdrawn = await storage.atomically(lambda work: work.offers.find("a"))
    assert withdrawn == attrs.evolve(an_offer("a"), active=False)
    assert [(offer.slug, offer.name) for offer in await _active(storage)] == [
        ("b", "New"),
        ("c", "C"),
    ]


async def test_what_was_withdrawn_can_be_sold_again(storage: Storage) -> None:
    await _replace(storage, an_offer("a"))
    await _replace(storage)
    assert await _active(storage) == []

    await _replace(storage, an_offer("a"))

    assert await _active(storage) == [an_offer("a")]


async def test_an_offer_nobody_loaded_is_not_there(storage: Storage) -> None:
    assert await storage.atomically(lambda work: work.offers.find("nothing")) is None
