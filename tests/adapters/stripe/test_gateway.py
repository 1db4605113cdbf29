from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import attrs
import pytest
import stripe

from adapters.stripe.gateway import StripePaymentGateway
from domain.payments.errors import ProviderMisconfigured, ProviderRefused, ProviderUnavailable
from domain.shared.money import Money
from tests.adapters.stripe.stand_in import (
    Reply,
    StandIn,
    a_paid_session,
    a_session,
    an_error,
    an_intent,
)

KEY = "cf1:test:checkout.open:pay_a:g1"
AGAIN = {"Idempotent-Replayed": "true"}


async def test_an_open_checkout_is_reported_as_it_is(
    stand_in: StandIn, payments: StripePaymentGateway
) -> None:
    stand_in.answers(Reply(body=a_session(customer_email="ada@example.com")))

    report = await payments.open_checkout({"mode": "payment"}, key=KEY)

    assert (report.session_id, report.is_open, report.payment_status) == (
        "cs_test_a1",
        True,
        "unpaid",
    )
    assert report.url == a_session()["url"]
    assert report.expires_at == datetime.fromtimestamp(1_793_700_000, tz=UTC)
    assert (report.job_id, report.payment_id) == ("job_a", "pay_a")
    assert (report.captured, report.failed) == (None, False)
    assert report.customer_email == "ada@example.com"
    assert "ada@example.com" not in repr(report)


async def test_what_was_captured_is_read_off_the_intent_and_its_charge(
    stand_in: StandIn, payments: StripePaymentGateway
) -> None:
    taken = an_intent(amount_received=150, currency="eur")
    person = {"email": "ada@example.com", "name": "Ada"}
    stand_in.answers(Reply(body=a_paid_session(payment_intent=taken, customer_details=person)))

    report = await payments.fetch_checkout("cs_test_a1")

    assert report.captured == Money(150, "eur")
    assert (report.intent_id, report.charge_id) == ("pi_3a", "ch_3a")
    assert (report.url, report.customer_email) == (None, "ada@example.com")
    assert stand_in.received[0].query == {"expand[0]": "payment_intent.latest_charge"}


WAITING = {"status": "complete", "payment_status": "unpaid", "url": None}
NOT_CAPTURED = [
    # the checkout, its intent, whether it has come to nothing
    ("processing", WAITING, {"status": "processing", "amount_received": 0}, False),
    ("refused by the bank", WAITING, {"status": "requires_payment_method"}, True),
    ("given up", WAITING, {"status": "canceled", "amount_received": 0}, True),
    ("a declined card", {}, {"status": "requires_payment_method", "amount_received": 0}, False),
    ("authenticating", {}, {"status": "requires_action", "amount_received": 0}, False),
    ("succeeded with nothing", WAITING, {"amount_received": 0}, False),
    ("received and not succeeded", WAITING, {"status": "requires_capture"}, False),
    ("a word of tomorrow", WAITING, {"status": "contemplating"}, False),
    ("no charge yet", WAITING, {"status": "processing", "latest_charge": None}, False),
    ("a charge only named", WAITING, {"status": "processing", "latest_charge": "ch_1"}, False),
]


@pytest.mark.parametrize(
    ("checkout", "intent", "failed"), [pytest.param(*row, id=name) for name, *row in NOT_CAPTURED]
)
async def test_nothing_else_counts_as_captured(
    stand_in: StandIn,
    payments: StripePaymentGateway,
    checkout: dict[str, Any],
    intent: dict[str, Any],
    failed: bool,
) -> None:
    stand_in.answers(Reply(body=a_session(**checkout, payment_intent=an_intent(**intent))))

    report = await payments.fetch_checkout("cs_test_a1")

    assert (report.captured, report.failed) == (None, failed)


@pytest.mark.parametrize(
    "metadata",
    [
        None,
        {},
        {"payment_id": "pay_a"},
        {"app": "counterfoil", "payment_id": "pay_a"},
        {"app": "counterfoil", "instance": "inst_other", "payment_id": "pay_a"},
        {"app": "other", "instance": "inst_here", "payment_id": "pay_a"},
    ],
)
async def test_an_id_of_another_installation_is_none_of_ours(
    stand_in: StandIn, payments: StripePaymentGateway, metadata: object
) -> None:
    stand_in.answers(Reply(body=a_session(metadata=metadata)))

    report = await payments.fetch_checkout("cs_test_a1")

    assert (report.job_id, report.payment_id) == (None, None)


