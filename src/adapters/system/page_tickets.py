"""Page tickets: what the address of our own page proves, for a while. Derived, so never stored."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Sequence
from typing import Final

import attrs

from adapters.system.access_tokens import key_id_of, mac_of
from domain.jobs.policy import PAGE_TICKET_LIFE, PagePurpose
from domain.shared.ids import JobId

PREFIX: Final = "cfp_"
TICKET_LENGTH_MAX: Final = 200


@attrs.frozen
class HmacPageTickets:
    """The first secret signs, every one is accepted, as with access tokens.

    A ticket is ``cfp_<key id>_<purpose>_<expiry>_<mac>``; the expiry is wall time in seconds, as
    in a bearer token. The MAC covers all of it, the job's id and its token generation: raising
    the generation revokes tickets, too.
    """

    secrets: Sequence[bytes] = attrs.field(repr=False)
    wall_clock: Callable[[], float]

    def issue(self, job_id: JobId, generation: int, purpose: PagePurpose) -> str:
        secret = self.secrets[0]
        expiry = str(int(self.wall_clock() + PAGE_TICKET_LIFE.total_seconds()))
        mac = _mac(secret, job_id, generation, purpose, expiry)
        return f"{PREFIX}{key_id_of(secret)}_{purpose}_{expiry}_{mac}"

    def purpose(self, ticket: str, job_id: JobId, generation: int) -> PagePurpose | None:
        parts = ticket.removeprefix(PREFIX).split("_", 3)
        if not ticket.startswith(PREFIX) or len(ticket) > TICKET_LENGTH_MAX or len(parts) != 4:  # noqa: PLR2004  the four of the docstring
            return None
        key_id, purpose, expiry, mac = parts
        proven = False
        for secret in self.secrets:
            right = _mac(secret, job_id, generation, purpose, expiry)
            right_key = hmac.compare_digest(key_id.encode(), key_id_of(secret).encode())
            right_mac = hmac.compare_digest(mac.encode(), right.encode())
            proven |= right_key and right_mac
        # What is proven was written by us: it can be read without a doubt.
        return PagePurpose(purpose) if proven and int(expiry) > self.wall_clock() else None


def _mac(secret: bytes, job_id: JobId, generation: int, purpose: str, expiry: str) -> str:
    return mac_of(secret, f"counterfoil page ticket\0{job_id}\0{generation}\0{purpose}\0{expiry}")
