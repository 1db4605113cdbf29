"""The database is the last line of defence: what the domain never does, it refuses, too."""

from __future__ import annotations

import re
from typing import Final, TypeAlias

import asyncpg
import pytest

from adapters.postgres import inbox, jobs, outbox, payments, refunds
from adapters.postgres.unit_of_work import Postgres
from domain.jobs.lifecycle import JobState
from domain.ledger.model import Account, TransferKind
from domain.ledger.policy import capture
from domain.outbox.lifecycle import EffectState
from domain.outbox.model import Operation
from domain.payments.lifecycle import DisputeState, PaymentState
from domain.payments.model import HoldName
from domain.provider_events.lifecycle import EventState
from domain.refunds.lifecycle import RefundState
from domain.refunds.model import RefundReason
from tests.adapters.postgres.stage import Work, a_paid_job
from tests.builders import MINUTE, NOW, PRICE, an_effect, an_entry

Raw: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

WORDS: Final = {
    "jobs_state_known": JobState,
    "payments_state_known": PaymentState,
    "payments_dispute_known": DisputeState,
    "payment_holds_name_known": HoldName,
    "refunds_state_known": RefundState,
    "refunds_reason_known": RefundReason,
    "outbox_state_known": EffectState,
    "outbox_operation_known": Operation,
    "inbox_state_known": EventState,
    "ledger_transfers_kind_known": TransferKind,
    "ledger_entries_account_known": Account,
}


async def test_the_database_knows_exactly_the_words_of_the_domain(raw: Raw) -> None:
    rows = await raw.fetch(
        "SELECT conname, pg_get_constraintdef(oid) AS definition FROM pg_constraint"
        " WHERE conname LIKE '%_known'"
    )

    known = {row["conname"]: set(re.findall(r"'([^']+)'", row["definition"])) for row in rows}
    assert known == {name: set(enum) for name, enum in WORDS.items()}


REFUSED: Final = [
    # what is tried                                                     by which constraint
    ("UPDATE jobs SET state = 'lost'", "jobs_state_known"),
    ("UPDATE jobs SET deadline_at = NULL", "jobs_paid_can_end"),
    ("UPDATE jobs SET run_at = NULL", "jobs_paid_can_end"),
    ("UPDATE jobs SET state = 'processing'", "jobs_processing_is_leased"),
    ("UPDATE jobs SET lease_token = 'alone'", "jobs_lease_is_whole"),
    ("UPDATE jobs SET progress = 'NaN'", "jobs_progress_check"),
    ("UPDATE payments SET amount_minor = 0", "payments_amount_minor_check"),
    ("UPDATE payments SET currency = 'USD'", "payments_currency_check"),
    ("UPDATE payments SET returned_minor = 200", "payments_returned_was_captured"),
    ("UPDATE payments SET captured_minor = 198", "payments_paid_as_quoted"),
    ("UPDATE payments SET captured_currency = 'eur'", "payments_paid_as_quoted"),
    ("UPDATE payments SET state = 'pending'", "payments_captured_as_the_state_says"),
    (
        "UPDATE payments SET captured_minor = NULL, captured_currency = NULL",
        "payments_captured_as_the_state_says",
    ),
    ("UPDATE outbox SET state = 'sending'", "outbox_lease_as_the_state_says"),
    ("UPDATE outbox SET fence = -1", "outbox_check"),
    ("UPDATE inbox SET lease_until = now()", "inbox_lease_as_the_state_says"),
    (
        (
            "INSERT INTO installation (mode, account_id, instance, clock_offset)"
            " VALUES ('live', 'acct', 'inst', '1 second')"
        ),
        "clock_is_real",
    ),
    (
        (
            "INSERT INTO installation (mode, account_id, instance, clock_offset)"
            " VALUES ('sandbox', 'acct', 'inst', '-1 second')"
        ),
        "installation_clock_offset_check",
    ),
    (
        (
            "INSERT INTO installation (only_one, mode, account_id, instance)"
            " VALUES (false, 'live', 'acct', 'inst')"
        ),
        "installation_only_one_check",
    ),
    (
        (
            "INSERT INTO ledger_transfers (source_id, kind, payment_id, at)"
            " VALUES ('pay_a', 'capture', 'pay_a', now())"
        ),
        "ledger_transfers_posted_once",
    ),
    (
        (
            "INSERT INTO audit_changes (entity_kind, entity_id, version, at, by, event, before, after,"
            " facts) VALUES ('job', 'job_a', 2, now(), 'x', 'x', 'paid', 'paid', '{}')"
        ),
        "audit_changes_pkey",
    ),
    (
        (
            "INSERT INTO refunds (id, payment_id, job_id, amount_minor, currency, reason,"
            " requested_by, created_at, state, checks, version)"
            " VALUES ('ref_a', 'pay_a', 'job_b', 1, 'usd', 'requested', 'x', now(), 'requested', 0, 1)"
        ),
        "refunds_payment_id_job_id_fkey",
    ),
]