def without(name: str, thing: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in thing.items() if key != name}


UNREADABLE = [
    *((f"no {name}", without(name, a_session())) for name in ("id", "status", "payment_status")),
    *((f"no {name}", without(name, a_session())) for name in ("livemode", "expires_at", "object")),
    ("another object", a_session(object="payment_link")),
    ("a status of tomorrow", a_session(status="dreaming")),
    ("no status", a_session(status=None)),
    ("an id to look up elsewhere", a_session(id="../../v1/refunds")),
    ("an endless id", a_session(id="cs_" + "a" * 100_000)),
    ("an expiry that is no time", a_session(expires_at=10**30)),
    ("open and nowhere", a_session(url=None)),
    ("a script for an address", a_session(url="javascript:alert(1)")),
    ("data for an address", a_session(url="data:text/html,hello")),
    ("not encrypted", a_session(url="http://checkout.stripe.com/c/pay/cs_test_a1")),
    ("somebody before the @", a_session(url="https://checkout.stripe.com@evil.example/")),
    ("a line break", a_session(url="https://checkout.stripe.com/\nSet-Cookie: a=b")),
    ("a quote", a_session(url="https://checkout.stripe.com/'><script>")),
    ("a backslash", a_session(url="https://evil.example\\@checkout.stripe.com/")),
    ("no host", a_session(url="https:///c/pay")),
    ("half an address", a_session(url="https://[checkout.stripe.com/")),
    ("an endless address", a_session(url="https://checkout.stripe.com/" + "a" * 100_000)),
    ("paid by nothing", a_paid_session(payment_intent=None)),
    ("paid by a name", a_paid_session(payment_intent="pi_3a")),
    ("paid by what did not succeed", a_paid_session(payment_intent=an_intent(status="processing"))),
    ("paid nothing", a_paid_session(payment_intent=an_intent(amount_received=0))),
    ("an amount in words", a_paid_session(payment_intent=an_intent(amount_received="199"))),
    ("half an amount", a_paid_session(payment_intent=an_intent(amount_received=199.5))),
    ("less than nothing", a_paid_session(payment_intent=an_intent(amount_received=-199))),
    ("an endless amount", a_paid_session(payment_intent=an_intent(amount_received=10**40))),
    ("no amount", a_paid_session(payment_intent=without("amount_received", an_intent()))),
    ("no currency", a_paid_session(payment_intent=an_intent(currency=None))),
    ("currency in capitals", a_paid_session(payment_intent=an_intent(currency="USD"))),
    ("metadata that is no text", a_session(metadata={"payment_id": ["pay_a"]})),
    ("deleted", {"id": "cs_test_a1", "object": "checkout.session", "deleted": True}),
]


@pytest.mark.parametrize("body", [pytest.param(b, id=name) for name, b in UNREADABLE])
async def test_an_answer_that_cannot_be_is_no_answer(
    stand_in: StandIn, payments: StripePaymentGateway, body: object
) -> None:
    stand_in.answers(Reply(body=body))

    with pytest.raises(ProviderUnavailable, match="unreadable answer"):
        await payments.fetch_checkout("cs_test_a1")


async def test_an_account_may_have_its_own_domain_for_checkout(
    stand_in: StandIn, payments: StripePaymentGateway
) -> None:
    stand_in.answers(Reply(body=a_session(url="https://pay.shop.example/c/pay/cs_test_a1")))

    assert (await payments.fetch_checkout("cs_test_a1")).url is not None


SANDBOX_PAGES = [
    ("http://127.0.0.1:12111/c/pay/cs_1", True),
    ("http://127.0.0.1:12112/c/pay/cs_1", False),
    ("https://127.0.0.1:12111/c/pay/cs_1", False),
    ("http://127.0.0.1:12111@evil.example/", False),
    ("https://checkout.stripe.com/c/pay/cs_1", False),
]


