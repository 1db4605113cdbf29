from __future__ import annotations

from domain.shared.errors import Conflict


class WrongDatabase(Conflict):
    """This database belongs to another provider account, or to another mode."""

    code = "wrong_database"

    def __init__(self, stamped: str, given: str) -> None:
        super().__init__(
            f"This database was first used with {stamped}, and now the settings say {given}. "
            "Use that key again, or give this one a database of its own."
        )


class ClockIsReal(Conflict):
    code = "clock_is_real"

    def __init__(self) -> None:
        super().__init__("Only in sandbox mode can the clock be moved")
