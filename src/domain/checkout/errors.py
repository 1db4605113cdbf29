from __future__ import annotations

from domain.shared.errors import Conflict


class CheckoutBusy(Conflict):
    """Another request is talking to the provider about this very checkout."""

    code = "checkout_busy"
    retry_after_s = 2

    def __init__(self, job_id: str) -> None:
        super().__init__(f"Another request is opening a checkout for {job_id}: ask again shortly")
