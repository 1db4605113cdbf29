from __future__ import annotations

from datetime import timedelta
from typing import Final

import attrs

from adapters.postgres.pool import Connection
from domain.installation.model import Installation

SELECT: Final = "SELECT mode, account_id, instance FROM installation"

INSERT: Final = """
    INSERT INTO installation (mode, account_id, instance)
    VALUES ($1, $2, $3)
    ON CONFLICT (only_one) DO NOTHING
"""

ADVANCE_CLOCK: Final = """
    UPDATE installation
       SET clock_offset = clock_offset + $1
     WHERE mode = 'sandbox'
    RETURNING clock_offset
"""


@attrs.frozen
class PostgresInstallations:
    connection: Connection

    async def find(self) -> Installation | None:
        row = await self.connection.fetchrow(SELECT)
        if row is None:
            return None
        return Installation(
            mode=row["mode"], account_id=row["account_id"], instance=row["instance"]
        )

    async def stamp(self, installation: Installation) -> Installation:
        await self.connection.execute(
            INSERT, installation.mode, installation.account_id, installation.instance
        )
        found = await self.find()
        assert found is not None  # noqa: S101  ours, or the one that was in the way
        return found

    async def advance_clock(self, by: timedelta) -> timedelta:
        offset: timedelta | None = await self.connection.fetchval(ADVANCE_CLOCK, by)
        if offset is None:
            raise RuntimeError("Outside sandbox mode there is one clock")
        return offset
