"""What must hold at the end of every story: our books, by themselves and beside Stripe's."""

from __future__ import annotations

from typing import Final

from tests.end_to_end.house import House, until

# Each query must come back empty. The names are those of the catalogue of invariants.
INVARIANTS: Final = {
    "I1 every transfer sums to zero in every currency": """
        SELECT transfer_id, currency, sum(amount_minor)
          FROM ledger_entries
         GROUP BY 1, 2
        HAVING sum(amount_minor) <> 0
    """,
    "I5 refunds never exceed what was captured": """
        SELECT payments.id
          FROM payments
          JOIN refunds ON refunds.payment_id = payments.id
         WHERE refunds.state NOT IN ('failed', 'rejected', 'cancelled')
         GROUP BY payments.id
        HAVING sum(refunds.amount_minor) > max(payments.captured_minor)
    """,
    "I6 exactly one capture is posted for each captured payment": """
        SELECT payments.id
          FROM payments
          LEFT JOIN ledger_transfers
            ON ledger_transfers.source_id = payments.id AND ledger_transfers.kind = 'capture'
         WHERE (payments.captured_minor IS NOT NULL) <> (ledger_transfers.id IS NOT NULL)
    """,
    "I8 nothing is worked on whose capture is not what was quoted": """
        SELECT jobs.id
          FROM jobs
         WHERE jobs.state IN ('paid', 'processing', 'completed')
           AND NOT EXISTS (
               SELECT 1 FROM payments
                WHERE payments.job_id = jobs.id
                  AND payments.captured_minor IS NOT NULL
                  AND ((payments.captured_minor = payments.amount_minor
                        AND payments.captured_currency = payments.currency)
                       OR payments.mismatch_accepted))
    """,
    "I9 captured money is delivered, in time, held, returned or on its way": """
        SELECT payments.id
          FROM payments
          JOIN jobs ON jobs.id = payments.job_id
         WHERE payments.captured_minor IS NOT NULL
           AND jobs.state NOT IN ('completed', 'paid', 'processing')
           AND NOT EXISTS (SELECT 1 FROM payment_holds WHERE payment_id = payments.id)
           AND payments.captured_minor > coalesce((
               SELECT sum(amount_minor) FROM refunds
                WHERE refunds.payment_id = payments.id
                  AND refunds.state NOT IN ('failed', 'rejected', 'cancelled')), 0)
    """,
    "I15 the audit folds to the present state of every job": """
        SELECT jobs.id
          FROM jobs
          LEFT JOIN LATERAL (
               SELECT after FROM audit_changes
                WHERE entity_kind = 'job' AND entity_id = jobs.id
                ORDER BY version DESC LIMIT 1) AS latest ON true
         WHERE latest.after IS DISTINCT FROM jobs.state
    """,
}

OURS: Final = """
    SELECT intent_id, captured_minor, captured_currency, returned_minor
      FROM payments
     WHERE captured_minor IS NOT NULL
"""


async def assert_books_agree(house: House) -> None:
    for name, query in INVARIANTS.items():
        broken = await house.database.fetch(query)
        assert not broken, f"{name}: {broken}"
    await assert_stripe_agrees(house)


async def assert_stripe_agrees(house: House) -> None:
    """I4: per payment intent, what was captured and what went back, once nothing is on its way."""
    await until(lambda: difference(house), lambda found: not found)


async def difference(house: House) -> dict[str, object]:
    books = await house.sandbox("GET", "/books")
    entries = books["payment_intents"]
    theirs = {
        entry["payment_intent"]: (entry["captured"], entry["currency"], entry["refunded"])
        for entry in (entries.values() if isinstance(entries, dict) else entries)
        if entry["captured"]
    }
    ours = {row[0]: tuple(row)[1:] for row in await house.database.fetch(OURS)}
    return {} if ours == theirs else {"ours": ours, "theirs": theirs}