@pytest.mark.parametrize(("url", "good"), SANDBOX_PAGES)
async def test_the_sandboxes_pages_are_where_it_is_and_nowhere_else(
    stand_in: StandIn, payments: StripePaymentGateway, url: str, good: bool
) -> None:
    gateway = attrs.evolve(payments, mode="sandbox", sandbox_url="http://127.0.0.1:12111/")
    stand_in.answers(Reply(body=a_session(url=url)))

    if good:
        assert (await gateway.fetch_checkout("cs_1")).url == url
    else:
        with pytest.raises(ProviderUnavailable):
            await gateway.fetch_checkout("cs_1")


async def test_outside_sandbox_mode_a_sandbox_address_opens_nothing(
    stand_in: StandIn, payments: StripePaymentGateway
) -> None:
    gateway = attrs.evolve(payments, sandbox_url="http://127.0.0.1:12111")
    stand_in.answers(Reply(body=a_session(url="http://127.0.0.1:12111/c/pay/cs_1")))

    with pytest.raises(ProviderUnavailable):
        await gateway.fetch_checkout("cs_1")


@pytest.mark.parametrize(
    ("mode", "body"),
    [
        ("test", a_session(livemode=True)),
        ("sandbox", a_session(livemode=True)),
        ("live", a_session(livemode=False)),
        ("test", a_paid_session(payment_intent=an_intent(livemode=True))),
    ],
)
async def test_an_answer_from_the_other_mode_is_for_a_person_to_put_right(
    stand_in: StandIn, payments: StripePaymentGateway, mode: str, body: object
) -> None:
    stand_in.answers(Reply(body=body))

    with pytest.raises(ProviderMisconfigured, match="mode"):
        await attrs.evolve(payments, mode=mode).fetch_checkout("cs_test_a1")


async def test_an_opening_told_again_is_read_anew(
    stand_in: StandIn, payments: StripePaymentGateway
) -> None:
    stand_in.answers(Reply(body=a_session(), headers=AGAIN), Reply(body=a_paid_session()))

    report = await payments.open_checkout({"mode": "payment"}, key=KEY)

    assert report.captured == Money(199, "usd")
    assert [request.method for request in stand_in.received] == ["POST", "GET"]


async def test_what_was_opened_and_is_not_there_was_not_refused(
    stand_in: StandIn, payments: StripePaymentGateway
) -> None:
    stand_in.answers(Reply(body=a_session(), headers=AGAIN), an_error(404, code="resource_missing"))

    with pytest.raises(ProviderUnavailable):
        await payments.open_checkout({"mode": "payment"}, key=KEY)


async def test_an_open_checkout_is_expired_with_the_key(
    stand_in: StandIn, payments: StripePaymentGateway
) -> None:
    stand_in.answers(Reply(body=a_session(status="expired", url=None)))

    report = await payments.expire_checkout("cs_test_a1", key=KEY)

    assert report.is_expired
    (asked,) = stand_in.received
    assert (asked.method, asked.path) == ("POST", "/v1/checkout/sessions/cs_test_a1/expire")
    assert asked.headers["Idempotency-Key"] == KEY


async def test_what_cannot_be_expired_is_looked_at(
    stand_in: StandIn, payments: StripePaymentGateway
) -> None:
    stand_in.answers(an_error(400), Reply(body=a_paid_session()))

    assert (await payments.expire_checkout("cs_test_a1", key=KEY)).captured == Money(199, "usd")


async def test_what_cannot_be_expired_and_is_open_is_not_reported_as_ended(
    stand_in: StandIn, payments: StripePaymentGateway
) -> None:
    stand_in.answers(an_error(400), Reply(body=a_session()))

    with pytest.raises(ProviderUnavailable, match="Still open"):
        await payments.expire_checkout("cs_test_a1", key=KEY)


async def test_an_unknown_checkout_is_refused(
    stand_in: StandIn, payments: StripePaymentGateway
) -> None:
    stand_in.answers(an_error(404, code="resource_missing"))

    with pytest.raises(ProviderRefused, match="resource_missing"):
        await payments.expire_checkout("cs_test_a1", key=KEY)


def test_a_gateway_does_not_show_its_client(client: stripe.StripeClient) -> None:
    gateway = StripePaymentGateway(client=client, mode="test", instance="inst_here")

    assert repr(gateway) == (
        "StripePaymentGateway(mode='test', instance='inst_here', sandbox_url=None)"
    )
