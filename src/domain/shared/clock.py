"""Time as a value: nothing in the domain reads a clock."""

from __future__ import annotations

from datetime import datetime

import attrs


@attrs.frozen(kw_only=True)
class Moment:
    """One instant, told by both clocks. Supplied by the unit of work.

    *now* is the business clock: expiry, deadlines, ages of keys. In sandbox mode it may run ahead.
    *lease_now* is the database's own clock: claims, leases, back-off. It never jumps.
    """

    now: datetime
    lease_now: datetime

    def on_lease_clock(self, business_time: datetime) -> datetime:
        """Say when *business_time* comes, as the lease clock counts."""
        return business_time - (self.now - self.lease_now)
