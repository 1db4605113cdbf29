"""What can go wrong, in words which say what to do about it."""


class EmbeddedPostgresError(RuntimeError):
    """The embedded server cannot be used here; the message says why and what else would work."""

    def __init__(self, problem: str) -> None:
        super().__init__(f"{problem}\nOr set DATABASE_URL to a PostgreSQL 15 or newer.")
