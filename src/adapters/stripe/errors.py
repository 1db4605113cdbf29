"""What goes wrong at Stripe, in our words: the one table of it.

A no is believed only when Stripe itself says it, about what was asked. Everything else (silence, a
broken answer, "later", an answer that is not Stripe's) leaves the outcome unknown, and the same
call with the same key finds out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import aiohttp
import stripe

from domain.payments.errors import ProviderMisconfigured, ProviderRefused, ProviderUnavailable
from domain.shared.errors import DomainError

LATER: Final = frozenset({"idempotency_key_in_use", "lock_timeout", "rate_limit"})
"""Not about what was asked, but about when, whatever status it comes with."""

OUR_ACCOUNT: Final = frozenset(
    {
        "account_closed",
        "account_invalid",
        "api_key_expired",
        "livemode_mismatch",
        "platform_api_key_expired",
        "secret_key_required",
        "testmode_charges_only",
    }
)
"""A definite no to whoever asks with this key: nothing of the order is to blame."""

NAME: Final = re.compile(r"[A-Za-z0-9_.\-\[\]]{1,100}")


@contextmanager
def translated() -> Iterator[None]:
    """Let nothing of the library's out of the call inside, and nothing of the answer's words.

    Stripe's sentences quote what it was sent, e-mail addresses too, so the original is not kept as
    the cause: a log would print it.
    """
    try:
        yield
    except stripe.StripeError as error:
        raise _ours(error) from None
    except aiohttp.ClientConnectorError as error:
        raise ProviderUnavailable(f"Stripe cannot be reached: {_kind(error)}") from None
    except TimeoutError:
        raise ProviderUnavailable("Stripe did not answer in time") from None
    except (aiohttp.ClientError, OSError) as error:
        raise ProviderUnavailable(f"Stripe's answer broke off: {_kind(error)}") from None
    except (AttributeError, ValueError, RecursionError) as error:
        # So the library reacts to JSON that is no error of Stripe's, or to no UTF-8.
        raise unreadable(_kind(error)) from None


def unreadable(why: str) -> ProviderUnavailable:
    """An answer we cannot make sense of tells nothing: not a yes, and not a no."""
    return ProviderUnavailable(f"Stripe gave an unreadable answer: {why}")


def _ours(error: stripe.StripeError) -> DomainError:
    code = _code(error)
    match error:
        case stripe.AuthenticationError() | stripe.PermissionError():
            return ProviderMisconfigured(f"Stripe does not accept our key: {_facts(error)}")
        case stripe.IdempotencyError():
            return ProviderMisconfigured(
                "The same idempotency key was sent with other parameters, which must never "
                f"happen, for they are frozen: {_facts(error)}"
            )
        case stripe.InvalidRequestError() | stripe.CardError() if code in OUR_ACCOUNT:
            return ProviderMisconfigured(f"Stripe refuses our account: {_facts(error)}")
        case stripe.InvalidRequestError() | stripe.CardError() if code not in LATER:
            return ProviderRefused(code or _blamed(error))
        case _:
            return ProviderUnavailable(f"Stripe did not do it, or did not say: {_facts(error)}")


def _facts(error: stripe.StripeError) -> str:
    """Enough to find it in Stripe's log of requests, and nothing a customer told us."""
    facts = [f"HTTP {error.http_status}", _kind(error)]
    if code := _code(error):
        facts.append(code)
    if request_id := _name(error.request_id):
        facts.append(request_id)
    if was_replayed(error.headers):
        facts.append("Idempotent-Replayed: true")
    return ", ".join(facts)


def was_replayed(headers: object) -> bool:
    """Whether an answer is the remembered one of an earlier call with the same key."""
    items = getattr(headers, "items", dict[str, str]().items)()
    return any(
        str(name).lower() == "idempotent-replayed" and value == "true" for name, value in items
    )


def _code(error: stripe.StripeError) -> str | None:
    """Stripe's code, wherever this kind of error keeps it."""
    body = error.json_body
    details = body.get("error") if isinstance(body, dict) else None
    return _name(details.get("code")) if isinstance(details, dict) else None


def _blamed(error: stripe.InvalidRequestError | stripe.CardError) -> str:
    """Refusals without a code (a refund above what is left) at least blame a parameter."""
    parameter = _name(error.param)
    return f"invalid_request({parameter})" if parameter else "invalid_request"


def _name(value: object) -> str | None:
    return value if isinstance(value, str) and NAME.fullmatch(value) else None


def _kind(error: BaseException) -> str:
    return type(error).__name__
