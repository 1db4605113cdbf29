"""What a purchase must look like, where its customer returns to, and who may do what with it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import Enum, auto
from typing import Final
from urllib.parse import SplitResult, parse_qsl, urlencode, urlsplit

import attrs

from domain.checkout.model import JobView, PaymentView, Purchase
from domain.jobs.errors import JobNotPayable
from domain.jobs.lifecycle import JobState
from domain.jobs.model import Job
from domain.jobs.policy import Caller, PagePurpose
from domain.jobs.ports import AccessTokens, PageTickets
from domain.offers.policy import card_number_flaws
from domain.payments.lifecycle import PaymentState
from domain.payments.model import Payment
from domain.shared.errors import Flaw
from domain.shared.ids import JobId

METADATA_KEYS_MAX: Final = 20
METADATA_KEY_LENGTH_MAX: Final = 40
METADATA_VALUE_LENGTH_MAX: Final = 500
RESERVED_METADATA: Final = frozenset(
    {"app", "instance", "job_id", "payment_id", "offer", "refund_id", "failure_reason"}
)
EMAIL: Final = re.compile(r"[^\s@<>\"',;:\\]{1,64}@[^\s@<>\"',;:\\.]+(\.[^\s@<>\"',;:\\.]+)+")
EMAIL_LENGTH_MAX: Final = 254
URL_LENGTH_MAX: Final = 2_000


def flaws_of(purchase: Purchase, allowed_origins: Iterable[str]) -> Iterator[Flaw]:
    """Yield what is wrong with everything but the offer's own price and inputs."""
    allowed = frozenset(allowed_origins)
    yield from _metadata_flaws(purchase.metadata)
    yield from _email_flaws(purchase.customer_email)
    for pointer, url in (
        ("/success_url", purchase.success_url),
        ("/cancel_url", purchase.cancel_url),
    ):
        if url is not None and not _is_allowed(url, allowed):
            yield Flaw(pointer, "must be on one of the allowed origins, without user or fragment")


def _metadata_flaws(metadata: Mapping[str, str]) -> Iterator[Flaw]:
    if len(metadata) > METADATA_KEYS_MAX:
        yield Flaw("/metadata", f"must have at most {METADATA_KEYS_MAX} keys")
    yield from card_number_flaws("/metadata", metadata)
    for key, value in metadata.items():
        if key in RESERVED_METADATA:
            yield Flaw(f"/metadata/{key}", "is a name of ours: take another")
        if not 1 <= len(key) <= METADATA_KEY_LENGTH_MAX or set(key) & set("[]/~"):
            yield Flaw(
                "/metadata", f"keys have 1 to {METADATA_KEY_LENGTH_MAX} characters, none of []/~"
            )
        elif not 1 <= len(value) <= METADATA_VALUE_LENGTH_MAX:
            yield Flaw(f"/metadata/{key}", f"must have 1 to {METADATA_VALUE_LENGTH_MAX} characters")


def _email_flaws(email: str | None) -> Iterator[Flaw]:
    if email is None:
        return
    if len(email) > EMAIL_LENGTH_MAX or not EMAIL.fullmatch(email):
        yield Flaw("/customer_email", "must be an e-mail address")
    yield from card_number_flaws("/customer_email", email)


def origin_of(parts: SplitResult) -> str | None:
    """The scheme, host and port of an address, as origins are compared; None if it has none."""
    try:
        port = parts.port
    except ValueError:
        return None
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        return None
    default = {"http": 80, "https": 443}[parts.scheme]
    shown = "" if port in {None, default} else f":{port}"
    return f"{parts.scheme}://{parts.hostname}{shown}"


def _is_allowed(url: str, allowed: frozenset[str]) -> bool:
    # Browsers read a backslash as a slash and drop control characters and spaces: such an
    # address would be compared as one thing and followed as another.
    if len(url) > URL_LENGTH_MAX or not url.isascii() or not url.isprintable():
        return False
    if any(char in url for char in "\\ {}"):
        return False
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    if parts.username is not None or parts.password is not None or parts.fragment:
        return False
    return origin_of(parts) in allowed


def return_url(base: str, *, outcome: str, job_id: JobId, ticket: str | None = None) -> str:
    """Add what the page there needs. The provider's own reference is added by its adapter."""
    parts = urlsplit(base)
    query = parse_qsl(parts.query, keep_blank_values=True)
    ours = {"payment", "job_id", "session_id"}
    kept = [(name, value) for name, value in query if name not in ours]
    proof = [("ticket", ticket)] if ticket is not None else []
    added = urlencode([*kept, ("payment", outcome), ("job_id", job_id), *proof])
    return parts._replace(query=added).geturl()


