"""What must be true whenever nothing is half done. Checked at the end of every story."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from adapters.memory.tables import Tables
from domain.jobs.lifecycle import JobState
from domain.ledger.model import Account
from domain.payments.model import Payment
from domain.shared.ids import PaymentId
from tests.domain.stories.world import World

IN_PROGRESS = {JobState.PAID, JobState.PROCESSING}


def violations(world: World) -> list[str]:
    tables = world.memory.tables
    return [
        *_unaccounted_money(tables, world),
        *_jobs_refunded_too_early(tables),
        *_states_the_audit_does_not_tell(tables),
        *_books_that_differ(tables),
        *_money_returned_twice(world),
    ]


def _unaccounted_money(tables: Tables, world: World) -> Iterator[str]:
    """Paid means delivered or refunded, or on a named hold that a person can see."""
    now = world.memory.moment.now
    for payment in tables.payments.values():
        job = tables.jobs[payment.job_id]
        on_its_way = sum(
            r.amount.amount_minor
            for r in tables.refunds.values()
            if r.payment_id == payment.id and r.counts
        )
        captured = payment.captured.amount_minor if payment.captured else 0
        in_time = job.deadline_at is not None and job.deadline_at > now
        delivered = job.state is JobState.COMPLETED and not payment.is_mismatched
        in_progress = job.state in IN_PROGRESS and in_time
        if captured > on_its_way and not (delivered or in_progress or payment.holds):
            yield f"{payment.id}: {captured - on_its_way} kept for a job that is {job.state}"


def _jobs_refunded_too_early(tables: Tables) -> Iterator[str]:
    for job in tables.jobs.values():
        kept = sum(p.kept_minor for p in tables.payments.values() if p.job_id == job.id)
        if job.state is JobState.REFUNDED and kept:
            yield f"{job.id} is refunded, and {kept} of it is still here"


def _states_the_audit_does_not_tell(tables: Tables) -> Iterator[str]:
    entities = [
        *(("job", job.id, str(job.state)) for job in tables.jobs.values()),
        *(("refund", refund.id, str(refund.state)) for refund in tables.refunds.values()),
    ]
    for kind, entity_id, state in entities:
        told = None
        for change in tables.changes[kind, entity_id]:
            if change.before != told:
                yield f"{kind} {entity_id}: {change.event} from {change.before}, not {told}"
            told = change.after
        if told != state:
            yield f"{kind} {entity_id} is {state}, and its audit says {told}"


def _books_that_differ(tables: Tables) -> Iterator[str]:
    """The ledger says what the payments say: what the provider owes us, and what is set aside."""
    books = balances(tables)
    for payment in tables.payments.values():
        mine = books[payment.id]
        if mine[Account.PROVIDER_CLEARING] != payment.kept_minor:
            yield f"{payment.id}: clearing {mine}, kept {payment.kept_minor}"
        if sum(mine.values()):
            yield f"{payment.id}: does not sum to zero: {mine}"
        if mine[Account.REFUND_CLEARING] != -_set_aside(tables, payment):
            yield f"{payment.id}: {mine}, set aside {_set_aside(tables, payment)}"


def _set_aside(tables: Tables, payment: Payment) -> int:
    mine = [r for r in tables.refunds.values() if r.payment_id == payment.id and r.counts]
    return sum(r.amount.amount_minor for r in mine) - payment.returned_minor


def balances(tables: Tables) -> dict[PaymentId, dict[Account, int]]:
    books: dict[PaymentId, dict[Account, int]] = defaultdict(lambda: defaultdict(int))
    for transfer in tables.transfers.values():
        for entry in transfer.entries:
            books[transfer.payment_id][entry.account] += entry.amount_minor
    return books


def _money_returned_twice(world: World) -> Iterator[str]:
    for session in world.provider.sessions.values():
        captured = session.captured.amount_minor if session.captured else 0
        if world.provider.returned_minor(session.id) > captured:
            yield f"{session.id}: more went back than came"
