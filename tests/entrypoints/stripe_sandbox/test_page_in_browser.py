"""The page in a real browser, which enforces what the policy says, redirects of forms included."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from playwright.async_api import Page

from tests.browser import DESKTOP, PHONE, Tab, open_tab
from tests.entrypoints.stripe_sandbox.conftest import World

StartServer = Callable[[web.Application], Awaitable[TestServer]]
PAID = "Thank you"
CART = "Your cart"


@pytest.fixture
async def storefront(aiohttp_server: StartServer) -> str:
    """The shop's own pages, on an origin that is not the sandbox's."""

    def page(title: str) -> Any:
        async def show(_: web.Request) -> web.Response:
            icon = '<link rel="icon" href="data:,">'
            text = f'<html lang="en"><head>{icon}<title>{title}</title></head><h1>{title}</h1>'
            return web.Response(text=text, content_type="text/html")

        return show

    app = web.Application()
    app.router.add_get("/thanks", page(PAID))
    app.router.add_get("/cart", page(CART))
    return str((await aiohttp_server(app)).make_url("")).rstrip("/")


async def opened(world: World, tab: Tab, storefront: str, **changes: Any) -> str:
    session = await world.open_session(
        success_url=f"{storefront}/thanks?session={{CHECKOUT_SESSION_ID}}",
        cancel_url=f"{storefront}/cart",
        **changes,
    )
    await tab.page.goto(f"{world.url}/c/pay/{session.id}")
    return session.id


async def type_card(page: Page, number: str) -> None:
    await page.get_by_label("Email").fill("ada@example.com")
    await page.get_by_label("Card number").fill(number)
    await page.get_by_label("Expiry").fill("12 / 40")
    await page.get_by_label("CVC").fill("123")
    await page.get_by_label("Name on card").fill("Ada")
    await press_pay(page)


async def press_pay(page: Page) -> None:
    await page.get_by_role("button", name="Pay $40.00").click()


async def payment_status(world: World, session_id: str) -> str:
    session = await world.stripe.v1.checkout.sessions.retrieve_async(session_id)
    return session.payment_status


def blocked(tab: Tab) -> list[str]:
    return [each for each in tab.complaints if "Content Security Policy" in each]


async def test_a_click_on_a_test_card_fills_the_form_and_pays(
    world: World, storefront: str
) -> None:
    async with open_tab(**DESKTOP) as tab:
        session_id = await opened(world, tab, storefront)

        await tab.page.get_by_text("Test cards").click()
        await tab.page.get_by_role("button", name="Fill in 4242 4242 4242 4242").click()
        await press_pay(tab.page)

        await tab.headline(PAID)
        assert tab.page.url == f"{storefront}/thanks?session={session_id}"
        assert (tab.complaints, await tab.referrers()) == ([], [])
    assert await payment_status(world, session_id) == "paid"


async def test_a_declined_card_is_told_and_another_pays_on_a_phone(
    world: World, storefront: str
) -> None:
    async with open_tab(**PHONE) as tab:
        session_id = await opened(world, tab, storefront)

        await type_card(tab.page, "4000000000000002")
        alert = tab.page.get_by_role("alert")
        await alert.wait_for()
        told = await alert.inner_text()
        focused = await tab.page.evaluate("document.activeElement.getAttribute('role')")
        email = await tab.page.get_by_label("Email").input_value()
        number = await tab.page.get_by_label("Card number").input_value()
        wide = await tab.page.evaluate("document.documentElement.scrollWidth")
        await type_card(tab.page, "4242424242424242")

        await tab.headline(PAID)
        assert (told, focused) == ("Your card was declined.", "alert")
        assert (email, number) == ("ada@example.com", "")
        assert wide == 375
        assert blocked(tab) == []
    assert await payment_status(world, session_id) == "paid"


async def test_a_payment_the_customer_confirms_with_the_bank_succeeds(
    world: World, storefront: str
) -> None:
    async with open_tab(**DESKTOP) as tab:
        session_id = await opened(world, tab, storefront)

        await type_card(tab.page, "4000000000003220")
        await tab.headline("Confirm your payment")
        before = await payment_status(world, session_id)
        await tab.page.get_by_role("button", name="Complete").click()

        await tab.headline(PAID)
        assert (before, tab.complaints) == ("unpaid", [])
    assert await payment_status(world, session_id) == "paid"


async def test_a_payment_the_bank_refuses_to_authenticate_may_be_tried_again(
    world: World, storefront: str
) -> None:
    async with open_tab(**DESKTOP) as tab:
        session_id = await opened(world, tab, storefront)

        await type_card(tab.page, "4000000000003220")
        await tab.page.get_by_role("button", name="Fail").click()
        told = await tab.page.get_by_role("alert").inner_text()
        await type_card(tab.page, "5555555555554444")

        await tab.headline(PAID)
        assert "unable to authenticate" in told
        assert blocked(tab) == []
    assert await payment_status(world, session_id) == "paid"


async def test_the_way_back_leads_to_the_shop_and_the_session_stays_open(
    world: World, storefront: str
) -> None:
    async with open_tab(**PHONE) as tab:
        session_id = await opened(world, tab, storefront)

        await tab.page.get_by_role("link", name="Back to Example Shop").click()

        await tab.headline(CART)
        assert (tab.complaints, await tab.referrers()) == ([], [])
    session = await world.stripe.v1.checkout.sessions.retrieve_async(session_id)
    assert session.status == "open"


async def test_a_bank_debit_works_without_scripts(world: World, storefront: str) -> None:
    async with open_tab(**PHONE, java_script_enabled=False) as tab:
        methods = ["card", "sepa_debit"]
        session_id = await opened(world, tab, storefront, allowed_payment_method_types=methods)

        await tab.page.get_by_role("link", name="Bank debit").click()
        await tab.page.get_by_label("Email").fill("ada@example.com")
        await tab.page.get_by_label("IBAN").fill("DE89 3704 0044 0532 0130 00")
        await tab.page.get_by_label("Account holder").fill("Ada")
        await press_pay(tab.page)

        await tab.headline(PAID)
        assert blocked(tab) == []
    intent = await world.stripe.v1.payment_intents.retrieve_async(await world.intent_of(session_id))
    assert intent.status == "processing"
