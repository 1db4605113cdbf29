"""What is stored as JSON comes back as it was."""

from __future__ import annotations

from datetime import timedelta
from fractions import Fraction
from traceback import format_exception
from types import MappingProxyType
from typing import Any, Final

import attrs
import pytest

from adapters.postgres.documents import fingerprint, plain_facts, storable
from adapters.postgres.errors import RefusedByDatabase
from adapters.postgres.unit_of_work import Postgres
from domain.offers.model import Offer, PerUnitPrice, Terms
from tests.adapters.postgres.stage import Work, an_unpaid_job
from tests.builders import (
    NOW,
    PRICE,
    an_effect,
    an_entry,
    an_offer,
    an_open_offer,
    an_order,
    an_upscale,
    captured,
)

INPUTS: Final[list[dict[str, Any]]] = [
    {"big": 2**200, "negative": -(2**63) - 1},
    {"floats": [0.1, 1e16, 1e-300, -0.0, 1.0]},
    {"nothing": None, "yes": True, "deep": [[{"a": []}]]},
    {"text": "\0 \ud800 \u2028 é 😀 \\u0000", "": ""},
    {"z": 1, "a": 2, "aa": 3},
]


@pytest.mark.parametrize("inputs", INPUTS, ids=str)
async def test_inputs_come_back_as_they_were_to_the_type_and_the_order(
    postgres: Postgres, inputs: dict[str, Any]
) -> None:
    async def step(work: Work) -> None:
        job = await work.jobs.add(an_order(inputs=MappingProxyType(inputs)))
        stored = await work.jobs.get(job.id)
        assert repr(stored.inputs) == repr(inputs)

    await postgres.atomically(step)


UNSTORABLE: Final[list[dict[str, Any]]] = [
    {"inputs": {"secret": float("nan")}},
    {"inputs": {"secret": float("inf")}},
    {"owner": "secret\0"},
    {"owner": "secret\ud800"},
]


@pytest.mark.parametrize("facts", UNSTORABLE, ids=repr)
async def test_what_cannot_be_stored_is_refused_and_not_quoted(
    postgres: Postgres, facts: dict[str, Any]
) -> None:
    with pytest.raises(RefusedByDatabase) as refused:
        await postgres.atomically(lambda work: work.jobs.add(an_order(**facts)))

    assert "secret" not in "".join(format_exception(refused.value))


OFFERS: Final = [
    an_offer(payment_methods=("card", "sepa_debit"), active=False),
    an_upscale(),
    an_upscale(terms=Terms(retry_delay=timedelta(0), delivery_time=timedelta(days=40, seconds=1))),
    an_open_offer(),
]


@pytest.mark.parametrize("offer", OFFERS)
async def test_an_offer_comes_back_with_its_first_currency_first(
    postgres: Postgres, offer: Offer
) -> None:
    async def step(work: Work) -> Offer | None:
        await work.offers.replace_all([offer])
        return await work.offers.find(offer.slug)

    assert repr(await postgres.atomically(step)) == repr(offer)


async def test_an_exact_third_stays_one(postgres: Postgres) -> None:
    pricing = an_upscale().pricing
    assert isinstance(pricing, PerUnitPrice)
    third = an_upscale(pricing=attrs.evolve(pricing, markup=Fraction(1, 3)))

    async def step(work: Work) -> Offer | None:
        await work.offers.replace_all([third])
        return await work.offers.find(third.slug)

    assert await postgres.atomically(step) == third


def test_facts_of_the_audit_are_plain_and_storable() -> None:
    event = captured(intent_id="pi\0")

    assert plain_facts({**event.facts(), "at": NOW, "parts": (1, "a")}) == {
        "amount": {"amount_minor": PRICE.amount_minor, "currency": "usd"},
        "intent_id": "pi\N{REPLACEMENT CHARACTER}",
        "charge_id": "ch_a",
        "at": NOW.isoformat(),
        "parts": [1, "a"],
    }


@pytest.mark.parametrize(
    ("text", "kept"), [("as it is: é😀", "as it is: é😀"), ("a\0b", "a\ufffdb"), ("\ud800", "?")]
)
def test_a_text_is_made_storable(text: str, kept: str) -> None:
    assert storable(text) == kept


def test_a_fingerprint_does_not_depend_on_the_order_of_keys() -> None:
    assert fingerprint({"a": 1, "b": [1, 2]}) == fingerprint({"b": [1, 2], "a": 1})
    assert fingerprint({"a": 1}) != fingerprint({"a": 1.5})


async def test_what_was_signed_is_kept_to_the_byte(postgres: Postgres) -> None:
    payload = '{"b":1,  "a":1e400,\t"a":"\\u0000 é"}\r\n'

    async def step(work: Work) -> str:
        await work.inbox.add(an_entry(payload=payload))
        (entry,) = await work.inbox.claim(limit=1, lease=timedelta(0))
        return entry.payload

    assert await postgres.atomically(step) == payload


async def test_staging_the_same_intent_again_leaves_the_first_as_it_was(
    postgres: Postgres,
) -> None:
    async def step(work: Work) -> object:
        await an_unpaid_job(work)
        await work.outbox.stage(an_effect("eff_a", entity_id="a", parameters={"n": 1}))
        await work.outbox.stage(an_effect("eff_b", entity_id="a", parameters={"n": 2}))
        return [e.parameters for e in await work.outbox.claim(limit=9, lease=timedelta(0))]

    assert await postgres.atomically(step) == [{"n": 1}]
