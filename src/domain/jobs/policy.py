"""Who may see a job, how long a lease lasts, and what may still be honoured."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

import attrs

from domain.jobs.model import Job
from domain.offers.model import Offer
from domain.shared.clock import Moment

LEASE_DEFAULT: Final = timedelta(seconds=60)
LEASE_MIN_S: Final = 1
LEASE_MAX_S: Final = 3600
PAGE_TICKET_LIFE: Final = timedelta(hours=48)
"""Until 24 h after the checkout. The provider says when that ends only after the addresses have
been sent to it, but none lives longer than 24 h."""


class PagePurpose(StrEnum):
    """Which of our own pages a ticket was put on."""

    SUCCESS = "success"
    CANCEL = "cancel"


@attrs.frozen(kw_only=True)
class Caller:
    """Who asks. *guest_token* and *page_ticket* are opaque, and proven against the job."""

    subject: str | None = None
    roles: frozenset[str] = frozenset()
    guest_token: str | None = attrs.field(default=None, repr=False)
    page_ticket: str | None = attrs.field(default=None, repr=False)

    @property
    def is_admin(self) -> bool:
        return "admin" in self.roles


ANYONE: Final = Caller()


def lease_until(job: Job, moment: Moment, length: timedelta) -> datetime:
    """The end of a lease taken or renewed now, on the lease clock: never past the deadline."""
    wanted = moment.lease_now + length
    if job.deadline_at is None:
        return wanted
    return min(wanted, moment.on_lease_clock(job.deadline_at))


def is_overdue(job: Job, moment: Moment) -> bool:
    return job.deadline_at is not None and job.deadline_at <= moment.now


def can_be_honoured(offer: Offer | None) -> bool:
    """Whether money that comes late can still buy the work: only while the offer is sold."""
    return offer is not None and offer.active
