"""The one place where a connection to Stripe is made."""

from __future__ import annotations

import logging
import ssl
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


class AnswerTooLong(aiohttp.ClientError):
    """Whoever answers so is not Stripe, or is out of order: the outcome is unknown."""


class Redirected(aiohttp.ClientError):
    """Stripe's API never redirects, and our key and body go nowhere else."""


class BoundedHTTPClient(stripe.AIOHTTPClient):
    """Stripe's own transport, which would read an answer of any length into memory."""

    async def request_async(
        self, method: str, url: str, headers: Mapping[str, str], post_data: Any = None
    ) -> tuple[bytes, int, Mapping[str, str]]:
        content, status, answered = await self.request_stream_async(method, url, headers, post_data)
        body = bytearray()
        async for chunk in content.iter_any():
            body += chunk
            if len(body) > ANSWER_BYTES_MAX:
                raise AnswerTooLong
        return bytes(body), status, answered


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

    timeout = aiohttp.ClientTimeout(total=timeout_s, connect=min(CONNECT_S, timeout_s))
    connector = aiohttp.TCPConnector(ssl=ssl.create_default_context())
    async with aiohttp.ClientSession(
        connector=connector, cookie_jar=aiohttp.DummyCookieJar(), middlewares=[_stay]
    ) as session:
        yield stripe.StripeClient(
            secret_key,
            http_client=BoundedHTTPClient(session=session, timeout=timeout),
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
    return {"api": base, "files": base, "connect": base, "meter_events": base}


async def _stay(
    request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
) -> aiohttp.ClientResponse:
    response = await handler(request)
    if response.status in {301, 302, 303, 307, 308}:
        response.close()
        raise Redirected
    return response
