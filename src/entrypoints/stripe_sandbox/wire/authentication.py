"""The key a request carries: a test mode secret or restricted key, as bearer or basic."""

import base64
import binascii
import re
from collections.abc import Mapping
from typing import Final

from entrypoints.stripe_sandbox.wire.errors import ApiError, unauthorized

TEST_KEY: Final = re.compile(r"(sk|rk)_test_[A-Za-z0-9_]+")
SHOWN: Final = 4
NO_KEY: Final = (
    "You did not provide an API key. You need to provide your API key in the Authorization header, "
    "using Bearer auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY'). See "
    "https://stripe.com/docs/api#authentication for details, or we can help at "
    "https://support.stripe.com/."
)
PUBLISHABLE: Final = (
    "This API call cannot be made with a publishable API key. Please use a secret API key. You can "
    "find a list of your API keys at https://dashboard.stripe.com/account/apikeys."
)


def authenticate(headers: Mapping[str, str], account_id: str) -> None:
    key = key_in(headers.get("Authorization", ""))
    if not key:
        raise unauthorized(NO_KEY)
    if key.startswith("pk_"):
        raise unauthorized(PUBLISHABLE, code="secret_key_required")
    if TEST_KEY.fullmatch(key) is None:
        raise unauthorized(f"Invalid API Key provided: {redacted(key)}")
    other = headers.get("Stripe-Account", account_id)
    if other != account_id:
        raise ApiError(
            message=f"The provided key '{redacted(key)}' does not have access to account "
            f"'{other}' (or that account does not exist). Application access may have been revoked.",
            status=403,
            code="account_invalid",
            kept=False,
        )


def key_in(authorization: str) -> str:
    scheme, _, credentials = authorization.partition(" ")
    if scheme.lower() == "bearer":
        return credentials.strip()
    if scheme.lower() != "basic":
        return ""
    try:
        decoded = base64.b64decode(credentials, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return ""
    return decoded.partition(":")[0]


def redacted(key: str) -> str:
    prefix = "_".join(key.split("_")[:2])
    hidden = "*" * max(0, len(key) - len(prefix) - SHOWN - 1)
    return f"{prefix}_{hidden}{key[-SHOWN:]}"
