"""Bearer tokens: only what the right key signed, for us, and now."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any

import attrs
import jwt
import pytest
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from pytest_aiohttp import AiohttpServer

from entrypoints.http.errors import Unauthenticated
from entrypoints.http.tokens import KeysUnavailable, PublishedKeyTokens, SecretTokens

SECRET = "a secret that is at least 32 bytes long"
A_FAR_FUTURE = 4_000_000_000
RSA_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
EC_KEY = ec.generate_private_key(ec.SECP256R1())


def claims(**changes: object) -> dict[str, Any]:
    now = int(time.time())
    good = {"sub": "u", "iat": now, "exp": now + 60, "iss": "issuer", "aud": "us"}
    return {k: v for k, v in {**good, **changes}.items() if v is not None}


@attrs.define
class Issuer:
    """Publishes keys, and counts how often it is asked."""

    keys: list[Mapping[str, Any]]
    asked: int = 0
    down: bool = False

    async def answer(self, _: web.Request) -> web.Response:
        self.asked += 1
        if self.down:
            return web.Response(status=503)
        return web.json_response({"keys": self.keys})


def public(key: Any, algorithm: str, key_id: str) -> dict[str, Any]:
    maker = jwt.algorithms.get_default_algorithms()[algorithm]
    document = json.loads(maker.to_jwk(key.public_key()))
    return {**document, "kid": key_id, "alg": algorithm, "use": "sig"}


@pytest.fixture
def issuer() -> Issuer:
    return Issuer([public(RSA_KEY, "RS256", "rsa"), public(EC_KEY, "ES256", "ec")])


@pytest.fixture
async def published(issuer: Issuer, aiohttp_server: AiohttpServer) -> PublishedKeyTokens:
    app = web.Application()
    app.router.add_get("/keys", issuer.answer)
    server = await aiohttp_server(app)
    return PublishedKeyTokens(url=str(server.make_url("/keys")), issuer="issuer", audience="us")


async def test_a_token_of_ours_is_taken() -> None:
    tokens = SecretTokens(secret=SECRET, issuer="issuer", audience="us")

    taken = await tokens.claims(tokens.issue("alice", ["admin"], lasts_s=60))

    assert (taken["sub"], taken["roles"]) == ("alice", ["admin"])


@pytest.mark.parametrize(
    ("key", "algorithm", "key_id"), [(RSA_KEY, "RS256", "rsa"), (EC_KEY, "ES256", "ec")]
)
async def test_a_token_of_a_published_key_is_taken(
    published: PublishedKeyTokens, key: Any, algorithm: str, key_id: str
) -> None:
    token = jwt.encode(claims(), key, algorithm=algorithm, headers={"kid": key_id})

    assert (await published.claims(token))["sub"] == "u"


async def test_the_issuer_is_not_asked_for_every_token(
    published: PublishedKeyTokens, issuer: Issuer
) -> None:
    token = jwt.encode(claims(), RSA_KEY, algorithm="RS256", headers={"kid": "rsa"})
    for _ in range(5):
        await published.claims(token)
    for made_up in range(5):
        stranger = jwt.encode(claims(), RSA_KEY, algorithm="RS256", headers={"kid": str(made_up)})
        with pytest.raises(Unauthenticated):
            await published.claims(stranger)

    assert issuer.asked == 1


async def test_a_public_key_is_never_taken_for_a_secret(published: PublishedKeyTokens) -> None:
    """The old confusion: HS256 signed with the published RSA key."""
    header = {"alg": "HS256", "typ": "JWT", "kid": "rsa"}
    forged = jwt.encode(claims(), "x" * 32, algorithm="HS256", headers=header)

    with pytest.raises(Unauthenticated):
        await published.claims(forged)


async def test_without_the_issuers_keys_nobody_is_turned_into_nobody(
    published: PublishedKeyTokens, issuer: Issuer
) -> None:
    issuer.down = True
    token = jwt.encode(claims(), RSA_KEY, algorithm="RS256", headers={"kid": "rsa"})

    with pytest.raises(KeysUnavailable):
        await published.claims(token)


@pytest.mark.parametrize(
    "changes",
    [
        {"exp": 1},
        {"exp": None},
        {"iat": None},
        {"iat": A_FAR_FUTURE},
        {"nbf": A_FAR_FUTURE},
        {"sub": None},
        {"iss": "else"},
        {"iss": None},
        {"aud": "else"},
        {"aud": None},
    ],
    ids=str,
)
async def test_a_token_with_wrong_claims_is_refused(changes: dict[str, Any]) -> None:
    tokens = SecretTokens(secret=SECRET, issuer="issuer", audience="us")

    with pytest.raises(Unauthenticated) as caught:
        await tokens.claims(jwt.encode(claims(**changes), SECRET, algorithm="HS256"))

    assert SECRET not in str(caught.value)
