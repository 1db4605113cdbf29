"""What every PaymentGateway promises, ours in memory and Stripe's adapter alike."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from pytest_aiohttp import AiohttpServer

from domain.outbox.model import Parameters
from domain.payments.errors import ProviderMisconfigured, ProviderRefused, ProviderUnavailable
from domain.payments.model import CheckoutOrder, CheckoutReport
from domain.shared.money import Money
from tests.adapters.stripe.providers import TROUBLES, Provider, open_provider
from tests.builders import a_quote

PRICE = Money(199, "usd")
OPEN = "cf1:sandbox:checkout.open:pay_a:g1"
EXPIRE = "cf1:sandbox:checkout.expire:pay_a:g1"


@pytest.fixture(params=["memory", "stripe"])
async def provider(
    request: pytest.FixtureRequest, aiohttp_server: AiohttpServer
) -> AsyncIterator[Provider]:
    async with open_provider(request.param, aiohttp_server) as opened:
        yield opened


def an_order(amount: Money = PRICE) -> CheckoutOrder:
    payment = a_quote(amount=amount, customer_email="ada@example.com", metadata={"campaign": "a&b"})
    return CheckoutOrder(
        payment=payment, offer="thumbnail", offer_name="Thumbnail", payment_methods=("card",)
    )


def parameters_of(provider: Provider, order: CheckoutOrder | None = None) -> Parameters:
    return provider.payments.checkout_parameters(order or an_order())


async def open_one(provider: Provider, order: CheckoutOrder | None = None) -> CheckoutReport:
    return await provider.payments.open_checkout(parameters_of(provider, order), key=OPEN)


async def test_an_opened_checkout_can_be_paid_and_is_ours(provider: Provider) -> None:
    report = await open_one(provider)

    assert (report.is_open, report.payment_status) == (True, "unpaid")
    assert report.url is not None
    assert (report.job_id, report.payment_id) == ("job_a", "pay_a")
    assert (report.captured, report.intent_id, report.failed) == (None, None, False)


async def test_the_same_key_opens_one_checkout(provider: Provider) -> None:
    first = await open_one(provider)
    second = await open_one(provider)

    assert second == first
    assert await provider.sessions() == 1


async def test_the_same_key_never_opens_another_checkout(provider: Provider) -> None:
    await open_one(provider)

    with pytest.raises((ProviderRefused, ProviderMisconfigured)):
        await open_one(provider, an_order(Money(299, "usd")))

    assert await provider.sessions() == 1


async def test_another_key_opens_another_checkout(provider: Provider) -> None:
    first = await open_one(provider)
    second = await provider.payments.open_checkout(parameters_of(provider), key=f"{OPEN}2")

    assert second.session_id != first.session_id


async def test_what_was_opened_is_found(provider: Provider) -> None:
    opened = await open_one(provider)

    assert await provider.payments.fetch_checkout(opened.session_id) == opened


async def test_what_was_never_opened_is_refused(provider: Provider) -> None:
    with pytest.raises(ProviderRefused, match="resource_missing"):
        await provider.payments.fetch_checkout("cs_test_unknown")


async def test_a_payment_is_reported_with_what_was_taken(provider: Provider) -> None:
    opened = await open_one(provider)

    await provider.pay(opened.session_id)

    report = await provider.payments.fetch_checkout(opened.session_id)
    assert (report.is_complete, report.payment_status) == (True, "paid")
    assert report.captured == Money(199, "usd")
    assert report.intent_id
    assert report.charge_id
    assert report.url is None


@pytest.mark.parametrize(
    "taken", [Money(198, "usd"), Money(10_000, "usd"), Money(199, "eur")], ids=str
)
async def test_what_was_taken_is_reported_though_it_is_not_what_was_asked(
    provider: Provider, taken: Money
) -> None:
    opened = await open_one(provider)

    await provider.pay(opened.session_id, amount=taken)

    report = await provider.payments.fetch_checkout(opened.session_id)
    assert report.captured == taken


async def test_a_declined_card_leaves_the_checkout_open(provider: Provider) -> None:
    opened = await open_one(provider)

    await provider.decline(opened.session_id)

    report = await provider.payments.fetch_checkout(opened.session_id)
    assert (report.is_open, report.payment_status) == (True, "unpaid")
    assert (report.captured, report.failed) == (None, False)


async def test_another_card_may_pay_after_one_was_declined(provider: Provider) -> None:
    opened = await open_one(provider)
    await provider.decline(opened.session_id)

    await provider.pay(opened.session_id)

    report = await provider.payments.fetch_checkout(opened.session_id)
    assert report.captured == Money(199, "usd")


async def test_an_open_checkout_can_be_ended_once_and_again(provider: Provider) -> None:
    opened = await open_one(provider)

    first = await provider.payments.expire_checkout(opened.session_id, key=EXPIRE)
    second = await provider.payments.expire_checkout(opened.session_id, key=EXPIRE)

    assert first.is_expired
    assert second == first
    assert first.url is None


async def test_a_paid_checkout_that_is_to_end_is_reported_as_paid(provider: Provider) -> None:
    opened = await open_one(provider)
    await provider.pay(opened.session_id)

    report = await provider.payments.expire_checkout(opened.session_id, key=EXPIRE)

    assert (report.is_expired, report.payment_status) == (False, "paid")
    assert report.captured == Money(199, "usd")


async def test_a_checkout_ends_by_itself_after_a_day(provider: Provider) -> None:
    opened = await open_one(provider)

    await provider.let_a_day_pass()

    assert (await provider.payments.fetch_checkout(opened.session_id)).is_expired
    ended = await provider.payments.expire_checkout(opened.session_id, key=EXPIRE)
    assert ended.is_expired


async def test_what_was_never_opened_cannot_be_ended(provider: Provider) -> None:
    with pytest.raises(ProviderRefused, match="resource_missing"):
        await provider.payments.expire_checkout("cs_test_unknown", key=EXPIRE)


@pytest.mark.parametrize(
    ("amount", "can_be"),
    [
        (Money(50, "usd"), True),
        (Money(49, "usd"), False),
        (Money(0, "usd"), False),
        (Money(30, "gbp"), True),
        (Money(50, "jpy"), True),
        (Money(49, "jpy"), False),
        (Money(199, "xyz"), False),
    ],
    ids=str,
)
def test_an_amount_that_cannot_be_charged_is_known_beforehand(
    provider: Provider, amount: Money, can_be: bool
) -> None:
    assert (provider.payments.objection(amount) is None) is can_be


async def test_the_credentials_account_has_a_name(provider: Provider) -> None:
    assert (await provider.account.account_id()).startswith("acct_")


@pytest.mark.parametrize(("provider", "trouble"), TROUBLES, indirect=["provider"])
async def test_an_unknown_outcome_of_opening_is_found_out_by_the_same_key(
    provider: Provider, trouble: str
) -> None:
    await provider.trouble(trouble)
    with pytest.raises(ProviderUnavailable):
        await open_one(provider)

    report = await open_one(provider)

    assert report.is_open
    assert await provider.sessions() == 1


@pytest.mark.parametrize(("provider", "trouble"), TROUBLES, indirect=["provider"])
async def test_an_unknown_outcome_of_ending_is_found_out_by_the_same_key(
    provider: Provider, trouble: str
) -> None:
    opened = await open_one(provider)
    await provider.trouble(trouble)
    with pytest.raises(ProviderUnavailable):
        await provider.payments.expire_checkout(opened.session_id, key=EXPIRE)

    report = await provider.payments.expire_checkout(opened.session_id, key=EXPIRE)

    assert report.is_expired


@pytest.mark.parametrize(("provider", "trouble"), TROUBLES, indirect=["provider"])
async def test_looking_is_safe_and_may_come_to_nothing(provider: Provider, trouble: str) -> None:
    opened = await open_one(provider)
    await provider.trouble(trouble)
    with pytest.raises(ProviderUnavailable):
        await provider.payments.fetch_checkout(opened.session_id)

    assert await provider.payments.fetch_checkout(opened.session_id) == opened
