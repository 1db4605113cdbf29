"""Errors -> problem details (RFC 9457), in one table instead of in every handler."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Final

import msgspec
import structlog
from aiohttp import web
from aiohttp.typedefs import Handler

from domain.payments.errors import (
    CheckoutDelayed,
    ProviderMisconfigured,
    ProviderUnavailable,
)
from domain.provider_events.errors import BadSignature
from domain.refunds.errors import RefundExceedsRemaining
from domain.shared.errors import (
    Conflict,
    Declined,
    DomainError,
    Forbidden,
    Invalid,
    NotFound,
    StorageUnavailable,
    Unavailable,
)
from entrypoints.http.keys import REQUEST_ID

log: structlog.stdlib.BoundLogger = structlog.get_logger()

PROBLEM_JSON: Final = "application/problem+json"
STATUS: Final[Mapping[type[DomainError], HTTPStatus]] = {
    NotFound: HTTPStatus.NOT_FOUND,
    Conflict: HTTPStatus.CONFLICT,
    Invalid: HTTPStatus.UNPROCESSABLE_ENTITY,
    Forbidden: HTTPStatus.FORBIDDEN,
    Declined: HTTPStatus.PAYMENT_REQUIRED,
    Unavailable: HTTPStatus.SERVICE_UNAVAILABLE,
    ProviderMisconfigured: HTTPStatus.SERVICE_UNAVAILABLE,
    BadSignature: HTTPStatus.BAD_REQUEST,
    DomainError: HTTPStatus.BAD_REQUEST,
}
HINTS: Final[Mapping[int, str]] = {
    404: "There is nothing at this address: docs/api.md lists what there is",
    405: "This address does not take that method",
    413: "The body is larger than 1 MiB",
}


class Malformed(DomainError):
    """The request cannot even be read."""

    code = "malformed_request"


class Unauthenticated(DomainError):
    """No bearer token, or not a valid one."""

    code = "unauthenticated"


class WrongMediaType(DomainError):
    code = "wrong_media_type"


class TooSlow(DomainError):
    code = "body_too_slow"


EDGE_STATUS: Final[Mapping[type[DomainError], HTTPStatus]] = {
    Malformed: HTTPStatus.BAD_REQUEST,
    Unauthenticated: HTTPStatus.UNAUTHORIZED,
    WrongMediaType: HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    TooSlow: HTTPStatus.REQUEST_TIMEOUT,
}


def status_of(error: DomainError) -> HTTPStatus:
    """Return the status of the nearest ancestor in the tables."""
    table = {**STATUS, **EDGE_STATUS}
    return next(table[kind] for kind in type(error).__mro__ if kind in table)


OUTAGES: Final[Mapping[type[DomainError], str]] = {
    StorageUnavailable: "Our database does not answer at present: try again shortly",
    ProviderUnavailable: "The payment provider does not answer at present: try again shortly",
    ProviderMisconfigured: "The payment provider cannot be asked at present: we have to see to it",
}
"""What callers hear of outages. The words of a driver or a provider are for the log alone."""


def problem(request: web.Request, error: DomainError) -> dict[str, object]:
    """Say what is wrong and what to do, and nothing about our insides."""
    status = status_of(error)
    public = next((OUTAGES[kind] for kind in type(error).__mro__ if kind in OUTAGES), None)
    if public is not None:
        log.warning("request.unavailable", reason=str(error), request_id=request[REQUEST_ID])
    return {
        "type": f"urn:counterfoil:problem:{error.code}",
        "title": error.code.replace("_", " ").capitalize(),
        "status": int(status),
        "detail": public or str(error),
        "request_id": request[REQUEST_ID],
        **_more(error),
    }


def _more(error: DomainError) -> dict[str, object]:
    match error:
        case Invalid():
            listed = [{"pointer": flaw.pointer, "detail": flaw.detail} for flaw in error.flaws]
            return {"detail": "The request is not valid: see errors", "errors": listed}
        case CheckoutDelayed():
            return {"job_id": error.job_id, "access_token": error.access_token}
        case RefundExceedsRemaining():
            return {"remaining": error.remaining.amount_minor, "currency": error.remaining.currency}
        case _:
            return {}


def headers_of(error: DomainError) -> dict[str, str]:
    headers = {}
    retry_after_s = getattr(error, "retry_after_s", None)
    if retry_after_s is not None:
        headers["Retry-After"] = str(retry_after_s)
    if isinstance(error, Unauthenticated):
        headers["WWW-Authenticate"] = 'Bearer realm="counterfoil"'
    if isinstance(error, TooSlow):
        headers["Connection"] = "close"
    return headers


def problem_response(
    body: Mapping[str, object], status: int, headers: Mapping[str, str] | None = None
) -> web.Response:
    return web.Response(
        body=msgspec.json.encode(body), status=status, headers=headers, content_type=PROBLEM_JSON
    )


@web.middleware
async def answer_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except DomainError as error:
        return problem_response(problem(request, error), status_of(error), headers_of(error))
    except web.HTTPException as error:
        return _framework_problem(request, error)
    except Exception:
        log.exception("request.crashed", request_id=request[REQUEST_ID])
        body = _bare(request, 500, "internal_error", "Something broke on our side: it is logged")
        return problem_response(body, HTTPStatus.INTERNAL_SERVER_ERROR)


def _framework_problem(request: web.Request, error: web.HTTPException) -> web.StreamResponse:
    if error.status < HTTPStatus.BAD_REQUEST:
        raise error
    code = HTTPStatus(error.status).phrase.lower().replace(" ", "_")
    detail = HINTS.get(error.status, HTTPStatus(error.status).description)
    allow = {"Allow": error.headers["Allow"]} if "Allow" in error.headers else {}
    return problem_response(_bare(request, error.status, code, detail), error.status, allow)


def _bare(request: web.Request, status: int, code: str, detail: str) -> dict[str, object]:
    return {
        "type": f"urn:counterfoil:problem:{code}",
        "title": code.replace("_", " ").capitalize(),
        "status": status,
        "detail": detail,
        "request_id": request[REQUEST_ID],
    }
