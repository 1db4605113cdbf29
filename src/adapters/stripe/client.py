"""The one place where a connection to Stripe is made."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final

import aiohttp
import stripe

if TYPE_CHECKING:
    from stripe._base_address import BaseAddresses

CONNECT_S: Final = 3.0
ANSWER_BYTES_MAX: Final = 4 * 1024 * 1024
"""A page of a hundred refunds is under 200 KiB: more than this is no answer of Stripe's."""
REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})


class AnswerTooLong(aiohttp.ClientError):
    """Whoever answers so is not Stripe, or is out of order: the outcome is unknown."""


class Redirected(aiohttp.ClientError):
    """Stripe's API never redirects, and our key and body go nowhere else."""


class OneAttempt(stripe.AIOHTTPClient):
    """Stripe's own transport, but for what it would let happen.

    It follows redirects, reads an answer of any length into memory, and leaves the connection to
    the garbage collector when the answer breaks off. Errors come as aiohttp's own.
    """

    def __init__(self, session: aiohttp.ClientSession) -> None:
        super().__init__(session=session)
        self._ours = session

    async def request_async(
        self, method: str, url: str, headers: Mapping[str, str], post_data: Any = None
    ) -> tuple[bytes, int, Mapping[str, str]]:
        async with self._ours.request(
            method, url, headers=headers, data=post_data, allow_redirects=False
        ) as response:
            if response.status in REDIRECTS:
                raise Redirected
            return await _body_of(response), response.status, response.headers


async def _body_of(response: aiohttp.ClientResponse) -> bytes:
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > ANSWER_BYTES_MAX:
            raise AnswerTooLong
    return bytes(body)


@asynccontextmanager
async def open_stripe(
    secret_key: str, *, base_url: str | None, timeout_s: float
) -> AsyncIterator[stripe.StripeClient]:
    """Connect to the sandbox at *base_url*, or with None to Stripe itself; closed at exit.

    One attempt per call, over within *timeout_s* altogether: the outbox is what tries again.
    The connection belongs to the running loop. Certificates are checked against the system's.
    """
    # Both are the whole process's. Telemetry writes a file into the home directory and tells of
    # the machine; the library's debug log holds bodies, with what customers told us.
    stripe.enable_telemetry = False
    logging.getLogger("stripe").setLevel(logging.WARNING)

    async with aiohttp.ClientSession(
        timeout=aiohttp.ClientTimeout(total=timeout_s, connect=min(CONNECT_S, timeout_s)),
        cookie_jar=aiohttp.DummyCookieJar(),
    ) as session:
        yield stripe.StripeClient(
            secret_key,
            http_client=OneAttempt(session),
            max_network_retries=0,
            base_addresses=_addresses(base_url),
        )


def _addresses(base_url: str | None) -> BaseAddresses:
    """All of them, always: one that is left out would be Stripe's own, sandbox or not."""
    if base_url is None:
        return {
            "api": stripe.DEFAULT_API_BASE,
            "files": stripe.DEFAULT_UPLOAD_API_BASE,
            "connect": stripe.DEFAULT_CONNECT_API_BASE,
            "meter_events": stripe.DEFAULT_METER_EVENTS_API_BASE,
        }
    base = base_url.rstrip("/")
    if not base.startswith(("http://", "https://")):
        # An empty one would silently mean Stripe's own to the library.
        raise ValueError("the address of the sandbox must begin with http:// or https://")
    return {"api": base, "files": base, "connect": base, "meter_events": base}
