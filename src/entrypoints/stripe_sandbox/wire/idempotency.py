"""What an idempotency key remembers.

The whole answer, once execution began: a decline and a 500 too. A key may be forgotten after
24 hours of the sandbox's clock, and the same key then executes again.
"""

import hashlib
from typing import Final

import attrs
import msgspec

from entrypoints.stripe_sandbox.books import Json
from entrypoints.stripe_sandbox.sandbox import Sandbox
from entrypoints.stripe_sandbox.wire.errors import invalid, key_in_use, key_reused
from entrypoints.stripe_sandbox.wire.forms import Form

KIND: Final = "_idempotency"
KEPT_FOR_S: Final = 24 * 3600
LONGEST_KEY: Final = 255


@attrs.frozen(kw_only=True)
class Answer:
    """A response as it was first given; *first_request* only when it is given again."""

    status: int
    body: bytes
    request_id: str
    headers: dict[str, str] = attrs.field(factory=dict)
    first_request: str | None = None


def fingerprint(method: str, path: str, form: Form) -> str:
    canonical = msgspec.json.encode([method, path, form], order="deterministic")
    return hashlib.sha256(canonical).hexdigest()


def remembered(sandbox: Sandbox, key: str, path: str, mark: str, request_id: str) -> Answer | None:
    """The stored answer, None for a new key, or raises what a misused key meets."""
    if len(key) > LONGEST_KEY:
        raise invalid(f"Idempotency-Key is too long: at most {LONGEST_KEY} characters.")
    _forget_old(sandbox)
    kept = sandbox.books.get(KIND, scoped(sandbox, key))
    if kept is not None and kept["fingerprint"] != mark:
        raise key_reused(key, elsewhere=kept["path"] if kept["path"] != path else None)
    if scoped(sandbox, key) in sandbox.in_flight:
        raise key_in_use(key)
    return replay(kept, request_id) if kept is not None else None


def replay(kept: Json, request_id: str) -> Answer:
    return Answer(
        status=kept["status"],
        body=kept["body"].encode(),
        request_id=request_id,
        first_request=kept["request_id"],
    )


def remember(sandbox: Sandbox, key: str, path: str, mark: str, answer: Answer) -> None:
    """Inside a unit: the one that made the changes which the answer tells of."""
    stored = {
        "id": scoped(sandbox, key),
        "path": path,
        "fingerprint": mark,
        "status": answer.status,
        "body": answer.body.decode(),
        "request_id": answer.request_id,
        "at": sandbox.clock.now(),
    }
    sandbox.books.put(KIND, stored)


def scoped(sandbox: Sandbox, key: str) -> str:
    return f"{sandbox.settings.account_id}:{key}"


def _forget_old(sandbox: Sandbox) -> None:
    keys = sandbox.books.all(KIND)
    oldest = sandbox.clock.now() - KEPT_FOR_S
    while keys and (first := next(iter(keys.values())))["at"] <= oldest:
        with sandbox.books.unit():
            sandbox.books.delete(KIND, first["id"])
