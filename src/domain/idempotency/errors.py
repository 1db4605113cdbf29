from __future__ import annotations

from domain.shared.errors import Conflict, Flaw, Invalid


class KeyReused(Invalid):
    code = "idempotency_key_reused"

    def __init__(self) -> None:
        super().__init__(
            [Flaw("", "this Idempotency-Key was used with another body: take a new key")]
        )


class KeyInUse(Conflict):
    """The first request with this key is still running."""

    code = "idempotency_key_in_use"
    retry_after_s = 2

    def __init__(self) -> None:
        super().__init__("A request with this Idempotency-Key is still running: ask again shortly")
