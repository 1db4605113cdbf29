"""Many databases on one server, cheaply: for tests."""

from typing import Final
from urllib.parse import quote, urlsplit, urlunsplit

import asyncpg

# Connected to while another database is made or dropped.
MAINTENANCE: Final = "postgres"
NAME_LIMIT_BYTES: Final = 63


async def create_database(dsn: str, name: str, *, template: str | None = None) -> str:
    """The DSN of the new database *name*, a copy of *template* when given.

    Nobody may be connected to the template. Raises asyncpg.DuplicateDatabaseError,
    asyncpg.ObjectInUseError, or ValueError for a name which PostgreSQL would cut off.
    """
    copied = f" TEMPLATE {quoted(template)}" if template is not None else ""
    await _execute(dsn, f"CREATE DATABASE {quoted(name)}{copied}")
    return database_dsn(dsn, name)


async def drop_database(dsn: str, name: str) -> None:
    """Drop *name* if it is there, connected clients or not."""
    await _execute(dsn, f"DROP DATABASE IF EXISTS {quoted(name)} WITH (FORCE)")


def database_dsn(dsn: str, name: str) -> str:
    """*dsn* with the database *name* in place of its own."""
    return urlunsplit(urlsplit(dsn)._replace(path=f"/{quote(name, safe='')}"))


def quoted(name: str) -> str:
    """*name* as an SQL identifier; statements about databases take no parameters."""
    if not name or "\0" in name or len(name.encode()) > NAME_LIMIT_BYTES:
        raise ValueError(f"not a database name: {name!r}")
    return '"' + name.replace('"', '""') + '"'


async def _execute(dsn: str, statement: str) -> None:
    connection = await asyncpg.connect(dsn, database=MAINTENANCE)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()
