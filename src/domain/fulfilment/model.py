"""What a worker is handed."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import attrs

from domain.shared.ids import JobId


@attrs.frozen(kw_only=True)
class Assignment:
    """A leased job. *lease_expires_at* is on the lease clock: heartbeat well before it."""

    job_id: JobId
    lease: str = attrs.field(repr=False)
    offer: str
    quantity: int
    inputs: Mapping[str, object]
    attempt: int
    lease_expires_at: datetime
    deadline_at: datetime | None
