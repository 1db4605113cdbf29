"""Who is asking."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from aiohttp import web

from domain.audit.model import Actor
from domain.jobs.policy import ANYONE, Caller
from domain.shared.errors import Forbidden
from entrypoints.http.errors import Unauthenticated
from entrypoints.http.keys import BEARER_TOKENS

GUEST_TOKEN_PREFIX: Final = "cft_"  # noqa: S105  a prefix, not a token
PAGE_TICKET_PREFIX: Final = "cfp_"


class MissingRole(Forbidden):
    code = "missing_role"

    def __init__(self, role: str) -> None:
        super().__init__(f"This needs a bearer token with the role {role}")


async def caller_of(request: web.Request, *, tickets: bool = False) -> Caller:
    """Say who asks: nobody in particular, a guest, or the subject of a valid token.

    A token that does not hold is refused, never taken for no token; nor is a page ticket taken
    where *tickets* does not say so.
    """
    given = request.headers.getall("Authorization", [])
    if not given:
        return ANYONE
    scheme, _, token = given[0].partition(" ")
    if len(given) > 1 or scheme.lower() != "bearer" or not token.strip():
        raise Unauthenticated("Send one Authorization header: Bearer and a token")
    if not token.isascii():
        raise Unauthenticated("The bearer token is not valid: it is not ASCII")
    if token.startswith(GUEST_TOKEN_PREFIX):
        return Caller(guest_token=token.strip())
    if token.startswith(PAGE_TICKET_PREFIX):
        if not tickets:
            raise Unauthenticated("A page ticket does not open this: it is for its page alone")
        return Caller(page_ticket=token.strip())
    return _caller(await request.app[BEARER_TOKENS].claims(token.strip()))


def _caller(claims: Mapping[str, Any]) -> Caller:
    subject, roles = claims["sub"], claims.get("roles", [])
    if not isinstance(subject, str) or not subject:
        raise Unauthenticated("The bearer token is not valid: its sub is empty")
    if not isinstance(roles, list) or not all(isinstance(role, str) for role in roles):
        raise Unauthenticated("The bearer token is not valid: its roles are no list of names")
    return Caller(subject=subject, roles=frozenset(roles))


async def signed_in(request: web.Request) -> Caller:
    caller = await caller_of(request)
    if caller.subject is None:
        raise Unauthenticated("This needs a bearer token")
    return caller


async def with_role(request: web.Request, role: str) -> Actor:
    """Return who acts, for the audit; raise Unauthenticated or MissingRole."""
    caller = await signed_in(request)
    if role not in caller.roles:
        raise MissingRole(role)
    return Actor(f"{role}:{caller.subject}")
