"""Refusals in Stripe's words and Stripe's shape."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import attrs

HELP = "Please see https://stripe.com/docs or we can help at https://support.stripe.com/."


@attrs.define(eq=False, kw_only=True)
class ApiError(Exception):
    """*kept* says whether an idempotency key remembers it: only what was executed is kept."""

    message: str
    status: int = HTTPStatus.BAD_REQUEST
    type: str = "invalid_request_error"
    code: str | None = None
    param: str | None = None
    more: Mapping[str, Any] = attrs.field(factory=dict)
    headers: Mapping[str, str] = attrs.field(factory=dict)
    kept: bool = True

    def body(self, request_id: str) -> dict[str, Any]:
        error: dict[str, Any] = {}
        if self.code is not None:
            error["code"] = self.code
            error["doc_url"] = f"https://stripe.com/docs/error-codes/{self.code.replace('_', '-')}"
        error["message"] = self.message
        if self.param is not None:
            error["param"] = self.param
        error["request_log_url"] = f"https://dashboard.stripe.com/test/logs/{request_id}"
        return {"error": error | {"type": self.type} | dict(self.more)}


def invalid(message: str, *, param: str | None = None, code: str | None = None) -> ApiError:
    """Refused while reading the parameters, before anything was executed."""
    return ApiError(message=message, param=param, code=code, kept=False)


def refused(message: str, *, param: str | None = None, code: str | None = None) -> ApiError:
    """Refused by the books: executed, and therefore remembered under the key."""
    return ApiError(message=message, param=param, code=code)


def missing(
    kind: str, object_id: str, *, param: str = "id", status: int = HTTPStatus.NOT_FOUND
) -> ApiError:
    return ApiError(
        message=f"No such {kind}: '{object_id}'",
        code="resource_missing",
        param=param,
        status=status,
    )


def unknown_parameters(paths: list[str]) -> ApiError:
    plural = "s" if len(paths) > 1 else ""
    return invalid(
        f"Received unknown parameter{plural}: {', '.join(paths)}",
        param=paths[0],
        code="parameter_unknown",
    )


def missing_parameter(path: str) -> ApiError:
    return invalid(f"Missing required param: {path}.", param=path, code="parameter_missing")


def empty_parameter(path: str) -> ApiError:
    return invalid(
        f"You passed an empty string for '{path}'. We assume empty values are an attempt to unset "
        f"a parameter; however '{path}' cannot be unset. You should remove '{path}' from your "
        "request or supply a non-empty value.",
        param=path,
        code="parameter_invalid_empty",
    )


def unrecognized_url(method: str, path: str) -> ApiError:
    return ApiError(
        message=f"Unrecognized request URL ({method}: {path}). {HELP}",
        status=HTTPStatus.NOT_FOUND,
        kept=False,
    )


def unauthorized(message: str, *, code: str | None = None) -> ApiError:
    return ApiError(
        message=message,
        status=HTTPStatus.UNAUTHORIZED,
        code=code,
        kept=False,
        headers={"WWW-Authenticate": 'Basic realm="Stripe"'},
    )


def rate_limited() -> ApiError:
    return ApiError(
        message="Request rate limit exceeded. Learn more about rate limits here "
        "https://stripe.com/docs/rate-limits.",
        status=HTTPStatus.TOO_MANY_REQUESTS,
        code="rate_limit",
        headers={"Stripe-Rate-Limited-Reason": "global-rate"},
        kept=False,
    )


def lock_timeout() -> ApiError:
    return ApiError(
        message="This object cannot be accessed right now because another API request or Stripe "
        "process is currently accessing it. If you see this error intermittently, retry the "
        "request. If you see this error frequently and are making multiple concurrent requests "
        "to a single object, make your requests serially or at a lower rate. For more details, "
        "see https://stripe.com/docs/rate-limits#object-lock-timeouts.",
        status=HTTPStatus.TOO_MANY_REQUESTS,
        code="lock_timeout",
        kept=False,
    )


def key_in_use(key: str) -> ApiError:
    return ApiError(
        message="There is currently another in-progress request using this Idempotent Key (that "
        "probably means you submitted twice, and the other request is still going through): "
        f"{key}. Please try again later.",
        status=HTTPStatus.CONFLICT,
        type="idempotency_error",
        code="idempotency_key_in_use",
        headers={"Stripe-Should-Retry": "true"},
        kept=False,
    )


def key_reused(key: str, *, elsewhere: str | None) -> ApiError:
    """*elsewhere* is the path the key was first used with, when that is what differs."""
    same = f"endpoint ({elsewhere})" if elsewhere else "parameters they were first used with"
    instead = "endpoint" if elsewhere else "request"
    return ApiError(
        message=f"Keys for idempotent requests can only be used with the same {same}. Try using "
        f"a key other than '{key}' if you meant to execute a different {instead}.",
        type="idempotency_error",
        kept=False,
    )


def internal() -> ApiError:
    return ApiError(
        message="An unknown error occurred",
        status=HTTPStatus.INTERNAL_SERVER_ERROR,
        type="api_error",
    )
