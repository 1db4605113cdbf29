"""The example shop as browsers meet it: over HTTP, on its own origin, with a real worker behind."""

from __future__ import annotations

import asyncio
import io
import re
import signal
from pathlib import Path

import pytest
from PIL import Image

from tests.examples import image_files as files
from tests.examples.fake_service import Service
from tests.examples.shop_browser import Browser, browsing, only_job, ordered, pay
from tests.examples.stage import output_of, start, working

ORDER = re.compile(r"/orders/[A-Za-z0-9_-]{32}")


async def test_a_picture_is_bought_followed_compared_and_downloaded(
    service: Service, browser: Browser, tmp_path: Path
) -> None:
    offered = await browser.upload(files.jpeg(orientation=files.SHOWN_ROTATED), "../my holiday.jpg")
    order = offered.path
    sent_on = await browser.post(f"{order}/buy", {"offer": "image-upscale-4x"})
    (tmp_path / "results").mkdir()
    async with working(service, tmp_path / "results"):
        await pay(service, browser, order)
        told = await browser.until(order, "Your picture is ready")
        ready = await browser.get(order)
        saved = await browser.get(f"{order}/download")
    again = await browser.get(f"{order}/result")

    assert ORDER.fullmatch(order)
    assert "30 × 40 pixels" in offered.text
    assert "120 × 160 pixels" in offered.text
    assert offered.text.count("0.99 USD") >= 2
    assert f"url={service.url}/c/pay/cs_test_" in sent_on.text
    assert told["detail"].startswith("120 × 160 pixels")
    assert f"{order}/result" in ready.text
    with Image.open(io.BytesIO(saved.body)) as larger:
        assert larger.size == (120, 160)
    assert 'filename="my holiday-4x.jpg"' in saved.headers["Content-Disposition"]
    assert again.body == saved.body  # kept here: the worker has gone


async def test_what_is_sent_to_the_api_is_what_the_shop_measured(
    service: Service, browser: Browser
) -> None:
    order = await ordered(browser, files.png((50, 20)))

    job = only_job(service)
    assert (job.inputs["width"], job.inputs["height"]) == (50, 20)
    assert job.inputs["url"].startswith(f"{browser.origin}/pictures/")
    assert order.removeprefix("/orders/") not in job.inputs["url"]
    assert job.urls == [f"{browser.origin}{order}/cancelled", f"{browser.origin}{order}/paid"]


async def test_a_letter_renamed_to_png_ends_refunded_and_the_page_says_so(
    service: Service, browser: Browser, tmp_path: Path
) -> None:
    offered = await browser.upload(b"Dear customer", "letter.png")
    order = offered.path
    await browser.post(f"{order}/buy", {"offer": "image-upscale-2x"})
    (tmp_path / "results").mkdir()
    async with working(service, tmp_path / "results"):
        await pay(service, browser, order)
        told = await browser.until(order, "refunded")
    page = await browser.get(order)

    assert "We could not read this as a picture" in offered.text
    assert "you get your money back if it fails" in offered.text
    assert told["headline"] == "0.99 USD refunded"
    assert "not a picture we can read" in page.text


async def test_no_page_shows_the_access_token_or_an_address_of_the_worker(
    service: Service, browser: Browser, tmp_path: Path
) -> None:
    order = await ordered(browser, files.png())
    (tmp_path / "results").mkdir()
    await browser.get(f"{order}/cancelled")
    async with working(service, tmp_path / "results"):
        await pay(service, browser, order)
        await browser.until(order, "Your picture is ready")
    await browser.get(order)

    job = only_job(service)
    assert len(browser.seen) > 4
    for answer in browser.seen:
        assert job.access_token.encode() not in answer.body
        assert job.access_token not in str(answer.headers)
        assert b"/results/" not in answer.body
        assert "Set-Cookie" not in answer.headers


async def test_who_did_not_pay_may_pay_again_or_cancel_or_choose_another_size(
    service: Service, browser: Browser
) -> None:
    order = await ordered(browser, files.png())

    unpaid = await browser.get(f"{order}/cancelled?payment=cancel")
    again = await browser.post(f"{order}/pay")
    cancelled = await browser.post(f"{order}/cancel")
    restarted = await browser.post(f"{order}/again")

    assert "Not paid yet" in unpaid.text
    assert "/c/pay/" in again.text
    assert "Order cancelled" in cancelled.text
    assert restarted.path != order
    assert "How big would you like it?" in restarted.text
    assert [job.status for job in service.jobs.values()] == ["cancelled"]


