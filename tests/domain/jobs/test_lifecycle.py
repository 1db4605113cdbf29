"""Every edge of a job, written by hand from the contract; and every one that is not there."""

from __future__ import annotations

from datetime import timedelta

import pytest

from domain.audit.model import CUSTOMER, PROVIDER, SYSTEM
from domain.jobs import events as e
from domain.jobs.errors import IllegalTransition
from domain.jobs.lifecycle import TRANSITIONS, JobState
from domain.jobs.model import Lease
from tests.builders import HOUR, MINUTE, NOW, WORKER, a_job, payment_received, work_started

RECEIVED = payment_received()
RECEIVED_LATE = e.LatePaymentReceived(
    at=NOW, by=PROVIDER, payment_id="pay_a", run_at=NOW, deadline_at=NOW + HOUR
)
ABANDONED = e.PaymentAbandoned(at=NOW, by=PROVIDER, payment_id="pay_a", reason="expired")
RESTARTED = e.PaymentRestarted(at=NOW, by=CUSTOMER, payment_id="pay_b")
STARTED = work_started()
LEASE_LOST = e.LeaseLost(at=NOW, by=SYSTEM)
DEFERRED = e.WorkDeferred(at=NOW, by=WORKER, reason="busy", run_at=NOW + MINUTE)
FINISHED = e.WorkFinished(at=NOW, by=WORKER, result={"url": "x"})
FAILED = e.WorkFailed(at=NOW, by=WORKER, reason="broken")
EXHAUSTED = e.WorkFailed(at=NOW, by=SYSTEM, reason="attempts_exhausted", revoked=True)
DEADLINE = e.DeadlineMissed(at=NOW, by=SYSTEM)
ALL_ASKED_BACK = e.RefundRequestedInFull(at=NOW, by=SYSTEM, refund_id="ref_a")
RETURNED = e.MoneyReturned(at=NOW, by=PROVIDER)
REFUND_FAILED = e.RefundFailedLater(at=NOW, by=PROVIDER, refund_id="ref_a")

EVENTS: list[e.JobEvent] = [
    RECEIVED,
    RECEIVED_LATE,
    ABANDONED,
    RESTARTED,
    STARTED,
    LEASE_LOST,
    DEFERRED,
    FINISHED,
    FAILED,
    DEADLINE,
    ALL_ASKED_BACK,
    RETURNED,
    REFUND_FAILED,
]

SPEC: list[tuple[str, e.JobEvent, str]] = [
    # given        when             then
    ("pending",    RECEIVED,        "paid"),
    ("pending",    ABANDONED,       "cancelled"),
    ("pending",    RETURNED,        "refunded"),   # its payment was held
    ("cancelled",  RESTARTED,       "pending"),
    ("cancelled",  RECEIVED_LATE,   "paid"),
    ("cancelled",  RETURNED,        "refunded"),
    ("paid",       STARTED,         "processing"),
    ("paid",       DEADLINE,        "failed"),
    ("paid",       ALL_ASKED_BACK,  "failed"),
    ("processing", LEASE_LOST,      "paid"),
    ("processing", DEFERRED,        "paid"),
    ("processing", FINISHED,        "completed"),
    ("processing", FAILED,          "failed"),
    ("processing", DEADLINE,        "failed"),
    ("processing", ALL_ASKED_BACK,  "failed"),
    ("completed",  RETURNED,        "refunded"),
    ("failed",     RETURNED,        "refunded"),
    ("refunded",   REFUND_FAILED,   "failed"),
]  # fmt: skip

ALLOWED = {(given, when.name) for given, when, _ in SPEC}
FORBIDDEN = {
    state.value: [event for event in EVENTS if (state.value, event.name) not in ALLOWED]
    for state in JobState
}


def _named(case: object) -> str:
    return case.name if isinstance(case, e.JobEvent) else str(case)


@pytest.mark.parametrize(("given", "when", "then"), SPEC, ids=_named)
def test_a_job_moves_as_the_contract_says(given: str, when: e.JobEvent, then: str) -> None:
    job = a_job(given)

    moved = job.apply(when)

    assert moved.state == then
    assert moved.version == job.version + 1
    change = moved.changes[-1]
    assert (change.before, change.after, change.event) == (given, then, when.name)
    assert (change.at, change.by, change.version) == (when.at, when.by, moved.version)


