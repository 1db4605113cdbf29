"""What every RefundGateway promises, ours in memory and Stripe's adapter alike."""

from __future__ import annotations

from collections.abc import AsyncIterator

import attrs
import pytest
from pytest_aiohttp import AiohttpServer

from domain.outbox.model import Parameters
from domain.payments.errors import ProviderMisconfigured, ProviderRefused, ProviderUnavailable
from domain.payments.model import CheckoutOrder, Payment
from domain.refunds.model import RefundOrder, RefundReport
from domain.shared.money import Money
from tests.adapters.stripe.providers import REMEMBERED_ERRORS, TROUBLES, Provider, open_provider
from tests.builders import a_payment, a_quote, a_refund

OPEN = "cf1:sandbox:checkout.open:pay_a:g1"
REFUND = "cf1:sandbox:refund.create:ref_a:g1"
PAID = Money(199, "usd")


@pytest.fixture(params=["memory", "stripe"])
async def provider(
    request: pytest.FixtureRequest, aiohttp_server: AiohttpServer
) -> AsyncIterator[Provider]:
    async with open_provider(request.param, aiohttp_server) as opened:
        yield opened


async def a_paid_one(provider: Provider, *, key: str = OPEN) -> Payment:
    """A payment that was opened, paid and captured at the provider."""
    order = CheckoutOrder(
        payment=a_quote(amount=PAID),
        offer="thumbnail",
        offer_name="Thumbnail",
        payment_methods=("card",),
    )
    parameters = provider.payments.checkout_parameters(order)
    opened = await provider.payments.open_checkout(parameters, key=key)
    await provider.pay(opened.session_id)
    report = await provider.payments.fetch_checkout(opened.session_id)
    return attrs.evolve(
        a_payment("paid"),
        captured=report.captured,
        intent_id=report.intent_id,
        charge_id=report.charge_id,
    )


def parameters_of(
    provider: Provider, payment: Payment, amount: Money = PAID, refund_id: str = "ref_a"
) -> Parameters:
    return provider.refunds.refund_parameters(
        RefundOrder(
            refund=a_refund(refund_id=refund_id, amount=amount),
            payment=payment,
            offer="thumbnail",
            failure_reason="no_such_image",
        )
    )


async def give_back(
    provider: Provider, payment: Payment, amount: Money = PAID, *, refund_id: str = "ref_a"
) -> RefundReport:
    parameters = parameters_of(provider, payment, amount, refund_id)
    key = REFUND.replace("ref_a", refund_id)
    return await provider.refunds.create_refund(parameters, key=key)


async def test_a_refund_gives_back_what_was_asked_and_is_ours(provider: Provider) -> None:
    payment = await a_paid_one(provider)

    report = await give_back(provider, payment)

    assert (report.status, report.amount) == ("succeeded", PAID)
    assert (report.refund_id, report.intent_id) == ("ref_a", payment.intent_id)
    assert report.charge_id == payment.charge_id
    assert report.provider_id
    assert (report.failure_reason, report.pending_reason) == (None, None)


async def test_the_same_key_gives_back_once(provider: Provider) -> None:
    payment = await a_paid_one(provider)

    first = await give_back(provider, payment)
    second = await give_back(provider, payment)

    assert second == first
    assert await provider.refunds_made() == 1


async def test_the_same_key_never_gives_back_something_else(provider: Provider) -> None:
    payment = await a_paid_one(provider)
    await give_back(provider, payment, Money(100, "usd"))

    with pytest.raises((ProviderRefused, ProviderMisconfigured)):
        await give_back(provider, payment, Money(50, "usd"))

    assert await provider.refunds_made() == 1


async def test_a_payment_can_be_given_back_in_parts(provider: Provider) -> None:
    payment = await a_paid_one(provider)

    first = await give_back(provider, payment, Money(100, "usd"))
    rest = await give_back(provider, payment, Money(99, "usd"), refund_id="ref_b")

    assert (first.amount, rest.amount) == (Money(100, "usd"), Money(99, "usd"))
    assert (first.status, rest.status) == ("succeeded", "succeeded")


async def test_a_refund_can_be_waited_for(provider: Provider) -> None:
    await provider.refunds_wait()
    payment = await a_paid_one(provider)

    report = await give_back(provider, payment)
    assert report.status == "pending"
    assert report.provider_id is not None

    await provider.settle_refund(report.provider_id)
    assert (await provider.refunds.fetch_refund(report.provider_id)).status == "succeeded"


async def test_a_refund_that_waits_for_balance_says_so(provider: Provider) -> None:
    payment = await a_paid_one(provider)
    await provider.refunds_wait(for_balance=True)

    report = await give_back(provider, payment)

    assert (report.status, report.pending_reason) == ("pending", "insufficient_funds")


