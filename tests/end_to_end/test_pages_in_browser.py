"""Our pages in a real browser: followed without reload, and the ticket given to nobody."""

from __future__ import annotations

from playwright.async_api import expect

from tests.browser import Tab, open_tab
from tests.end_to_end.house import House, Json
from tests.end_to_end.test_pages import beat, return_urls


async def come_back(house: House, tab: Tab, bought: Json) -> None:
    success, _ = await return_urls(house, bought)
    await tab.page.goto(success)
    tab.navigations = 0


def assert_nothing_leaked(tab: Tab) -> None:
    assert "cfp_" not in tab.page.url
    assert tab.complaints == []


async def test_the_success_page_follows_the_order_to_its_end_without_reload(house: House) -> None:
    bought = await house.buy()
    async with open_tab() as tab:
        await come_back(house, tab, bought)
        await tab.headline("Your payment is not confirmed yet")
        assert_nothing_leaked(tab)

        await house.pay(bought)
        await tab.headline("Thank you, your payment is in")
        leased = await house.lease()
        await tab.headline("We are working on it")
        await beat(house, leased, 0.42)
        await expect(tab.page.get_by_role("progressbar")).to_have_attribute("value", "42")
        await house.complete(leased, {"url": f"{house.settings.stripe.base_url}/"})
        await tab.headline("Your order is ready")

        assert tab.navigations == 0
        assert await tab.referrers() == []
        async with tab.page.context.expect_page() as opened:
            await tab.page.get_by_role("link", name="Download the result").click()
        assert await (await opened.value).evaluate("document.referrer") == ""
        await tab.page.reload()
        await tab.headline("Your order is ready")
        assert_nothing_leaked(tab)


async def test_when_the_stream_cannot_be_had_the_page_polls(house: House) -> None:
    bought = await house.buy()
    async with open_tab() as tab:
        await tab.page.route("**/events", lambda route: route.abort())
        await come_back(house, tab, bought)
        await house.pay(bought)

        await tab.headline("Thank you, your payment is in")

        assert tab.navigations == 0


async def test_the_page_shows_failure_and_refund(house: House) -> None:
    bought = await house.buy()
    async with open_tab() as tab:
        await come_back(house, tab, bought)
        await house.pay(bought)
        await house.fail(await house.lease(), reason="the file is no image")

        await tab.headline("Your money has been sent back")

        await expect(tab.page.get_by_text("$1.99")).to_be_visible()
        await expect(tab.page.get_by_text("the file is no image")).to_be_visible()
        assert_nothing_leaked(tab)


async def test_who_turned_back_cancels_and_then_pays_on_the_hosted_page(house: House) -> None:
    bought = await house.buy()
    _, cancel = await return_urls(house, bought)
    async with open_tab() as tab:
        await tab.page.goto(cancel)
        await tab.headline("You have not paid yet")
        assert_nothing_leaked(tab)
        await tab.page.get_by_role("button", name="Cancel order").click()
        await tab.headline("This order is cancelled")
        assert_nothing_leaked(tab)

        await tab.page.get_by_role("button", name="Pay again").click()
        await tab.page.wait_for_url(f"{house.settings.stripe.base_url}/c/pay/**")

        # Browsers send no origin, and no page's address, where a form of ours leads.
        assert not any("cfp_" in referrer for referrer in await tab.referrers())


async def test_without_a_script_the_page_looks_again_by_itself(house: House) -> None:
    bought = await house.buy()
    async with open_tab(java_script_enabled=False) as tab:
        await come_back(house, tab, bought)
        await tab.headline("Your payment is not confirmed yet")
        await house.pay(bought)

        await tab.headline("Thank you, your payment is in")