@pytest.mark.parametrize(("statement", "constraint"), REFUSED)
async def test_what_must_never_be_stored_is_refused(
    postgres: Postgres, raw: Raw, statement: str, constraint: str
) -> None:
    await postgres.atomically(everything)

    with pytest.raises(asyncpg.IntegrityConstraintViolationError) as refused:
        await raw.execute(statement)

    assert refused.value.constraint_name == constraint


async def everything(work: Work) -> None:
    await a_paid_job(work)
    await work.ledger.post(capture(an_effect().payment_id, PRICE, NOW))
    await work.outbox.stage(an_effect())
    await work.inbox.add(an_entry())


APPEND_ONLY: Final = ["ledger_transfers", "ledger_entries", "audit_changes", "audit_notes"]


@pytest.mark.parametrize("table", APPEND_ONLY)
@pytest.mark.parametrize(
    "statement", ["UPDATE {} SET {} = {}", "DELETE FROM {}", "TRUNCATE {} CASCADE"]
)
async def test_books_are_only_ever_added_to(
    postgres: Postgres, raw: Raw, table: str, statement: str
) -> None:
    await postgres.atomically(everything)
    column = await raw.fetchval(
        "SELECT attname FROM pg_attribute"
        " WHERE attrelid = $1::regclass AND attnum > 0 AND attidentity = '' LIMIT 1",
        table,
    )
    before = await raw.fetch(f"SELECT * FROM {table}")

    with pytest.raises(asyncpg.RestrictViolationError, match="append-only"):
        await raw.execute(statement.format(table, column, column))

    assert await raw.fetch(f"SELECT * FROM {table}") == before


@pytest.mark.parametrize(
    "column", ["parameters", "idempotency_key", "operation", "entity_id", "generation"]
)
async def test_what_was_staged_cannot_be_changed(postgres: Postgres, raw: Raw, column: str) -> None:
    await postgres.atomically(everything)

    with pytest.raises(asyncpg.RestrictViolationError, match="sent as it was"):
        await raw.execute(f"UPDATE outbox SET {column} = {column}")


LEGS: Final = [
    # legs                                                          may be committed
    ([("revenue", 5, "usd"), ("customer_prepaid", -5, "usd")], True),
    ([("revenue", 5, "usd"), ("customer_prepaid", -4, "usd")], False),
    ([("revenue", 5, "usd"), ("customer_prepaid", -5, "eur")], False),
    ([("revenue", 5, "usd")], False),
    ([], False),
]


@pytest.mark.parametrize(("legs", "balanced"), LEGS)
async def test_a_transfer_comes_to_zero_in_every_currency_when_it_commits(
    postgres: Postgres, raw: Raw, legs: list[tuple[str, int, str]], balanced: bool
) -> None:
    await postgres.atomically(a_paid_job)
    posting = raw.transaction()
    await posting.start()
    transfer = await raw.fetchval(
        "INSERT INTO ledger_transfers (source_id, kind, payment_id, at)"
        " VALUES ('x', 'earning', 'pay_a', now()) RETURNING id"
    )
    for number, leg in enumerate(legs, start=1):
        await raw.execute(
            "INSERT INTO ledger_entries VALUES ($1, $2, $3, $4, $5)", transfer, number, *leg
        )

    if balanced:
        await posting.commit()
    else:
        with pytest.raises(asyncpg.CheckViolationError):
            await posting.commit()


async def test_a_leg_cannot_be_added_later(postgres: Postgres, raw: Raw) -> None:
    await postgres.atomically(everything)

    with pytest.raises(asyncpg.CheckViolationError, match="does not come to zero"):
        await raw.execute(
            "INSERT INTO ledger_entries SELECT id, 9, 'revenue', 1, 'usd' FROM ledger_transfers"
        )


