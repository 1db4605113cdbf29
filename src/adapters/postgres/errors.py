from __future__ import annotations

from collections.abc import Sequence

from domain.shared.errors import StorageUnavailable


class SchemaOutdated(StorageUnavailable):
    """The database is there, and its tables are older than this program."""

    code = "schema_outdated"

    def __init__(self, missing: Sequence[str]) -> None:
        super().__init__(
            f"The database lacks {', '.join(missing)}: run `counterfoil migrate` first"
        )
        self.missing = tuple(missing)


class MigrationChanged(RuntimeError):
    """A file was edited after it had been applied: the database is not what the files say."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"{name} was changed after it had been applied here. Put it back as it was, and "
            "make the change in a new file."
        )


class RefusedByDatabase(RuntimeError):
    """A bug: a constraint or a type has stopped what should never have been asked for."""

    def __init__(self, by: str) -> None:
        super().__init__(f"The database refuses to store this: {by}")
