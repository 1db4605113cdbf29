"""Bearer tokens: JWTs, verified by a shared secret or by an issuer's published keys."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import Any, Final

import aiohttp
import attrs
import jwt
import stamina
import structlog

from domain.shared.errors import Unavailable
from entrypoints.http.errors import Unauthenticated

log: structlog.stdlib.BoundLogger = structlog.get_logger()

LEEWAY_S: Final = 30
REQUIRED: Final = ["exp", "iat", "sub", "aud", "iss"]
TOKEN_LENGTH_MAX: Final = 8_192
KEYS_KEPT_S: Final = 300.0
KEYS_ASKED_AGAIN_AFTER_S: Final = 10.0
PUBLIC_ALGORITHMS: Final = ["RS256", "ES256"]


class KeysUnavailable(Unavailable):
    code = "signing_keys_unavailable"


@attrs.frozen(kw_only=True)
class SecretTokens:
    """HS256 with a secret of at least 32 bytes."""

    secret: str = attrs.field(repr=False)
    issuer: str
    audience: str

    async def claims(self, token: str) -> Mapping[str, Any]:
        return _decode(token, self.secret, ["HS256"], self.issuer, self.audience)

    def issue(self, subject: str, roles: list[str], *, lasts_s: int) -> str:
        now = int(time.time())
        claims = {
            "sub": subject,
            "roles": roles,
            "iat": now,
            "exp": now + lasts_s,
            "iss": self.issuer,
            "aud": self.audience,
        }
        return jwt.encode(claims, self.secret, algorithm="HS256")


@attrs.define(kw_only=True)
class PublishedKeyTokens:
    """RS256 or ES256, against the keys an issuer publishes. Keys are kept for five minutes."""

    url: str
    issuer: str
    audience: str
    _keys: dict[str, jwt.PyJWK] = attrs.field(factory=dict, init=False)
    _fetched_at: float = attrs.field(default=float("-inf"), init=False)
    _lock: asyncio.Lock = attrs.field(factory=asyncio.Lock, init=False)

    async def claims(self, token: str) -> Mapping[str, Any]:
        key = await self._key(_key_id(token))
        if key.algorithm_name not in PUBLIC_ALGORITHMS:
            raise Unauthenticated("The bearer token is not valid: its key is of the wrong kind")
        return _decode(token, key.key, [key.algorithm_name], self.issuer, self.audience)

    async def _key(self, key_id: str) -> jwt.PyJWK:
        async with self._lock:
            age = time.monotonic() - self._fetched_at
            unknown = key_id not in self._keys
            # A token with a made-up key id must not make us ask the issuer again and again.
            if age > KEYS_KEPT_S or (unknown and age > KEYS_ASKED_AGAIN_AFTER_S):
                await self._refresh()
        if key_id not in self._keys:
            raise Unauthenticated("The bearer token is not valid: nobody knows its key")
        return self._keys[key_id]

    async def _refresh(self) -> None:
        try:
            document = await self._fetch()
            keys = jwt.PyJWKSet.from_dict(document).keys
        except (aiohttp.ClientError, TimeoutError, ValueError, jwt.PyJWTError) as error:
            log.warning("signing_keys.unavailable", error=type(error).__name__)
            raise KeysUnavailable("The keys that sign bearer tokens cannot be fetched") from error
        self._keys = {key.key_id: key for key in keys if key.key_id}
        self._fetched_at = time.monotonic()

    @stamina.retry(on=(aiohttp.ClientError, TimeoutError), attempts=3, timeout=5)
    async def _fetch(self) -> dict[str, Any]:
        timeout = aiohttp.ClientTimeout(total=3)
        async with (
            aiohttp.ClientSession(timeout=timeout, raise_for_status=True) as session,
            session.get(self.url, allow_redirects=False) as answer,
        ):
            document: dict[str, Any] = await answer.json(content_type=None)
            return document


def _key_id(token: str) -> str:
    try:
        return str(jwt.get_unverified_header(token).get("kid", ""))
    except jwt.PyJWTError:
        raise Unauthenticated("The bearer token is not a JWT") from None


def _decode(
    token: str, key: Any, algorithms: list[str], issuer: str, audience: str
) -> Mapping[str, Any]:
    if len(token) > TOKEN_LENGTH_MAX:
        raise Unauthenticated("The bearer token is too long")
    try:
        return jwt.decode(
            token,
            key,
            algorithms=algorithms,
            issuer=issuer,
            audience=audience,
            leeway=LEEWAY_S,
            options={"require": REQUIRED},
        )
    except jwt.PyJWTError as error:
        reason = type(error).__name__.removesuffix("Error")
        raise Unauthenticated(f"The bearer token is not valid: {reason}") from None