@pytest.mark.parametrize("given", FORBIDDEN)
def test_a_job_refuses_everything_else_and_stays_as_it_was(given: str) -> None:
    job = a_job(given)

    for when in FORBIDDEN[given]:
        with pytest.raises(IllegalTransition, match=f"is {given} cannot take {when.name}"):
            job.apply(when)

    assert job == a_job(given)
    assert len(job.changes) == 1


def test_every_state_is_a_key_and_every_event_is_known_here() -> None:
    of_the_domain = {
        kind
        for kind in vars(e).values()
        if isinstance(kind, type) and issubclass(kind, e.JobEvent) and kind is not e.JobEvent
    }

    assert set(TRANSITIONS) == set(JobState)
    assert of_the_domain == {type(event) for event in EVENTS} | {e.JobOrdered}


def test_a_new_job_is_pending_and_says_who_ordered_what() -> None:
    job = a_job()

    (change,) = job.changes
    assert (change.before, change.after, change.by) == (None, "pending", "customer")
    assert change.facts == {"offer": "thumbnail"}


def test_what_is_paid_may_run_at_once_and_has_a_deadline() -> None:
    paid = a_job().apply(RECEIVED)

    assert (paid.paid_at, paid.run_at, paid.deadline_at) == (NOW, NOW, NOW + HOUR)


def test_each_start_counts_an_attempt_and_begins_afresh() -> None:
    first = a_job("paid").apply(STARTED).beat(expires_at=NOW + HOUR, progress=0.5)
    later = work_started("lease_b", at=NOW + MINUTE)

    second = first.apply(LEASE_LOST).apply(later)

    assert (first.attempts, second.attempts) == (1, 2)
    assert (first.progress, second.progress) == (0.5, None)
    assert second.started_at == NOW
    assert second.lease == Lease(token="lease_b", expires_at=NOW + MINUTE)


@pytest.mark.parametrize(
    ("when", "holds", "had"),
    [
        (DEFERRED, False, True),
        (FINISHED, False, True),
        (FAILED, False, True),
        (LEASE_LOST, False, False),
        (EXHAUSTED, False, False),
        (DEADLINE, False, False),
        (ALL_ASKED_BACK, False, False),
    ],
    ids=_named,
)
def test_a_lease_that_was_taken_away_is_not_remembered(
    when: e.JobEvent, holds: bool, had: bool
) -> None:
    job = a_job("paid").apply(STARTED).apply(when)

    assert job.holds_lease("lease_a") is holds
    assert job.had_lease("lease_a") is had
    assert not job.had_lease("lease_b")


@pytest.mark.parametrize(
    ("when", "reason"),
    [
        (DEFERRED, "busy"),
        (FAILED, "broken"),
        (EXHAUSTED, "attempts_exhausted"),
        (DEADLINE, "deadline_missed"),
        (ALL_ASKED_BACK, "refund_requested"),
    ],
    ids=_named,
)
def test_a_failure_has_a_reason(when: e.JobEvent, reason: str) -> None:
    assert a_job("processing").apply(when).failure_reason == reason


def test_what_is_delivered_stays_delivered_even_when_the_money_went_back() -> None:
    done = a_job("processing").apply(FINISHED)

    refunded = done.apply(RETURNED)

    assert (done.result, done.progress) == ({"url": "x"}, 1.0)
    assert done.delivered
    assert refunded.delivered
    assert not a_job("failed").delivered


def test_neither_the_lease_nor_the_result_is_written_into_the_audit() -> None:
    job = a_job("paid").apply(STARTED).apply(FINISHED)

    assert [change.facts for change in job.changes[1:]] == [
        {"lease_expires_at": NOW + MINUTE},
        {},
    ]


def test_a_heartbeat_changes_no_state_and_leaves_no_trace() -> None:
    job = a_job("paid").apply(STARTED)

    beaten = job.beat(expires_at=NOW + timedelta(hours=2), progress=None)

    assert (beaten.version, beaten.changes) == (job.version, job.changes)
    assert beaten.lease == Lease(token="lease_a", expires_at=NOW + timedelta(hours=2))


def test_attempts_are_left_until_the_last_was_started() -> None:
    assert [a_job(attempts=attempts).attempts_left for attempts in (0, 2, 3, 4)] == [
        True,
        True,
        False,
        False,
    ]