COPY_PAYMENT: Final = """
    INSERT INTO payments
        (id, job_id, amount_minor, currency, breakdown, created_at, success_url, cancel_url,
         metadata, state, dispute, session_id, session_expires_at, intent_id, mismatch_accepted,
         returned_minor, checks, version)
    SELECT $1, job_id, amount_minor, currency, breakdown, created_at, success_url, cancel_url,
           metadata, $2, dispute, $3, created_at + interval '1 h' * ($3::text IS NOT NULL)::integer,
           $4, false, 0, 0, 1
      FROM payments WHERE id = 'pay_a'
"""


@pytest.mark.parametrize("state", ["pending", "awaiting_funds"])
async def test_a_job_has_one_live_payment_at_most(postgres: Postgres, raw: Raw, state: str) -> None:
    await postgres.atomically(a_paid_job)
    await raw.execute(COPY_PAYMENT, "pay_b", state, "cs_b", None)

    await raw.execute(COPY_PAYMENT, "pay_c", "expired", "cs_c", None)
    with pytest.raises(asyncpg.UniqueViolationError) as refused:
        await raw.execute(COPY_PAYMENT, "pay_d", "pending", "cs_d", None)

    assert refused.value.constraint_name == "payments_one_live_per_job"


@pytest.mark.parametrize(
    ("session", "intent", "constraint"),
    [
        ("cs_a", None, "payments_session_id_key"),
        ("cs_other", "pi_a", "payments_intent_id_key"),
    ],
)
async def test_what_the_provider_names_is_one_payment_of_ours(
    postgres: Postgres, raw: Raw, session: str, intent: str | None, constraint: str
) -> None:
    await postgres.atomically(a_paid_job)

    with pytest.raises(asyncpg.UniqueViolationError) as refused:
        await raw.execute(COPY_PAYMENT, "pay_b", "expired", session, intent)

    assert refused.value.constraint_name == constraint


async def test_one_effect_of_a_payment_is_in_flight_at_most(postgres: Postgres, raw: Raw) -> None:
    async def step(work: Work) -> None:
        await a_paid_job(work)
        await work.outbox.stage(an_effect("eff_a"))
        await work.outbox.stage(an_effect("eff_b"))

    await postgres.atomically(step)

    with pytest.raises(asyncpg.UniqueViolationError) as refused:
        await raw.execute(
            "UPDATE outbox SET state = 'sending', fence = 1, first_sent_at = now(), lease_until = now()"
        )

    assert refused.value.constraint_name == "outbox_one_in_flight"


async def test_payloads_are_kept_with_lz4_where_the_server_has_it(raw: Raw) -> None:
    available = await raw.fetchval(
        "SELECT 'lz4' = ANY (enumvals) FROM pg_settings WHERE name = 'default_toast_compression'"
    )
    used = await raw.fetchval(
        "SELECT attcompression FROM pg_attribute"
        " WHERE attrelid = 'inbox'::regclass AND attname = 'payload'"
    )

    assert used == (b"l" if available else b"\0")


PLANS: Final = [
    (jobs.SELECT_CLAIMABLE, [NOW, NOW, None], "jobs_waiting"),
    (jobs.SELECT_OVERDUE, [NOW, 9], "jobs_overdue"),
    (jobs.SELECT_EXHAUSTED, [NOW, 9], "jobs_exhausted"),
    (payments.SELECT_CHECK_DUE, [NOW, 9], "payments_check_due"),
    (refunds.SELECT_CHECK_DUE, [NOW, 9], "refunds_check_due"),
    (outbox.CLAIM, [NOW, 9, NOW, MINUTE], "outbox_ready"),
    (outbox.CLAIM, [NOW, 9, NOW, MINUTE], "outbox_open_of_payment"),
    (inbox.CLAIM, [NOW, 9, MINUTE], "inbox_ready"),
]


@pytest.mark.parametrize(("query", "arguments", "index"), PLANS)
async def test_claims_and_sweeps_can_do_with_an_index_of_just_the_open_rows(
    raw: Raw, query: str, arguments: list[object], index: str
) -> None:
    await raw.execute("SET enable_seqscan = off; SET enable_bitmapscan = off")
    plan = await raw.fetch(f"EXPLAIN {query}", *arguments)

    assert any(f"using {index} on" in row[0] for row in plan)
