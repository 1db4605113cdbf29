from __future__ import annotations

from domain.shared.errors import Conflict, NotFound


class JobNotFound(NotFound):
    code = "job_not_found"

    def __init__(self, job_id: str) -> None:
        super().__init__(f"There is no job {job_id}, or it is not yours")


class IllegalTransition(Conflict):
    code = "illegal_transition"

    def __init__(self, *, what: str, state: str, event: str) -> None:
        super().__init__(f"A {what} that is {state} cannot take {event}")
        self.state = state
        self.event = event


class StaleJob(Conflict):
    """Somebody else saved this job between our read and our write."""

    code = "stale_job"

    def __init__(self, job_id: str) -> None:
        super().__init__(f"Job {job_id} changed meanwhile: ask again")


class LeaseNotCurrent(Conflict):
    """The lease was lost: re-claimed by another worker, revoked, or past the deadline."""

    code = "lease_not_current"

    def __init__(self, job_id: str) -> None:
        super().__init__(f"This lease of {job_id} is over: stop the work, nothing of it is kept")


class JobNotPayable(Conflict):
    code = "job_not_payable"

    def __init__(self, job_id: str, why: str) -> None:
        super().__init__(f"Job {job_id} cannot be paid for: {why}")
        self.why = why


class JobNotCancellable(Conflict):
    code = "job_not_cancellable"

    def __init__(self, job_id: str, why: str) -> None:
        super().__init__(f"Job {job_id} cannot be cancelled: {why}")
        self.why = why
