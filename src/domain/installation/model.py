"""One installation: which provider account its database belongs to, for ever."""

from __future__ import annotations

import attrs


@attrs.frozen(kw_only=True)
class Installation:
    """*mode* is sandbox, test or live. *instance* is random, and stamped on all we send."""

    mode: str
    account_id: str
    instance: str

    @property
    def livemode(self) -> bool:
        return self.mode == "live"
