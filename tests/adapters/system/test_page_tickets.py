"""A ticket proves one job, for one page, for a while."""

from __future__ import annotations

import pytest

from adapters.system.access_tokens import HmacAccessTokens
from adapters.system.page_tickets import HmacPageTickets
from domain.jobs.policy import PAGE_TICKET_LIFE, PagePurpose
from domain.shared.ids import JobId

OLD, NEW = b"o" * 32, b"n" * 32
JOB = JobId("job_1")
NOW = 1_000_000.0
LIFE_S = PAGE_TICKET_LIFE.total_seconds()


def at(now: float, *secrets: bytes) -> HmacPageTickets:
    return HmacPageTickets(secrets or (OLD,), lambda: now)


@pytest.mark.parametrize("purpose", PagePurpose)
def test_a_ticket_tells_its_purpose_until_its_time_is_over(purpose: PagePurpose) -> None:
    ticket = at(NOW).issue(JOB, 1, purpose)

    assert at(NOW + LIFE_S - 1).purpose(ticket, JOB, 1) is purpose
    assert at(NOW + LIFE_S).purpose(ticket, JOB, 1) is None


def test_it_proves_no_other_job_and_none_whose_tokens_were_revoked() -> None:
    ticket = at(NOW).issue(JOB, 1, PagePurpose.SUCCESS)

    assert at(NOW).purpose(ticket, JobId("job_2"), 1) is None
    assert at(NOW).purpose(ticket, JOB, 2) is None


def test_every_secret_is_accepted_and_the_first_one_signs() -> None:
    old, new = (at(NOW, s).issue(JOB, 1, PagePurpose.CANCEL) for s in (OLD, NEW))

    assert at(NOW, NEW, OLD).issue(JOB, 1, PagePurpose.CANCEL) == new
    assert at(NOW, NEW, OLD).purpose(old, JOB, 1) is PagePurpose.CANCEL
    assert at(NOW, NEW).purpose(old, JOB, 1) is None


def test_no_part_of_it_can_be_changed() -> None:
    ticket = at(NOW).issue(JOB, 1, PagePurpose.SUCCESS)

    for place, char in enumerate(ticket):
        other = ticket[:place] + ("0" if char != "0" else "1") + ticket[place + 1 :]
        assert at(NOW).purpose(other, JOB, 1) is None


@pytest.mark.parametrize(
    "text", ["", "cfp_", "cfp_a_b_c_d", "cfp____", "cfp_" + "é" * 40, "c" * 999]
)
def test_what_is_no_ticket_proves_nothing(text: str) -> None:
    assert at(NOW).purpose(text, JOB, 1) is None


def test_access_tokens_and_tickets_are_never_taken_for_each_other() -> None:
    tokens, tickets = HmacAccessTokens([OLD]), at(NOW)
    token, ticket = tokens.issue(JOB, 1), tickets.issue(JOB, 1, PagePurpose.CANCEL)

    assert tickets.purpose(token.replace("cft_", "cfp_"), JOB, 1) is None
    assert not tokens.proves(ticket, JOB, 1)
    assert not tokens.proves(ticket.replace("cfp_", "cft_"), JOB, 1)