@pytest.mark.parametrize("waiting", [True, False], ids=["before it succeeded", "afterwards"])
async def test_a_refund_can_fail_later(provider: Provider, waiting: bool) -> None:
    if waiting:
        await provider.refunds_wait()
    report = await give_back(provider, await a_paid_one(provider))
    assert report.provider_id is not None

    await provider.fail_refund(report.provider_id, "expired_or_canceled_card")

    failed = await provider.refunds.fetch_refund(report.provider_id)
    assert (failed.status, failed.failure_reason) == ("failed", "expired_or_canceled_card")
    assert failed.pending_reason is None


async def test_what_failed_can_be_given_back_again(provider: Provider) -> None:
    payment = await a_paid_one(provider)
    report = await give_back(provider, payment)
    assert report.provider_id is not None
    await provider.fail_refund(report.provider_id, "declined")

    again = await give_back(provider, payment, refund_id="ref_b")

    assert (again.status, again.refund_id) == ("succeeded", "ref_b")


async def test_what_went_back_is_not_given_back_again(provider: Provider) -> None:
    payment = await a_paid_one(provider)
    await give_back(provider, payment)

    with pytest.raises(ProviderRefused, match="charge_already_refunded"):
        await give_back(provider, payment, refund_id="ref_b")

    assert await provider.refunds_made() == 1


async def test_no_more_goes_back_than_is_left(provider: Provider) -> None:
    payment = await a_paid_one(provider)
    await give_back(provider, payment, Money(150, "usd"))

    with pytest.raises(ProviderRefused) as refused:
        await give_back(provider, payment, Money(50, "usd"), refund_id="ref_b")

    assert "amount" in refused.value.reason
    assert await provider.refunds_made() == 1


async def test_nothing_goes_back_of_what_the_provider_does_not_know(provider: Provider) -> None:
    unknown = attrs.evolve(await a_paid_one(provider), intent_id="pi_unknown")

    with pytest.raises(ProviderRefused, match="resource_missing"):
        await give_back(provider, unknown)


async def test_a_refund_that_was_never_made_is_refused(provider: Provider) -> None:
    with pytest.raises(ProviderRefused, match="resource_missing"):
        await provider.refunds.fetch_refund("re_unknown")


async def test_every_refund_of_a_payment_is_found_whoever_made_it(provider: Provider) -> None:
    payment = await a_paid_one(provider)
    other = await a_paid_one(provider, key=f"{OPEN}2")
    ours = await give_back(provider, payment, Money(100, "usd"))
    assert payment.intent_id is not None
    theirs = await provider.refund_by_hand(payment.intent_id, 50)
    await give_back(provider, other, refund_id="ref_c")

    found = await provider.refunds.find_refunds(payment)

    assert {report.provider_id for report in found} == {ours.provider_id, theirs}
    assert {report.refund_id for report in found} == {"ref_a", None}


async def test_a_payment_nobody_gave_back_has_no_refunds(provider: Provider) -> None:
    assert await provider.refunds.find_refunds(await a_paid_one(provider)) == []


@pytest.mark.parametrize(("provider", "trouble"), TROUBLES, indirect=["provider"])
async def test_an_unknown_outcome_is_found_out_by_the_same_key(
    provider: Provider, trouble: str
) -> None:
    payment = await a_paid_one(provider)
    await provider.trouble(trouble)
    with pytest.raises(ProviderUnavailable):
        await give_back(provider, payment)

    report = await give_back(provider, payment)

    assert (report.status, report.refund_id) == ("succeeded", "ref_a")
    assert await provider.refunds_made() == 1


@pytest.mark.parametrize(
    ("provider", "trouble"), [*TROUBLES, *REMEMBERED_ERRORS], indirect=["provider"]
)
async def test_an_unknown_outcome_is_found_out_by_looking(provider: Provider, trouble: str) -> None:
    payment = await a_paid_one(provider)
    await provider.trouble(trouble)
    with pytest.raises(ProviderUnavailable):
        await give_back(provider, payment)

    found = await provider.refunds.find_refunds(payment)

    made = await provider.refunds_made()
    assert [report.refund_id for report in found] == ["ref_a"] * made


@pytest.mark.parametrize(("provider", "trouble"), TROUBLES, indirect=["provider"])
async def test_a_look_that_failed_does_not_look_like_nothing_found(
    provider: Provider, trouble: str
) -> None:
    payment = await a_paid_one(provider)
    await give_back(provider, payment)
    await provider.trouble(trouble)

    with pytest.raises(ProviderUnavailable):
        await provider.refunds.find_refunds(payment)

    assert len(await provider.refunds.find_refunds(payment)) == 1


@pytest.mark.parametrize(("provider", "trouble"), REMEMBERED_ERRORS, indirect=["provider"])
async def test_an_error_that_is_remembered_stays_unknown_and_says_that_it_was_remembered(
    provider: Provider, trouble: str
) -> None:
    payment = await a_paid_one(provider)
    await provider.trouble(trouble)
    with pytest.raises(ProviderUnavailable) as first:
        await give_back(provider, payment)

    with pytest.raises(ProviderUnavailable, match="Idempotent-Replayed: true"):
        await give_back(provider, payment)

    assert "Replayed" not in str(first.value)