@pytest.mark.parametrize("what", ["pay", "cancel", "buy"])
async def test_an_order_that_is_paid_is_not_paid_again_nor_cancelled(
    service: Service, browser: Browser, what: str
) -> None:
    order = await ordered(browser, files.png())
    await pay(service, browser, order)

    page = await browser.post(f"{order}/{what}", {"offer": "image-upscale-4x"})

    assert page.path == order
    assert "Paid, and in the queue" in page.text
    assert only_job(service).status == "paid"


async def test_coming_back_proves_nothing(service: Service, browser: Browser) -> None:
    order = await ordered(browser, files.png())

    page = await browser.get(f"{order}/paid?payment=success&job_id=job_x&session_id=cs_x")

    assert page.path == order
    assert "Confirming your payment" in page.text
    assert '<noscript><meta http-equiv="refresh"' in page.text
    assert (await browser.get(f"{order}/download")).status == 404


async def test_clicking_thrice_buys_once(service: Service, browser: Browser) -> None:
    order = (await browser.upload(files.png())).path
    form = {"offer": "image-upscale-2x"}

    pages = await asyncio.gather(*(browser.post(f"{order}/buy", form) for _ in range(3)))

    assert [page.status for page in pages] == [200, 200, 200]
    assert len(service.jobs) == 1


async def test_an_answer_that_was_lost_is_asked_for_again_and_not_bought_again(
    service: Service, browser: Browser
) -> None:
    order = (await browser.upload(files.png())).path
    service.answers_lost = 1
    form = {"offer": "image-upscale-2x"}

    lost = await browser.post(f"{order}/buy", form)
    again = await browser.post(f"{order}/buy", form)

    assert [lost.status, again.status] == [503, 200]
    assert len(service.jobs) == 1


async def test_a_price_that_has_changed_is_said_before_going_on(
    service: Service, browser: Browser
) -> None:
    service.raises_prices_by = 50

    page = await browser.post(
        f"{(await browser.upload(files.png())).path}/buy", {"offer": "image-upscale-2x"}
    )

    assert "The price has changed" in page.text
    assert "1.49 USD" in page.text
    assert 'http-equiv="refresh"' not in page.text


async def test_a_result_that_is_not_what_was_promised_is_not_handed_out(
    service: Service, browser: Browser, tmp_path: Path
) -> None:
    order = await ordered(browser, files.png())
    service.tampers_with_results = True
    (tmp_path / "results").mkdir()

    async with working(service, tmp_path / "results"):
        await pay(service, browser, order)
        await browser.until(order, "Your picture is ready")
        answer = await browser.get(f"{order}/download")

    assert answer.status == 502
    assert "not what was made for you" in answer.text
    assert not list((tmp_path / "shop").glob("*.result"))


async def test_when_the_api_is_down_the_page_says_so_and_offers_to_try_again(
    service: Service, browser: Browser
) -> None:
    service.outage = 1

    closed = await browser.upload(files.png())
    opened = await browser.get(closed.path)

    assert closed.status == 503
    assert f'href="{closed.path}"' in closed.text
    assert "safe" in closed.text
    assert opened.status == 200


async def test_an_order_outlives_a_restart(service: Service, tmp_path: Path) -> None:
    async with browsing(service, tmp_path / "shop") as before:
        order = await ordered(before, files.png())
    await pay_quietly(service)

    async with browsing(service, tmp_path / "shop") as after:
        page = await after.get(order)

    assert "Paid, and in the queue" in page.text


async def pay_quietly(service: Service) -> None:
    only_job(service).status = "paid"


async def test_a_sample_is_at_hand(browser: Browser) -> None:
    page = await browser.post("/orders/sample")

    assert "640 × 480 pixels" in page.text


async def test_an_offer_we_do_not_sell_is_refused(service: Service, browser: Browser) -> None:
    order = (await browser.upload(files.png())).path

    answer = await browser.post(f"{order}/buy", {"offer": "render"})

    assert answer.status == 400
    assert service.jobs == {}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_the_shop_says_where_to_click_and_closes_when_told(
    service: Service, tmp_path: Path, number: signal.Signals
) -> None:
    process = await start("shop.py", "--port", "0", "--data", str(tmp_path), API_URL=service.url)
    assert process.stdout is not None
    line = (await asyncio.wait_for(process.stdout.readline(), timeout=10)).decode()

    process.send_signal(number)

    assert re.fullmatch(r"shop: click http://127\.0\.0\.1:\d+/ and choose a picture\n", line)
    assert await asyncio.wait_for(output_of(process), timeout=5) == (0, "shop: closed\n")
