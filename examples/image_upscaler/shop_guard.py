"""What every answer of the shop carries, and which posts it takes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from aiohttp import web

CONTENT_SECURITY_POLICY: Final = "; ".join(
    [
        "default-src 'none'",
        *(f"{what}-src 'self'" for what in ("img", "style", "script", "connect")),
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    ]
)
HEADERS: Final = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
STRANGERS_FILE: Final = {
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "Cache-Control": "private, max-age=3600",
}
"""For what customers sent and workers made: should it be opened as a page, nothing in it runs."""

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def is_own_post(request: web.Request, origins: frozenset[str]) -> bool:
    """Tell whether a post comes from a page of ours.

    Our pages send no referrer, which makes browsers say `Origin: null`; then Sec-Fetch-Site
    speaks for them. A browser too old to send that one sends a true Origin.
    """
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site == "same-origin"
    return request.headers.get("Origin") in origins


async def add_headers(_: web.Request, response: web.StreamResponse) -> None:
    """Run for every response, also those aiohttp makes by itself; what a handler set stays."""
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
