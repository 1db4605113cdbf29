"""A newcomer's first minute, in a real browser: shop, hosted page, worker, picture."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from PIL import Image

from adapters.postgres.embedded import remove
from tests.browser import Tab, open_tab
from tests.end_to_end.house import DECLINED, VISA, free_port, until
from tests.end_to_end.processes import Running, environ_of, running

EXAMPLE = Path(__file__).parents[2] / "examples" / "image_upscaler"
CLICK_MS = 15_000


@pytest.fixture
def folder() -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(prefix="cft-shop-"))
    (path / "home").mkdir()
    path.chmod(0o755)
    yield path
    remove(path / "data")
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
async def shop(folder: Path) -> AsyncIterator[str]:
    """Everything `make run` starts; gives the shop's address."""
    port = free_port()
    environ = environ_of(folder, COUNTERFOIL_SHOP_PORT=str(port))
    worker = f"{sys.executable} {EXAMPLE}/worker.py --port {free_port()} --results {folder}/results"
    seller = f"{sys.executable} {EXAMPLE}/shop.py --port {port} --data {folder}/shop"
    async with running(environ, folder, "--also", worker, "--also", seller) as house:
        yield await open_for_business(house, port)


async def open_for_business(house: Running, port: int) -> str:
    async def answers() -> bool:
        try:
            async with house.http.get(f"http://127.0.0.1:{port}/") as answer:
                return answer.ok
        except OSError:
            return False

    await until(answers, bool, patience_s=30)
    return f"http://127.0.0.1:{port}/"


async def pay(tab: Tab, card: str) -> None:
    page = tab.page
    await page.fill("#email", "guest@example.com")
    await page.fill("#number", card)
    await page.fill("#expiry", "12 / 40")
    await page.fill("#cvc", "123")
    await page.fill("#name", "A Guest")
    await page.click("button[type=submit]", timeout=CLICK_MS)


async def choose(tab: Tab, shop: str, picture: Path) -> None:
    await tab.page.goto(shop)
    await tab.page.set_input_files("#file", picture)
    await tab.headline("How big would you like it?")


async def test_a_picture_is_bought_after_a_decline_and_downloaded_twice_as_large(
    shop: str, folder: Path
) -> None:
    async with open_tab(accept_downloads=True) as tab:
        await choose(tab, shop, EXAMPLE / "sample.jpg")
        await tab.page.get_by_role("button", name="Buy 2×").click(timeout=CLICK_MS)
        await tab.page.wait_for_selector("#number", timeout=CLICK_MS)

        await pay(tab, DECLINED)
        await tab.page.wait_for_selector("#problem", timeout=CLICK_MS)
        assert DECLINED not in await tab.page.content()
        await pay(tab, VISA)

        await tab.headline("Your picture is ready", timeout_s=40)
        async with tab.page.expect_download(timeout=CLICK_MS) as download:
            await tab.page.get_by_role("link", name="Download").click()
        await (await download.value).save_as(folder / "larger.jpg")
        assert not any(await tab.referrers())

    with Image.open(folder / "larger.jpg") as larger, Image.open(EXAMPLE / "sample.jpg") as small:
        assert larger.size == (2 * small.width, 2 * small.height)


async def test_a_text_that_says_it_is_a_picture_ends_refunded_and_the_page_says_so(
    shop: str, folder: Path
) -> None:
    (folder / "words.png").write_text("only words")
    async with open_tab() as tab:
        await choose(tab, shop, folder / "words.png")
        await tab.page.get_by_role("button", name="Buy 2×").click(timeout=CLICK_MS)
        await tab.page.wait_for_selector("#number", timeout=CLICK_MS)
        await pay(tab, VISA)

        await tab.page.get_by_text("refunded").first.wait_for(timeout=40_000)
