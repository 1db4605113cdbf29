"""Faults to order: which of Stripe's answers go wrong, how, and how often.

A rule's *path* is a glob over the request path (`/v1/refunds`, `/v1/checkout/sessions/*`),
or a regular expression that must match from the start when it begins with `^`.
"""

import re
from fnmatch import fnmatchcase
from random import Random
from typing import Final

import attrs

from entrypoints.stripe_sandbox.books import Books, Json

FAULT: Final = "_fault"
KINDS: Final = (
    "error",
    "timeout_before",
    "timeout_after",
    "reset_mid_body",
    "slow",
    "rate_limit",
    "lock_timeout",
)
SERVER_ERROR: Final = 500
# What Stripe's endpoints answer themselves is remembered under an idempotency key. What its
# edge answers (bad gateway, unavailable, the limiter, a revoked key) is not.
KEPT_STATUSES: Final = frozenset({400, 402, 404, 500})
HANG_S: Final = 90.0
SLOW_S: Final = 1.0


@attrs.frozen(kw_only=True)
class Fault:
    """One fault about to happen to one request."""

    kind: str
    status: int
    delay_s: float
    applied: bool
    kept: bool
    code: str | None


class Faults:
    def __init__(self, books: Books, random: Random) -> None:
        self._books = books
        self._random = random

    def all(self) -> list[Json]:
        return list(self._books.all(FAULT).values())

    def strike(self, method: str, path: str) -> Fault | None:
        """The first rule that matches and fires. Every rule that matches counts the request."""
        for rule in self.all():
            if matches(rule, method, path) and self._fires(rule):
                return fault_of(rule)
        return None

    def _fires(self, rule: Json) -> bool:
        seen = rule["seen"] + 1
        spent = rule["times"] is not None and rule["fired"] >= rule["times"]
        fires = seen > rule["after"] and not spent and self._random.random() < rule["probability"]
        counted = rule | {"seen": seen, "fired": rule["fired"] + fires}
        with self._books.unit():
            self._books.put(FAULT, counted)
        return fires


def matches(rule: Json, method: str, path: str) -> bool:
    if rule["method"] not in {"*", method}:
        return False
    pattern: str = rule["path"]
    if pattern.startswith("^"):
        return re.match(pattern, path) is not None
    return fnmatchcase(path, pattern)


def fault_of(rule: Json) -> Fault:
    default_delay_s = SLOW_S if rule["kind"] == "slow" else HANG_S
    status = rule["status"] or SERVER_ERROR
    kept = rule["kept"]
    return Fault(
        kind=rule["kind"],
        status=status,
        delay_s=default_delay_s if rule["delay_s"] is None else rule["delay_s"],
        applied=rule["applied"],
        kept=status in KEPT_STATUSES if kept is None else kept,
        code=rule["code"],
    )
