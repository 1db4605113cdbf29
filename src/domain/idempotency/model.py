"""A caller's key for one request: the same key and body get the first answer again."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

import attrs

from domain.shared.ids import JobId

KEY_LENGTH_MAX: Final = 255
ANONYMOUS_KEY_LENGTH_MIN: Final = 32
"""An anonymous caller's key is also what proves the answer is theirs: it must be unguessable."""
RUNNING_FOR_AT_MOST: Final = timedelta(seconds=30)
KEPT_FOR: Final = timedelta(hours=24)


@attrs.frozen(kw_only=True)
class KeyedRequest:
    """*scope* is the caller, *fingerprint* a hash of the route and the body."""

    scope: str
    key: str = attrs.field(repr=False)
    fingerprint: str


@attrs.frozen(kw_only=True)
class Answer:
    """A stored answer. *body* holds no token and no session address: both are put back."""

    status: int
    body: Mapping[str, object]


@attrs.frozen(kw_only=True)
class KeyRecord:
    """What is known of a key. *locked_until* is on the lease clock, *first_used_at* business."""

    request: KeyedRequest
    first_used_at: datetime
    locked_until: datetime | None
    job_id: JobId | None = None
    answer: Answer | None = None
