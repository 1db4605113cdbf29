from __future__ import annotations

from domain.shared.errors import Conflict, Declined, DomainError, NotFound, Unavailable


class PaymentNotFound(NotFound):
    code = "payment_not_found"

    def __init__(self, what: str) -> None:
        super().__init__(f"There is no payment {what}, or it is not yours")


class StalePayment(Conflict):
    code = "stale_payment"

    def __init__(self, payment_id: str) -> None:
        super().__init__(f"Payment {payment_id} changed meanwhile: ask again")


class ProviderUnavailable(Unavailable):
    """No answer, or none that tells whether it was done: the outcome is unknown."""

    code = "provider_unavailable"


class ProviderRefused(Declined):
    """A definite no to what was asked. *reason* is the provider's own code, or its words."""

    code = "provider_refused"

    def __init__(self, reason: str) -> None:
        super().__init__(f"The payment provider refused: {reason}")
        self.reason = reason


class ProviderMisconfigured(DomainError):
    """Our own credentials were refused: a person has to act, and no work may fail for it."""

    code = "provider_misconfigured"


class CheckoutDelayed(Unavailable):
    """The provider could not be asked for a checkout. The job is kept and can be resumed."""

    code = "checkout_delayed"

    def __init__(self, job_id: str, access_token: str | None) -> None:
        super().__init__(
            "The payment provider does not answer at present. Repeat the request with the same "
            f"Idempotency-Key, or POST /api/jobs/{job_id}/checkout-session, to go on."
        )
        self.job_id = job_id
        self.access_token = access_token
