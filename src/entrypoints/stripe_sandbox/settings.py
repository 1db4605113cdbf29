"""What the process that runs the sandbox decides."""

from pathlib import Path
from typing import Final

import attrs

HOUR_S: Final = 3600.0
# Stripe keeps trying for up to three days; the exact intervals are not published.
RETRY_SCHEDULE_S: Final = (5.0, 30.0, 120.0, 600.0, *([HOUR_S] * 71))


@attrs.frozen(kw_only=True)
class SandboxSettings:
    """*public_url* is where its pages are reached; empty means as the request came in.

    Without *state_dir* everything is forgotten at the end. Delays are on the sandbox's clock,
    *delivery_timeout_s* is on the wall's.
    """

    public_url: str = ""
    state_dir: Path | None = None
    webhook_url: str | None = None
    webhook_secrets: tuple[str, ...] = attrs.field(default=(), repr=False)
    merchant_name: str = "Example Shop"
    account_id: str = "acct_1Sandbox00000001"
    api_version: str = "2026-10-28.endive"
    retry_schedule_s: tuple[float, ...] = RETRY_SCHEDULE_S
    seed: int | None = None
    settlement_delay_s: float = 2.0
    refund_delay_s: float = 10.0
    debit_delay_s: float = 3 * 24 * HOUR_S
    delivery_timeout_s: float = 20.0

    def __attrs_post_init__(self) -> None:
        if self.webhook_url is not None and not all((*self.webhook_secrets, self.webhook_secrets)):
            raise ValueError("webhook_url needs webhook_secrets, none of them empty")
