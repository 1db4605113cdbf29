"""What a purchase must look like before anything is written."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Final
from urllib.parse import SplitResult, parse_qsl, urlencode, urlsplit

from domain.checkout.model import JobView, PaymentView, Purchase
from domain.jobs.model import Job
from domain.jobs.policy import Caller
from domain.jobs.ports import AccessTokens
from domain.offers.policy import card_number_flaws
from domain.shared.errors import Flaw
from domain.shared.ids import JobId

METADATA_KEYS_MAX: Final = 20
METADATA_KEY_LENGTH_MAX: Final = 40
METADATA_VALUE_LENGTH_MAX: Final = 500
RESERVED_METADATA: Final = frozenset(
    {"app", "instance", "job_id", "payment_id", "offer", "refund_id", "failure_reason"}
)
EMAIL: Final = re.compile(r"[^\s@<>\"',;:\\]{1,64}@[^\s@<>\"',;:\\.]+(\.[^\s@<>\"',;:\\.]+)+")
EMAIL_LENGTH_MAX: Final = 254
URL_LENGTH_MAX: Final = 2_000


def flaws_of(purchase: Purchase, allowed_origins: Iterable[str]) -> Iterator[Flaw]:
    """Yield what is wrong with everything but the offer's own price and inputs."""
    allowed = frozenset(allowed_origins)
    yield from _metadata_flaws(purchase.metadata)
    yield from _email_flaws(purchase.customer_email)
    for pointer, url in (
        ("/success_url", purchase.success_url),
        ("/cancel_url", purchase.cancel_url),
    ):
        if url is not None and not _is_allowed(url, allowed):
            yield Flaw(pointer, "must be on one of the allowed origins, without user or fragment")


def _metadata_flaws(metadata: Mapping[str, str]) -> Iterator[Flaw]:
    if len(metadata) > METADATA_KEYS_MAX:
        yield Flaw("/metadata", f"must have at most {METADATA_KEYS_MAX} keys")
    yield from card_number_flaws("/metadata", metadata)
    for key, value in metadata.items():
        if key in RESERVED_METADATA:
            yield Flaw(f"/metadata/{key}", "is a name of ours: take another")
        if not 1 <= len(key) <= METADATA_KEY_LENGTH_MAX or set(key) & set("[]/~"):
            yield Flaw(
                "/metadata", f"keys have 1 to {METADATA_KEY_LENGTH_MAX} characters, none of []/~"
            )
        elif not 1 <= len(value) <= METADATA_VALUE_LENGTH_MAX:
            yield Flaw(f"/metadata/{key}", f"must have 1 to {METADATA_VALUE_LENGTH_MAX} characters")


def _email_flaws(email: str | None) -> Iterator[Flaw]:
    if email is None:
        return
    if len(email) > EMAIL_LENGTH_MAX or not EMAIL.fullmatch(email):
        yield Flaw("/customer_email", "must be an e-mail address")
    yield from card_number_flaws("/customer_email", email)


def origin_of(parts: SplitResult) -> str | None:
    """The scheme, host and port of an address, as origins are compared; None if it has none."""
    try:
        port = parts.port
    except ValueError:
        return None
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        return None
    default = {"http": 80, "https": 443}[parts.scheme]
    shown = "" if port in {None, default} else f":{port}"
    return f"{parts.scheme}://{parts.hostname}{shown}"


def _is_allowed(url: str, allowed: frozenset[str]) -> bool:
    # Browsers read a backslash as a slash and drop control characters and spaces: such an
    # address would be compared as one thing and followed as another.
    if len(url) > URL_LENGTH_MAX or not url.isascii() or not url.isprintable():
        return False
    if any(char in url for char in "\\ {}"):
        return False
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    if parts.username is not None or parts.password is not None or parts.fragment:
        return False
    return origin_of(parts) in allowed


def return_url(base: str, *, outcome: str, job_id: JobId) -> str:
    """Add what the page there needs. The provider's own reference is added by its adapter."""
    parts = urlsplit(base)
    query = parse_qsl(parts.query, keep_blank_values=True)
    ours = {"payment", "job_id", "session_id"}
    kept = [(name, value) for name, value in query if name not in ours]
    added = urlencode([*kept, ("payment", outcome), ("job_id", job_id)])
    return parts._replace(query=added).geturl()


def may_see(caller: Caller, thing: Job | JobView | PaymentView, tokens: AccessTokens) -> bool:
    """Owner, admin, or the guest who can prove it. Nobody else learns that it exists."""
    if caller.is_admin or (caller.subject is not None and caller.subject == thing.owner):
        return True
    return may_act(caller, thing, tokens)


def may_act(caller: Caller, thing: Job | JobView | PaymentView, tokens: AccessTokens) -> bool:
    """Whether the caller may pay for, or cancel, what they bought: an admin may not."""
    if caller.subject is not None and caller.subject == thing.owner:
        return True
    if caller.guest_token is None or thing.owner is not None:
        return False
    job_id = thing.id if isinstance(thing, Job) else thing.job_id
    return tokens.proves(caller.guest_token, job_id, thing.token_generation)
