"""Answers: JSON out, and the same answer again for the same idempotency key."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final, TypeAlias

import attrs
import msgspec
import structlog
from aiohttp import web

from domain.idempotency.model import (
    ANONYMOUS_KEY_LENGTH_MIN,
    KEY_LENGTH_MAX,
    Answer,
    KeyedRequest,
    KeyRecord,
)
from domain.jobs.policy import Caller
from domain.shared.errors import DomainError, Flaw, Invalid, StorageUnavailable
from entrypoints.http.errors import (
    Malformed,
    headers_of,
    problem,
    problem_response,
    status_of,
)
from entrypoints.http.keys import APPLICATION

log: structlog.stdlib.BoundLogger = structlog.get_logger()

NEVER_STORED: Final = ("access_token", "session_url")
CONFLICT: Final = 409
SERVER_ERROR: Final = 500


@attrs.frozen
class Reply:
    status: int
    body: Mapping[str, object]


Run: TypeAlias = Callable[[KeyRecord | None], Awaitable[Reply]]
"""Do what is asked; given the key's record when there is one, to bind the job or resume it."""


def json_response(
    body: object, *, status: int = 200, headers: Mapping[str, str] | None = None
) -> web.Response:
    return web.Response(
        body=msgspec.json.encode(body),
        status=status,
        headers=headers,
        content_type="application/json",
    )


def timestamp(at: datetime | None) -> str | None:
    """Write a time as RFC 3339 in UTC, to the millisecond."""
    if at is None:
        return None
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


async def keyed(
    request: web.Request, caller: Caller, body: msgspec.Struct, run: Run
) -> web.Response:
    """Run a request once per Idempotency-Key; without one, just run it.

    Answers of 409 and of 5xx are not kept: a retry with the key runs again, and resumes the job
    the key has made.
    """
    keyed_request = _keyed_request(request, caller, body)
    if keyed_request is None:
        reply = await run(None)
        return json_response(reply.body, status=reply.status)
    record = await request.app[APPLICATION].claim_key(keyed_request)
    if record.answer is not None:
        return await _replay(request, caller, record, record.answer)
    return await _run(request, record, run)


async def _run(request: web.Request, record: KeyRecord, run: Run) -> web.Response:
    try:
        reply = await run(record)
    except DomainError as error:
        status, body = status_of(error), problem(request, error)
        kept = status != CONFLICT and status < SERVER_ERROR
        await _settle_quietly(request, record, _storable(status, body) if kept else None)
        return problem_response(body, status, headers_of(error))
    except BaseException:
        await _settle_quietly(request, record, None)
        raise
    settle = request.app[APPLICATION].settle_key
    await settle(record.request, _storable(reply.status, reply.body))
    return json_response(reply.body, status=reply.status)


async def _settle_quietly(request: web.Request, record: KeyRecord, answer: Answer | None) -> None:
    """What went wrong first is what the caller must hear of; the key's lock lapses by itself."""
    try:
        await request.app[APPLICATION].settle_key(record.request, answer)
    except StorageUnavailable as error:
        log.warning("idempotency_key.not_settled", reason=str(error))


def _storable(status: int, body: Mapping[str, object]) -> Answer:
    return Answer(status=status, body={k: v for k, v in body.items() if k not in NEVER_STORED})


async def _replay(
    request: web.Request, caller: Caller, record: KeyRecord, answer: Answer
) -> web.Response:
    headers = {"Idempotent-Replayed": "true"}
    body: dict[str, Any] = dict(answer.body)
    if answer.status >= HTTP_BAD_REQUEST:
        return problem_response(body, answer.status, headers)
    # Only a purchase binds its job to the key; paying again says in its answer which it was.
    job_id = record.job_id or body.get("job_id")
    if "session_id" in body and job_id is not None:
        recall = request.app[APPLICATION].recall_checkout
        token, url = await recall(job_id, str(body["session_id"]))
        body["session_url"] = url
        if "publishable_key" in body:
            body["access_token"] = None if caller.page_ticket else token
    return json_response(body, status=answer.status, headers=headers)


HTTP_BAD_REQUEST: Final = 400


def _keyed_request(
    request: web.Request, caller: Caller, body: msgspec.Struct
) -> KeyedRequest | None:
    given = request.headers.getall("Idempotency-Key", [])
    if not given:
        return None
    key = given[0]
    if len(given) > 1 or not 1 <= len(key) <= KEY_LENGTH_MAX or not _is_plain(key):
        raise Malformed(f"Send one Idempotency-Key of 1 to {KEY_LENGTH_MAX} ASCII characters")
    scope = _scope(caller)
    if scope == "anonymous" and len(key) < ANONYMOUS_KEY_LENGTH_MIN:
        detail = f"the Idempotency-Key header needs at least {ANONYMOUS_KEY_LENGTH_MIN} random characters without a bearer token"
        raise Invalid([Flaw("", detail)])
    what = msgspec.json.encode([request.method, request.path, body], order="sorted")
    return KeyedRequest(scope=scope, key=key, fingerprint=hashlib.sha256(what).hexdigest())


def _is_plain(key: str) -> bool:
    return key.isascii() and key.isprintable()


def _scope(caller: Caller) -> str:
    if caller.subject is not None:
        return f"user:{caller.subject}"
    if caller.guest_token is not None:
        return f"guest:{hashlib.sha256(caller.guest_token.encode()).hexdigest()}"
    if caller.page_ticket is not None:
        return f"ticket:{hashlib.sha256(caller.page_ticket.encode()).hexdigest()}"
    return "anonymous"
