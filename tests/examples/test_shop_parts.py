"""The shop's rules that need no server: prices, names, words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import attrs
import prices
import pytest
from shop_delivery import attachment
from shop_orders import Intent, NoSuchOrder, Order, Orders, Purchase, Upload
from shop_uploads import shown_name
from shop_words import Page, megabytes, tell

PER_MEGAPIXEL = {
    "rule": "per_unit",
    "multiply": ["width", "height"],
    "divide_by": 1_000_000,
    "markup": "2/5",
    "cost": {"usd": "13/2", "jpy": "10"},
    "minimum": {"usd": 99, "jpy": 1},
}
QUOTES = [
    # the API's own arithmetic: cost x megapixels x 1.4, rounded up, at least the minimum
    (800, 600, "usd", 99),
    (4000, 2000, "usd", 99),
    (5000, 2000, "usd", 99),
    (5000, 2200, "usd", 101),
    (10_000, 10_000, "usd", 910),
    (10_000, 10_001, "usd", 911),
    (1, 1, "jpy", 1),
    (1000, 1001, "jpy", 15),
]


@pytest.mark.parametrize(("width", "height", "currency", "amount"), QUOTES)
def test_a_price_is_worked_out_exactly(width: int, height: int, currency: str, amount: int) -> None:
    assert prices.quoted(PER_MEGAPIXEL, {"width": width, "height": height}, currency) == amount


NAMES = [
    ("holiday.jpg", "holiday.jpg"),
    ("../../etc/passwd", "passwd"),
    ("..\\..\\boot.ini", "boot.ini"),
    ("", "picture"),
    ("..", "picture"),
    ("a\r\nSet-Cookie: x=1.png", "aSet-Cookie: x=1.png"),
    ("gnp\u202egpj.png", "gnpgpj.png"),
    ("x" * 300 + ".jpeg", "x" * 75 + ".jpeg"),
    ("x" * 300, "x" * 80),
    ("ξένη.png", "ξένη.png"),
]


@pytest.mark.parametrize(("given", "shown"), NAMES)
def test_a_strangers_file_name_is_made_harmless(given: str, shown: str) -> None:
    assert shown_name(given) == shown


def an_order(name: str = "holiday.jpg") -> Order:
    upload = Upload(name=name, bytes=9, content_type="image/png", width=4, height=3, flaw=None)
    return Order(id="o" * 32, picture="p" * 32, created_at=1.0, upload=upload)


def test_a_download_is_named_after_the_upload_and_its_header_cannot_be_broken() -> None:
    header = attachment(an_order('ξ "x".jpg'), 2, "image/png")

    assert header == (
        "attachment; filename=\"_ _x_-2x.png\"; filename*=UTF-8''%CE%BE%20%22x%22-2x.png"
    )


def test_orders_outlive_the_shop_and_old_drafts_do_not(tmp_path: Path) -> None:
    intent = Intent(offer="image-upscale-2x", key="k", amount_shown=99, currency="usd")
    purchase = Purchase(
        job_id="job_1",
        session_id="cs_1",
        session_url="http://x/",
        access_token="cft_1",
        amount=99,
        currency="usd",
    )
    bought = attrs.evolve(an_order(), intent=intent, purchase=purchase)
    draft = attrs.evolve(an_order(), id="d" * 32)
    before = Orders(tmp_path)
    before.keep(bought)
    before.keep(draft)

    after = Orders(tmp_path)
    after.load()

    assert after.get(bought.id) == bought
    assert (tmp_path / f"{bought.id}.json").stat().st_mode & 0o077 == 0
    with pytest.raises(NoSuchOrder):
        after.get(draft.id)


def a_job(status: str, **more: Any) -> dict[str, Any]:
    nothing = dict.fromkeys(("progress", "result", "refund", "hold", "failure_reason"))
    return nothing | {"status": status} | more


def a_payment(status: str = "pending", refunded: int = 0) -> dict[str, Any]:
    return {"status": status, "amount": 99, "amount_refunded": refunded, "currency": "usd"}


REFUND = {"amount": 99, "currency": "usd", "status": "submitted"}
RESULT = {
    "url": "http://127.0.0.1/results/x.png",
    "content_type": "image/png",
    "width": 80,
    "height": 60,
    "bytes": 2_500_000,
    "sha256": "0" * 64,
}
WORDS = [
    (a_job("pending"), a_payment(), None, Page.UNPAID, "Not paid yet", "not received"),
    (a_job("pending"), a_payment(), 1, Page.WAITING, "Confirming your payment", "a moment"),
    (a_job("pending"), a_payment(), 40, Page.WAITING, "Still confirming", "do not pay again"),
    (a_job("pending"), a_payment("awaiting_funds"), 1, Page.WAITING, "your bank", "few days"),
    (a_job("paid"), {}, 1, Page.WAITING, "in the queue", "next free machine"),
    (a_job("processing", progress=0.42), {}, 1, Page.WAITING, "Enlarging", "42% done"),
    (a_job("processing"), {}, 1, Page.WAITING, "Enlarging", "0% done"),
    (a_job("completed", result=RESULT), {}, 1, Page.DONE, "ready", "80 × 60 pixels, 2.5 MB."),
    (a_job("completed", result="?"), {}, 1, Page.WAITING, "needs a person", "look at it"),
    (
        a_job("completed", result=RESULT, refund=REFUND | {"amount": 50}),
        {},
        1,
        Page.DONE,
        "ready",
        "0.50 USD has been given back",
    ),
    (
        a_job("failed", failure_reason="not_an_image", refund=REFUND),
        {},
        1,
        Page.WAITING,
        "did not work",
        "not a picture we can read. 0.99 USD is on its way back",
    ),
    (a_job("failed", failure_reason="x"), {}, 1, Page.WAITING, "did not work", "All you paid"),
    (
        a_job("refunded", failure_reason="not_an_image"),
        a_payment("refunded", 99),
        1,
        Page.OVER,
        "0.99 USD refunded",
        "not a picture we can read",
    ),
    (a_job("cancelled"), {}, 1, Page.OVER, "cancelled", "Nothing was charged"),
    (
        a_job("failed", hold={"name": "refund_failed"}),
        {},
        1,
        Page.WAITING,
        "needs a person",
        "could not be sent back",
    ),
    (a_job("pending", hold={"name": "other"}), {}, 1, Page.WAITING, "needs a person", "look at it"),
    (a_job("dancing"), {}, 1, Page.WAITING, "on it", "dancing"),
]


@pytest.mark.parametrize("case", WORDS)
def test_every_state_has_its_words(case: tuple[Any, ...]) -> None:
    job, payment, returned_s_ago, page, headline, detail = case

    told = tell(job, payment, returned_s_ago=returned_s_ago)

    assert told.page is page
    assert headline in told.headline
    assert detail in told.detail


@pytest.mark.parametrize(
    ("count", "said"), [(13, "13 bytes"), (49_306, "49 kB"), (2_500_000, "2.5 MB")]
)
def test_a_file_size_is_said_as_people_say_it(count: int, said: str) -> None:
    assert megabytes(count) == said
