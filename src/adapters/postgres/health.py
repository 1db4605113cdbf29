from __future__ import annotations

from typing import Final

from adapters.postgres.errors import SchemaOutdated
from adapters.postgres.migrate import pending_on
from adapters.postgres.pool import Pool, connection_of
from adapters.postgres.retries import as_unavailable
from domain.shared.errors import StorageUnavailable

IS_READ_ONLY: Final = "SELECT current_setting('transaction_read_only')::boolean"


async def is_ready(pool: Pool) -> None:
    """Return when units of work can commit here; raise StorageUnavailable or SchemaOutdated."""
    with as_unavailable():
        async with connection_of(pool) as connection:
            missing = await pending_on(connection)
            read_only = await connection.fetchval(IS_READ_ONLY)
    if missing:
        raise SchemaOutdated(missing)
    if read_only:
        raise StorageUnavailable("The database takes no writes: another one may have taken over")