@attrs.frozen(kw_only=True)
class OwnPages:
    """Our own pages, where customers return to when the buyer names no place.

    Only their addresses carry a page ticket: on anybody else's it would be a power given away.
    """

    success_url: str
    cancel_url: str
    tickets: PageTickets

    @classmethod
    def on(cls, public_url: str, tickets: PageTickets) -> OwnPages:
        page = f"{public_url}/payment"
        return cls(success_url=f"{page}/success", cancel_url=f"{page}/cancel", tickets=tickets)

    def returns_of(self, purchase: Purchase, job: Job) -> dict[str, str]:
        """Give *success_url* and *cancel_url* of a first payment."""
        return {
            "success_url": self._address(PagePurpose.SUCCESS, job, purchase.success_url),
            "cancel_url": self._address(PagePurpose.CANCEL, job, purchase.cancel_url),
        }

    def renewed(self, last: Payment, job: Job) -> dict[str, str]:
        """Give those of a further payment: the same, but with tickets that hold as long as it."""
        success, cancel = last.success_url, last.cancel_url
        if _is_ticketed(success, self.success_url):
            success = self._address(PagePurpose.SUCCESS, job, None)
        if _is_ticketed(cancel, self.cancel_url):
            cancel = self._address(PagePurpose.CANCEL, job, None)
        return {"success_url": success, "cancel_url": cancel}

    def _address(self, purpose: PagePurpose, job: Job, elsewhere: str | None) -> str:
        if elsewhere is not None:
            return return_url(elsewhere, outcome=purpose, job_id=job.id)
        base = self.success_url if purpose is PagePurpose.SUCCESS else self.cancel_url
        ticket = self.tickets.issue(job.id, job.token_generation, purpose)
        return return_url(base, outcome=purpose, job_id=job.id, ticket=ticket)


def _is_ticketed(url: str, own: str) -> bool:
    page, _, query = url.partition("?")
    return page == own and "ticket" in dict(parse_qsl(query))


class Power(Enum):
    """What somebody may want to do with a job that is theirs."""

    SEE = auto()
    PAY = auto()
    CANCEL = auto()


TICKET_POWERS: Final[Mapping[PagePurpose, frozenset[Power]]] = {
    PagePurpose.SUCCESS: frozenset({Power.SEE, Power.PAY}),
    PagePurpose.CANCEL: frozenset({Power.SEE, Power.PAY, Power.CANCEL}),
}
"""The cancel page is for those who turned back: giving up what is unpaid is why they came."""


@attrs.frozen(kw_only=True)
class Proofs:
    """How those who are not signed in prove that a job is theirs."""

    tokens: AccessTokens
    tickets: PageTickets


def may_see_job(caller: Caller, job: JobView, proofs: Proofs) -> bool:
    return may_see(caller, job, proofs.tokens) or _ticket_allows(Power.SEE, caller, job, proofs)


def may_act_on_job(power: Power, caller: Caller, job: Job, proofs: Proofs) -> bool:
    return may_act(caller, job, proofs.tokens) or _ticket_allows(power, caller, job, proofs)


def _ticket_allows(power: Power, caller: Caller, job: Job | JobView, proofs: Proofs) -> bool:
    """Whoever owns the job: its owner's browser comes back from the provider with no more."""
    if caller.page_ticket is None:
        return False
    purpose = proofs.tickets.purpose(caller.page_ticket, _id_of(job), job.token_generation)
    return purpose is not None and power in TICKET_POWERS[purpose]


def may_see(caller: Caller, thing: Job | JobView | PaymentView, tokens: AccessTokens) -> bool:
    """Owner, admin, or the guest who can prove it. Nobody else learns that it exists."""
    if caller.is_admin or (caller.subject is not None and caller.subject == thing.owner):
        return True
    return may_act(caller, thing, tokens)


def may_act(caller: Caller, thing: Job | JobView | PaymentView, tokens: AccessTokens) -> bool:
    """Whether the caller may pay for, or cancel, what they bought: an admin may not."""
    if caller.subject is not None and caller.subject == thing.owner:
        return True
    if caller.guest_token is None or thing.owner is not None:
        return False
    return tokens.proves(caller.guest_token, _id_of(thing), thing.token_generation)


def _id_of(thing: Job | JobView | PaymentView) -> JobId:
    return thing.id if isinstance(thing, Job) else thing.job_id


def refuse_unless_payable(job: Job, payments: Sequence[Payment]) -> None:
    """Raise JobNotPayable when money was taken, may be on its way, or is going back."""
    if job.state not in {JobState.PENDING, JobState.CANCELLED}:
        raise JobNotPayable(job.id, f"it is {job.state}")
    states = {payment.state for payment in payments}
    if PaymentState.HELD in states:
        raise JobNotPayable(job.id, "what was paid is on hold until a person decides")
    if PaymentState.AWAITING_FUNDS in states:
        raise JobNotPayable(job.id, "the payment is made, and its money on the way")
    if any(payment.kept_minor for payment in payments):
        raise JobNotPayable(job.id, "money of it is on its way back")
