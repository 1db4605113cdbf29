from __future__ import annotations

from typing import Final

import attrs

from adapters.postgres.pool import Connection
from domain.ledger.model import Transfer

# The database checks at the commit that the legs come to zero, and refuses the same source and
# kind a second time.
INSERT: Final = """
    WITH transfer AS (
        INSERT INTO ledger_transfers (source_id, kind, payment_id, at)
        VALUES ($1, $2, $3, $4)
        RETURNING id
    )
    INSERT INTO ledger_entries (transfer_id, leg, account, amount_minor, currency)
    SELECT transfer.id, entry.leg, entry.account, entry.amount_minor, entry.currency
      FROM transfer,
           unnest($5::text[], $6::bigint[], $7::text[])
               WITH ORDINALITY AS entry (account, amount_minor, currency, leg)
"""


@attrs.frozen
class PostgresLedger:
    connection: Connection

    async def post(self, transfer: Transfer) -> None:
        await self.connection.execute(
            INSERT,
            transfer.source_id,
            transfer.kind,
            transfer.payment_id,
            transfer.at,
            [entry.account for entry in transfer.entries],
            [entry.amount_minor for entry in transfer.entries],
            [entry.currency for entry in transfer.entries],
        )
