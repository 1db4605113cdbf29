"""The part of Counterfoil's HTTP API that a client needs, and how to ask again when it is down."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Any, Final, TypeVar

import aiohttp
import attrs

TIMEOUT_S: Final = 10.0
PAUSE_FIRST_S: Final = 0.5
PAUSE_MAX_S: Final = 15.0
NOT_DONE: Final = 300
TOO_MANY_REQUESTS: Final = 429
SERVER_ERROR: Final = 500

Answer = TypeVar("Answer")


class Unanswered(Exception):
    """No answer, or one that says: later. Nobody knows whether it was done; ask again."""

    def __init__(self, why: str, *, retry_after_s: float = 0) -> None:
        super().__init__(why)
        self.retry_after_s = retry_after_s


class Refused(Exception):
    """The API said no, and would say it again. *code* is the last part of the problem's type."""

    def __init__(self, status: int, problem: Mapping[str, Any]) -> None:
        self.status = status
        self.code = str(problem.get("type", "")).rpartition(":")[2]
        errors = [f"{flaw['pointer']} {flaw['detail']}" for flaw in problem.get("errors", [])]
        detail = "; ".join(errors) or problem.get("detail", "no reason given")
        super().__init__(f"{status} {self.code}: {detail}")


@attrs.frozen
class Api:
    session: aiohttp.ClientSession
    url: str
    token: str | None = attrs.field(default=None, repr=False)

    async def get(self, path: str) -> Any:
        return await self._call("GET", path)

    async def post(
        self,
        path: str,
        body: object = None,
        *,
        key: str | None = None,
        timeout_s: float = TIMEOUT_S,
    ) -> Any:
        """Return what was answered, None for 204. Raises Unanswered or Refused.

        With the same *key* (Idempotency-Key) the same thing is not done twice.
        """
        headers = {} if key is None else {"Idempotency-Key": key}
        return await self._call("POST", path, body, headers, timeout_s)

    def as_holder_of(self, token: str) -> Api:
        return attrs.evolve(self, token=token)

    async def _call(
        self,
        method: str,
        path: str,
        body: object = None,
        headers: Mapping[str, str] | None = None,
        timeout_s: float = TIMEOUT_S,
    ) -> Any:
        bearer = {} if self.token is None else {"Authorization": f"Bearer {self.token}"}
        try:
            async with self.session.request(
                method,
                f"{self.url}{path}",
                json=body,
                headers={**bearer, **(headers or {})},
                timeout=aiohttp.ClientTimeout(total=timeout_s),
                allow_redirects=False,
            ) as answer:
                return _understood(answer, await answer.read())
        except TimeoutError:
            raise Unanswered(f"no answer within {timeout_s:.0f} s") from None
        except (aiohttp.ClientError, OSError) as error:
            raise Unanswered(str(error) or type(error).__name__) from error


def _understood(answer: aiohttp.ClientResponse, raw: bytes) -> Any:
    later = answer.status >= SERVER_ERROR or "Retry-After" in answer.headers
    if later or answer.status == TOO_MANY_REQUESTS:
        raise Unanswered(f"it answers {answer.status}", retry_after_s=_retry_after_s(answer))
    try:
        body = json.loads(raw) if raw else None
    except ValueError:
        raise Unanswered(f"it answers {answer.status} and no JSON") from None
    if answer.status >= NOT_DONE:
        raise Refused(answer.status, body if isinstance(body, dict) else {})
    return body


def _retry_after_s(answer: aiohttp.ClientResponse) -> float:
    """Seconds, within reason. Counterfoil never sends a date."""
    given = answer.headers.get("Retry-After", "")
    return min(float(given), PAUSE_MAX_S) if given.isdecimal() else 0


def pauses() -> Iterator[float]:
    """Longer and longer, never longer than PAUSE_MAX_S, and not everybody at the same time."""
    longest = PAUSE_FIRST_S
    while True:
        yield longest * secrets.SystemRandom().uniform(0.5, 1)
        longest = min(longest * 2, PAUSE_MAX_S)


async def insist(
    ask: Callable[[], Awaitable[Answer]], on_trouble: Callable[[Unanswered, float], None]
) -> Answer:
    """Ask until there is an answer. Raises Refused; *on_trouble* hears of each pause."""
    for pause_s in pauses():
        try:
            return await ask()
        except Unanswered as trouble:
            longer_s = max(pause_s, trouble.retry_after_s)
            on_trouble(trouble, longer_s)
            await asyncio.sleep(longer_s)
    raise AssertionError("the pauses never end")
