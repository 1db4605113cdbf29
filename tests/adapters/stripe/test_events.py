from __future__ import annotations

import json
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.stripe.events import SUBJECTS, StripeEventReader
from domain.provider_events.errors import UnreadableEvent
from domain.provider_events.model import ProviderEvent, Subject

MARKS = {
    "app": "counterfoil",
    "instance": "inst_here",
    "job_id": "job_a",
    "payment_id": "pay_a",
    "refund_id": "ref_a",
}
SESSION = {"id": "cs_1", "object": "checkout.session", "payment_intent": None}
INTENT = {"id": "pi_1", "object": "payment_intent", "latest_charge": "ch_1"}
CHARGE = {"id": "ch_1", "object": "charge", "payment_intent": "pi_1", "amount_refunded": 5}
REFUND = {"id": "re_1", "object": "refund", "payment_intent": "pi_1", "charge": "ch_1"}


def an_event(kind: str = "checkout.session.completed", about: Any = SESSION, **facts: Any) -> str:
    usual = {
        "id": "evt_1",
        "object": "event",
        "type": kind,
        "created": 1_793_700_000,
        "livemode": False,
        "api_version": "2026-10-28.endive",
        "data": {"object": about, "previous_attributes": {"status": "open"}},
        "pending_webhooks": 1,
        "request": {"id": None, "idempotency_key": None},
    }
    return json.dumps({**usual, **facts})


def read(payload: str) -> ProviderEvent:
    return StripeEventReader().read(payload)


TYPES = [
    ("checkout.session.completed", SESSION, Subject.CHECKOUT),
    ("checkout.session.async_payment_succeeded", SESSION, Subject.CHECKOUT),
    ("checkout.session.async_payment_failed", SESSION, Subject.CHECKOUT),
    ("checkout.session.expired", SESSION, Subject.CHECKOUT),
    ("payment_intent.succeeded", INTENT, Subject.CHECKOUT),
    ("payment_intent.payment_failed", INTENT, Subject.CHECKOUT),
    ("payment_intent.processing", INTENT, Subject.CHECKOUT),
    ("payment_intent.canceled", INTENT, Subject.CHECKOUT),
    ("payment_intent.created", INTENT, Subject.OTHER),
    ("payment_intent.requires_action", INTENT, Subject.OTHER),
    ("charge.succeeded", CHARGE, Subject.CHECKOUT),
    ("charge.captured", CHARGE, Subject.CHECKOUT),
    ("charge.failed", CHARGE, Subject.OTHER),
    ("charge.pending", CHARGE, Subject.OTHER),
    ("charge.updated", CHARGE, Subject.OTHER),
    ("refund.created", REFUND, Subject.REFUND),
    ("refund.updated", REFUND, Subject.REFUND),
    ("refund.failed", REFUND, Subject.REFUND),
    ("charge.refund.updated", REFUND, Subject.REFUND),
    ("charge.refunded", CHARGE, Subject.REFUNDS_OF_CHARGE),
    ("charge.dispute.created", {"id": "dp_1", "object": "dispute"}, Subject.OTHER),
    ("balance.available", {"object": "balance"}, Subject.OTHER),
    ("payout.paid", {"id": "po_1", "object": "payout"}, Subject.OTHER),
    ("some.thing_new", {"id": "new_1", "object": "new"}, Subject.OTHER),
]


@pytest.mark.parametrize(("kind", "about", "subject"), TYPES)
def test_each_type_is_about_one_thing(kind: str, about: Any, subject: Subject) -> None:
    event = read(an_event(kind, about))

    assert (event.kind, event.subject, event.object_id) == (kind, subject, about.get("id"))


def test_no_type_is_handled_that_the_table_above_does_not_name() -> None:
    assert {kind for kind, _, subject in TYPES if subject is not Subject.OTHER} == set(SUBJECTS)


LINKS = [
    ("checkout.session.completed", SESSION, ("cs_1", None, None, None)),
    (
        "checkout.session.completed",
        {**SESSION, "payment_intent": "pi_1"},
        ("cs_1", "pi_1", None, None),
    ),
    (
        "checkout.session.completed",
        {**SESSION, "payment_intent": {"id": "pi_1"}},
        ("cs_1", "pi_1", None, None),
    ),
    ("payment_intent.succeeded", INTENT, (None, "pi_1", "ch_1", None)),
    ("charge.succeeded", CHARGE, (None, "pi_1", "ch_1", None)),
    ("charge.refunded", CHARGE, (None, "pi_1", "ch_1", None)),
    ("refund.updated", REFUND, (None, "pi_1", "ch_1", "re_1")),
    ("charge.refund.updated", REFUND, (None, "pi_1", "ch_1", "re_1")),
]


