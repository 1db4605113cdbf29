"""Proof that an event is Stripe's, and from just now.

Ours, because the library's accepts an empty secret, any time in the future, and any age at all
when its tolerance is unset, and fails with a TypeError on a header that is not ASCII.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Callable, Sequence
from typing import Final

import attrs

from domain.provider_events.errors import BadSignature

HEADER_LENGTH_MAX: Final = 8 * 1024
SIGNATURES_MAX: Final = 20
"""Stripe sends one for each secret in use, of which there are two for a day after a change."""
TOLERANCE_MAX_S: Final[float] = 300
TIME: Final = re.compile(r"[0-9]{1,12}")
PREFIX: Final = "whsec_"


def _usable(_: object, __: attrs.Attribute[Sequence[str]], secrets: Sequence[str]) -> None:
    if isinstance(secrets, str) or not secrets:
        raise ValueError("at least one webhook secret is needed")
    for secret in secrets:
        if not re.fullmatch(rf"{PREFIX}[!-~]+", secret):
            # Anybody can sign with an empty secret. The secret itself is not repeated here.
            raise ValueError(f"a webhook secret begins with {PREFIX} and goes on without spaces")


def _cannot_be_switched_off(_: object, __: attrs.Attribute[float], value: float) -> None:
    if isinstance(value, bool) or not 0 < value <= TOLERANCE_MAX_S:
        raise ValueError(f"the tolerance is above 0 and at most {TOLERANCE_MAX_S} seconds")


@attrs.frozen(kw_only=True)
class StripeEventVerifier:
    """Accepts what any of *secrets* has signed, so that one can be changed for another.

    *wall_clock* gives seconds since the epoch. Refuses to be made with a tolerance of nothing, of
    more than five minutes, or with a secret that is none.
    """

    secrets: Sequence[str] = attrs.field(repr=False, validator=_usable)
    wall_clock: Callable[[], float]
    tolerance_s: float = attrs.field(default=TOLERANCE_MAX_S, validator=_cannot_be_switched_off)

    def verify(self, payload: bytes, signature: str | None) -> None:
        """Check the bytes as they came, never JSON written anew; raise BadSignature."""
        time, given = _parsed(signature)
        # Both ways: one from the future could be kept, and sent again for as long as it is new.
        if abs(self.wall_clock() - int(time)) > self.tolerance_s:
            raise BadSignature("not from just now")
        signed = time + b"." + payload
        right = False
        for secret in self.secrets:
            expected = hmac.digest(secret.encode(), signed, "sha256").hex().encode()
            for one in given:
                # No early end: how long it takes does not tell how much was right.
                right |= hmac.compare_digest(expected, one)
        if not right:
            raise BadSignature("no signature of ours fits")


def _parsed(header: str | None) -> tuple[bytes, list[bytes]]:
    """Read ``t=<seconds>,v1=<hex>[,v1=<hex>]``; other schemes are passed over."""
    if not header:
        raise BadSignature("no signature")
    if len(header) > HEADER_LENGTH_MAX or not header.isascii():
        raise BadSignature("no such header is Stripe's")
    pairs = [item.partition("=") for item in header.split(",")]
    times = [value for name, _, value in pairs if name == "t"]
    given = [value.encode() for name, _, value in pairs if name == "v1"]
    if len(times) != 1 or not TIME.fullmatch(times[0]):
        raise BadSignature("not exactly one time")
    if not 1 <= len(given) <= SIGNATURES_MAX:
        raise BadSignature("no signature, or too many")
    return times[0].encode(), given
