"""What handlers find on the aiohttp application."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Protocol

import attrs
from aiohttp import web

from entrypoints.application import Application


class BearerTokens(Protocol):
    async def claims(self, token: str) -> Mapping[str, Any]:
        """Return the claims of a valid token; raise Unauthenticated."""
        ...


@attrs.frozen(kw_only=True)
class Edge:
    """What the edge itself has to know of the settings.

    *checkout_origin* is where the provider's hosted pages are: a form of ours may lead there.
    """

    publishable_key: str | None
    open_offer: str
    cors_origins: frozenset[str]
    checkout_origin: str
    support_contact: str | None


APPLICATION = web.AppKey("application", Application)
BEARER_TOKENS = web.AppKey("bearer_tokens", BearerTokens)
EDGE = web.AppKey("edge", Edge)
STOPPING = web.AppKey("stopping", asyncio.Event)
REQUEST_ID = web.RequestKey("request_id", str)
