"""The work a customer pays for. It carries no money: payments and refunds do."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import attrs

from domain.audit.model import Change, change
from domain.jobs import events as e
from domain.jobs.lifecycle import JobState, next_state
from domain.offers.model import Terms
from domain.shared.ids import JobId


@attrs.frozen(kw_only=True)
class Lease:
    """One worker's hold on a job. The token is the fence. *expires_at* is on the lease clock.

    *length* is what the worker asked for, and what a heartbeat renews it by.
    """

    token: str = attrs.field(repr=False)
    expires_at: datetime
    length: timedelta = timedelta(seconds=60)


@attrs.frozen(kw_only=True)
class Job:
    """Frozen: a change returns a new job, which carries what changed until it is saved.

    *owner* is the signed-in buyer's subject, None for a guest, whose access tokens are bound to
    *token_generation*. *run_at* is when a paid job may be leased, on the lease clock.
    """

    id: JobId
    offer: str
    owner: str | None
    inputs: Mapping[str, object]
    quantity: int
    terms: Terms
    created_at: datetime
    state: JobState = JobState.PENDING
    token_generation: int = 1
    attempts: int = 0
    progress: float | None = None
    result: object = None
    failure_reason: str | None = None
    lease: Lease | None = None
    run_at: datetime | None = None
    paid_at: datetime | None = None
    started_at: datetime | None = None
    completed_at: datetime | None = None
    deadline_at: datetime | None = None
    version: int = 0
    changes: tuple[Change, ...] = attrs.field(default=(), eq=False, repr=False)

    @classmethod
    def ordered(
        cls,
        event: e.JobOrdered,
        *,
        id: JobId,
        owner: str | None,
        inputs: Mapping[str, object],
        quantity: int,
        terms: Terms,
    ) -> Job:
        return cls(
            id=id,
            offer=event.offer,
            owner=owner,
            inputs=inputs,
            quantity=quantity,
            terms=terms,
            created_at=event.at,
            version=1,
            changes=(change(event, version=1, before=None, after=JobState.PENDING),),
        )

    def apply(self, event: e.JobEvent) -> Job:
        """Return the job as it is after *event*; raise IllegalTransition if that cannot happen."""
        state = next_state(self.state, event)
        version = self.version + 1
        changed = change(event, version=version, before=self.state, after=state)
        return attrs.evolve(
            self,
            state=state,
            version=version,
            changes=(*self.changes, changed),
            **_consequences(self, event),
        )

    def holds_lease(self, token: str) -> bool:
        """Tell whether *token* is the lease of the work in progress, late or not."""
        return self.state is JobState.PROCESSING and self.had_lease(token)

    def had_lease(self, token: str) -> bool:
        """Tell whether *token* was the last lease, and nobody took it away."""
        return self.lease is not None and self.lease.token == token

    def beat(self, *, expires_at: datetime, progress: float | None) -> Job:
        """Extend the lease. No state changes, so nothing is audited."""
        assert self.lease is not None  # noqa: S101  the caller has asked holds_lease
        return attrs.evolve(
            self,
            lease=attrs.evolve(self.lease, expires_at=expires_at),
            progress=self.progress if progress is None else progress,
        )

    @property
    def attempts_left(self) -> bool:
        return self.attempts < self.terms.max_attempts

    @property
    def delivered(self) -> bool:
        """Whether the work was ever handed over: what was paid for it has been earned."""
        return self.completed_at is not None


def _consequences(job: Job, event: e.JobEvent) -> dict[str, Any]:
    """What an event changes besides the state."""
    match event:
        case e.PaymentReceived():
            return {"paid_at": event.at, "run_at": event.run_at, "deadline_at": event.deadline_at}
        case e.WorkStarted():
            return {
                "lease": Lease(
                    token=event.lease,
                    expires_at=event.lease_expires_at,
                    length=event.lease_length,
                ),
                "attempts": job.attempts + 1,
                "started_at": job.started_at or event.at,
                "progress": None,
            }
        case e.LeaseLost():
            return {"lease": None}
        case e.WorkDeferred():
            return {"run_at": event.run_at, "failure_reason": event.reason}
        case e.WorkFinished():
            return {
                "completed_at": event.at,
                "result": event.result,
                "progress": 1.0,
                "failure_reason": None,
            }
        case e.WorkFailed():
            lease = None if event.revoked else job.lease
            return {"failure_reason": event.reason, "lease": lease}
        case e.DeadlineMissed():
            return {"failure_reason": "deadline_missed", "lease": None}
        case e.RefundRequestedInFull():
            return {"failure_reason": "refund_requested", "lease": None}
        case _:
            return {}