@pytest.mark.parametrize(("kind", "about", "links"), LINKS)
def test_the_links_say_whose_it_is(kind: str, about: Any, links: tuple[str | None, ...]) -> None:
    event = read(an_event(kind, about))

    assert links == (event.session_id, event.intent_id, event.charge_id, event.provider_refund_id)


def test_our_marks_are_passed_on_as_they_were_written() -> None:
    event = read(an_event(about={**SESSION, "metadata": MARKS}))

    assert (event.app, event.instance) == ("counterfoil", "inst_here")
    assert (event.payment_id, event.refund_id) == ("pay_a", "ref_a")


@pytest.mark.parametrize("mark", ["", "x" * 101, "pay a", "pay\u0000a", "pay'; --", "pay_\n"])
def test_a_mark_that_cannot_be_ours_is_none(mark: str) -> None:
    event = read(an_event(about={**SESSION, "metadata": {**MARKS, "payment_id": mark}}))

    assert event.payment_id is None


def test_the_envelope_is_passed_on() -> None:
    event = read(an_event(account="acct_x", livemode=True, api_version="2020-08-27"))

    assert event.created_at == datetime.fromtimestamp(1_793_700_000, tz=UTC)
    assert (event.id, event.account, event.livemode) == ("evt_1", "acct_x", True)
    # A hint has the same shape in every version; the object is fetched in ours.
    assert event.api_version == "2020-08-27"


def without(name: str) -> str:
    event = json.loads(an_event())
    del event[name]
    return json.dumps(event)


DEEP = 100_000
UNREADABLE = [
    ("nothing", ""),
    ("no JSON", "hello"),
    ("a list", "[]"),
    ("a list of events", f"[{an_event()}]"),
    ("a string", '"evt_1"'),
    ("null", "null"),
    ("NaN", an_event(created=float("nan"))),
    ("Infinity", an_event(extra=float("inf"))),
    ("two values", an_event() * 2),
    ("cut off", an_event()[:-1]),
    ("deep lists", "[" * DEEP),
    ("deep where nobody looks", '{"extra":' * DEEP + "1" + "}" * DEEP),
    ("deep in the object", an_event().replace('{"id": "cs_1"', '{"a":' + "[" * DEEP)),
    ("no id", without("id")),
    ("no type", without("type")),
    ("no time", without("created")),
    ("no mode", without("livemode")),
    ("no data", without("data")),
    ("data without an object", an_event(data={})),
    ("an id that is a number", an_event(id=1)),
    ("an empty id", an_event(id="")),
    ("an id with a NUL", an_event(id="evt_\u0000")),
    ("an id with a line break", an_event(id="evt_1\n")),
    ("half a character in the id", an_event(id="evt_1").replace("evt_1", "\\ud800")),
    ("half a character outside of any string", "\ud800"),
    ("an endless id", an_event(id="evt_" + "1" * 10_000)),
    ("a mode that is a word", an_event(livemode="false")),
    ("a time in words", an_event(created="yesterday")),
    ("a time that is no time", an_event(created=10**20)),
    ("a time before there was any", an_event(created=-1)),
    ("a thin event", an_event(object="v2.core.event")),
    ("a session event about a charge", an_event(about=CHARGE)),
    ("a refund event about a charge", an_event("refund.created", CHARGE)),
    ("a charge event about a refund", an_event("charge.refunded", REFUND)),
    ("a session without an id", an_event(about={"object": "checkout.session"})),
    ("a session that is a list", an_event(about=[])),
    ("metadata that is no text", an_event(about={**SESSION, "metadata": {"app": 1}})),
    ("an intent that is a number", an_event(about={**SESSION, "payment_intent": 7})),
]


@pytest.mark.parametrize("payload", [pytest.param(p, id=name) for name, p in UNREADABLE])
def test_what_does_not_look_like_an_event_is_unreadable(payload: str) -> None:
    with pytest.raises(UnreadableEvent):
        read(payload)


def test_the_error_does_not_repeat_what_stood_there() -> None:
    with pytest.raises(UnreadableEvent) as unreadable:
        read(an_event(created="ada@example.com"))

    assert "ada@example.com" not in str(unreadable.value)
    assert "created" in str(unreadable.value)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=20,
)


@given(st.text() | JSON.map(json.dumps))
def test_whatever_comes_it_is_read_or_unreadable(payload: str) -> None:
    with suppress(UnreadableEvent):
        read(payload)


@given(
    st.sampled_from(sorted(SUBJECTS)), st.sampled_from(["data", "id", "created", "account"]), JSON
)
def test_an_event_with_anything_in_one_place_is_read_or_unreadable(
    kind: str, place: str, anything: object
) -> None:
    with suppress(UnreadableEvent):
        read(an_event(kind, **{place: anything}))


@given(st.sampled_from(sorted(SUBJECTS)), JSON)
def test_an_event_about_anything_is_read_or_unreadable(kind: str, about: object) -> None:
    with suppress(UnreadableEvent):
        read(an_event(kind, about))
