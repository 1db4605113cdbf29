"""The offers file: what it says is what is sold, and what is wrong in it is said."""

from __future__ import annotations

from datetime import timedelta
from fractions import Fraction
from pathlib import Path

import pytest

from domain.offers.model import OpenPrice, PerUnitPrice
from entrypoints.offer_files import WrongOffers, duration, read_offers

ROOT = Path(__file__).parents[2]
GOOD = '[a]\nname = "A"\n[a.price]\nrule = "fixed"\nprices = {usd = 100}\n'

# fmt: off
WRONG = [
    ("not toml",                                                        "expected"),
    ('[A_b]\nname="A"\nprice={rule="fixed",prices={usd=1}}',            "slug"),
    ('[a]\nname="A"\nprice={rule="fixed",prices={usd=0}}',              "at least 1"),
    ('[a]\nname="A"\nprice={rule="fixed",prices={}}',                   "at least one currency"),
    ('[a]\nname="A"\nprice={rule="fixed",prices={USD=1}}',              "lower-case"),
    ('[a]\nname="A"\nprice={rule="fixed",prices={usd=1.5}}',            "int"),
    ('[a]\nname="A"\nprice={rule="open",currency="usd",minimum=9,maximum=8}', "below"),
    ('[a]\nname="A"\nprice={rule="guess"}',                             "guess"),
    ('[a]\nname="A"\nprise=1\nprice={rule="fixed",prices={usd=1}}',     "prise"),
    ('[a]\nname="A"\ndelivery_time="soon"\nprice={rule="fixed",prices={usd=1}}', "no duration"),
    ('[a]\nname="A"\nmax_attempts=0\nprice={rule="fixed",prices={usd=1}}', "max_attempts"),
    (('[a]\nname="A"\n[a.price]\nrule="per_unit"\nunit="u"\nmultiply=["n"]\n'
     'cost={usd="1"}\nminimum={usd=1}'),                                 "no required integer input"),
]
# fmt: on


@pytest.mark.parametrize(("text", "said"), WRONG)
def test_a_wrong_offers_file_says_what_is_wrong(text: str, said: str, tmp_path: Path) -> None:
    file = tmp_path / "offers.toml"
    file.write_text(text)

    with pytest.raises(WrongOffers, match=f"(?i){said}"):
        read_offers(file)


def test_every_wrong_offer_is_named(tmp_path: Path) -> None:
    file = tmp_path / "offers.toml"
    file.write_text(GOOD + GOOD.replace("[a", "[b").replace("100", "0") + "[c]\nname = 1\n")

    with pytest.raises(WrongOffers) as caught:
        read_offers(file)

    assert [flaw.split()[0] for flaw in caught.value.flaws] == ["[b]", "[c]"]


def test_the_shipped_offers_are_those_of_the_design() -> None:
    offers = {offer.slug: offer for offer in read_offers(ROOT / "offers.toml")}

    assert set(offers) == {"image-upscale-2x", "image-upscale-4x", "render", "thumbnail"}
    assert offers["render"].pricing == OpenPrice(
        currency="usd", minimum_minor=50, maximum_minor=10_000
    )
    upscale = offers["image-upscale-2x"].pricing
    assert isinstance(upscale, PerUnitPrice)
    assert upscale.markup == Fraction(2, 5)
    assert set(offers["image-upscale-2x"].inputs.fields) == {"url", "width", "height"}


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("90s", timedelta(seconds=90)),
        ("30m", timedelta(minutes=30)),
        ("6h", timedelta(hours=6)),
        ("3d", timedelta(days=3)),
    ],
)
def test_durations_are_written_as_people_do(text: str, meant: timedelta) -> None:
    assert duration(text) == meant
