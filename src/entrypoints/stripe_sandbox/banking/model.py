"""What a customer presents to pay, and how the session stands afterwards."""

from typing import Final

import attrs

from entrypoints.stripe_sandbox.banking.cards import Presented
from entrypoints.stripe_sandbox.books import Json

CARD: Final = "card"
SEPA_DEBIT: Final = "sepa_debit"
PLACEHOLDER: Final = "{CHECKOUT_SESSION_ID}"


@attrs.frozen(kw_only=True)
class Account:
    """A bank account that may be debited. Whoever has the number has the account."""

    iban: str = attrs.field(repr=False)


@attrs.frozen(kw_only=True)
class Payment:
    """*amount* and *currency* capture something else than was asked. *late* pays after expiry.

    *authenticated* answers the bank's challenge at once, True or False; None leaves it waiting.
    """

    presented: Presented | Account
    email: str
    name: str
    amount: int | None = None
    currency: str | None = None
    late: bool = False
    authenticated: bool | None = None

    @property
    def method(self) -> str:
        return CARD if isinstance(self.presented, Presented) else SEPA_DEBIT


@attrs.frozen(kw_only=True)
class Outcome:
    """How the session stands now. *redirect_url* is where the browser goes next, if it does.

    *next_action* says where the customer proves to the bank who they are: `{type, url}`.
    """

    status: str
    payment_status: str
    code: str | None = None
    decline_code: str | None = None
    message: str | None = None
    redirect_url: str | None = None
    next_action: Json | None = None


def is_payable(session: Json, *, late: bool) -> bool:
    return session["status"] == "open" or (session["status"] == "expired" and late)


def still_open(
    session: Json, code: str, message: str, *, decline_code: str | None = None
) -> Outcome:
    return Outcome(
        status=session["status"],
        payment_status=session["payment_status"],
        code=code,
        decline_code=decline_code,
        message=message,
    )


def closed(session: Json) -> Outcome:
    """Complete sends the browser on; expired has nowhere to send it."""
    is_complete = session["status"] == "complete"
    return Outcome(
        status=session["status"],
        payment_status=session["payment_status"],
        message=None if is_complete else "This checkout session has expired.",
        redirect_url=success_url(session) if is_complete else None,
    )


def success_url(session: Json) -> str:
    url: str = session["success_url"]
    for placeholder in (PLACEHOLDER, "%7BCHECKOUT_SESSION_ID%7D"):
        url = url.replace(placeholder, session["id"])
    return url


def billing(payment: Payment) -> Json:
    address = dict.fromkeys(("city", "country", "line1", "line2", "postal_code", "state"))
    return {
        "address": address,
        "email": payment.email,
        "name": payment.name,
        "phone": None,
        "tax_id": None,
    }
