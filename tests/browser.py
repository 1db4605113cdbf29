"""A real browser for tests of pages: Debian's Chromium, which must be there."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final

import attrs
from playwright.async_api import Page, Request, async_playwright

ARGUMENTS: Final = (
    "--no-sandbox",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@attrs.define
class Tab:
    """A page, and what a person would find in its console and network panels."""

    page: Page
    complaints: list[str] = attrs.field(factory=list)
    requests: list[Request] = attrs.field(factory=list)
    navigations: int = 0

    async def referrers(self) -> list[str]:
        told = [(await request.all_headers()).get("referer") for request in self.requests]
        return [referrer for referrer in told if referrer is not None]

    async def headline(self, text: str, timeout_s: float = 15) -> None:
        """Wait until the page's headline is *text*."""
        heading = self.page.get_by_role("heading", name=text, exact=True)
        await heading.wait_for(timeout=timeout_s * 1000)


@asynccontextmanager
async def open_tab(**options: Any) -> AsyncIterator[Tab]:
    """Open a tab in a browser of its own. Fails, not skips, when there is no Chromium."""
    chromium = shutil.which("chromium")
    assert chromium is not None, "no chromium: apt-get install chromium"
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        try:
            context = await browser.new_context(**options)
            tab = Tab(await context.new_page())
            tab.page.on("console", lambda message: _note(tab, message.type, message.text))
            tab.page.on("pageerror", lambda error: tab.complaints.append(str(error)))
            tab.page.on("request", lambda request: _asked(tab, request))
            yield tab
        finally:
            await browser.close()


def _note(tab: Tab, kind: str, text: str) -> None:
    if kind in {"error", "warning"}:
        tab.complaints.append(text)


def _asked(tab: Tab, request: Request) -> None:
    tab.requests.append(request)
    tab.navigations += request.is_navigation_request()


PHONE: Final[Mapping[str, Any]] = {"viewport": {"width": 375, "height": 812}}
DESKTOP: Final[Mapping[str, Any]] = {"viewport": {"width": 1280, "height": 900}}
