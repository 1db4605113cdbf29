from __future__ import annotations

import asyncio
import logging
import ssl
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import stripe
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from pytest_aiohttp import AiohttpServer
from structlog.testing import capture_logs

from adapters.stripe.client import open_stripe
from adapters.stripe.gateway import StripePaymentGateway
from domain.payments.errors import ProviderUnavailable
from tests.adapters.stripe.stand_in import INSTANCE, SECRET_KEY, Reply, StandIn, a_session, app_of


def a_gateway(client: stripe.StripeClient) -> StripePaymentGateway:
    return StripePaymentGateway(client=client, mode="test", instance=INSTANCE)


def written_to(folder: Path) -> list[Path]:
    return list(folder.rglob("*"))


async def test_every_address_is_the_sandboxes(stand_in: StandIn) -> None:
    """A file of evidence, say, would otherwise leave for Stripe's own address."""
    stand_in.answers(Reply(body={"id": "file_1", "object": "file"}))

    async with open_stripe(SECRET_KEY, base_url=f"{stand_in.url}/", timeout_s=1) as client:
        await client.raw_request_async("post", "/v1/a", base="files")
        for base in ("api", "connect", "meter_events"):
            await client.raw_request_async("get", "/v1/a", base=base)

    assert [request.path for request in stand_in.received] == ["/v1/a"] * 4


async def test_without_an_address_it_is_stripe() -> None:
    async with open_stripe(SECRET_KEY, base_url=None, timeout_s=1) as client:
        assert client._requestor._options.base_addresses == {
            "api": "https://api.stripe.com",
            "connect": "https://connect.stripe.com",
            "files": "https://files.stripe.com",
            "meter_events": "https://meter-events.stripe.com",
        }


async def test_a_certificate_nobody_vouches_for_is_not_talked_to(
    stand_in: StandIn, aiohttp_server: AiohttpServer, tmp_path: Path
) -> None:
    stand_in.answers(Reply(body=a_session()))
    server = await aiohttp_server(app_of(stand_in), ssl=self_signed(tmp_path))
    url = f"https://127.0.0.1:{server.port}"

    async with open_stripe(SECRET_KEY, base_url=url, timeout_s=2) as client:
        with pytest.raises(ProviderUnavailable, match="ClientConnectorCertificateError"):
            await a_gateway(client).fetch_checkout("cs_1")

    assert stand_in.received == []


def self_signed(folder: Path) -> ssl.SSLContext:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.fromtimestamp(time.time(), tz=UTC)
    builder = x509.CertificateBuilder(issuer_name=name, subject_name=name, serial_number=1)
    builder = builder.public_key(key.public_key()).not_valid_before(now - timedelta(days=1))
    certificate = builder.not_valid_after(now + timedelta(days=1)).sign(key, hashes.SHA256())
    pem = folder / "server.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    pem.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    return context


@pytest.mark.parametrize("base_url", ["", "/", "127.0.0.1:12111", "ftp://127.0.0.1"])
async def test_a_sandbox_without_an_address_is_never_taken_for_stripe_itself(base_url: str) -> None:
    with pytest.raises(ValueError, match="address of the sandbox"):
        async with open_stripe(SECRET_KEY, base_url=base_url, timeout_s=1):
            pass


async def test_a_call_is_over_within_the_time_given(stand_in: StandIn) -> None:
    stand_in.answers(Reply(delay_s=5))
    loop = asyncio.get_running_loop()

    async with open_stripe(SECRET_KEY, base_url=stand_in.url, timeout_s=0.2) as client:
        began = loop.time()
        with pytest.raises(ProviderUnavailable):
            await a_gateway(client).fetch_checkout("cs_1")

    assert loop.time() - began < 1
    assert len(stand_in.received) == 1


async def test_an_answer_without_end_is_not_read_to_its_end(stand_in: StandIn) -> None:
    stand_in.answers(Reply(body=b" " * 5_000_000))

    async with open_stripe(SECRET_KEY, base_url=stand_in.url, timeout_s=5) as client:
        with pytest.raises(ProviderUnavailable, match="AnswerTooLong"):
            await a_gateway(client).fetch_checkout("cs_1")


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
    stand_in.answers(Reply(body=a_session(), headers={"Request-Id": "req_1"}))

    async with open_stripe(SECRET_KEY, base_url=stand_in.url, timeout_s=1) as client:
        for _ in range(2):
            await a_gateway(client).fetch_checkout("cs_1")

    assert written_to(tmp_path) == []
    assert "X-Stripe-Client-Telemetry" not in stand_in.received[1].headers


async def test_the_pinned_version_is_asked_for(stand_in: StandIn) -> None:
    stand_in.answers(Reply(body=a_session()))

    async with open_stripe(SECRET_KEY, base_url=stand_in.url, timeout_s=1) as client:
        await a_gateway(client).fetch_checkout("cs_1")

    assert stand_in.received[0].headers["Stripe-Version"] == "2026-10-28.endive"


async def test_it_is_closed_at_the_end(stand_in: StandIn) -> None:
    """Warnings are errors here: a connection left open would fail this test, and every other."""
    stand_in.answers(Reply(body=a_session()))
    async with open_stripe(SECRET_KEY, base_url=stand_in.url, timeout_s=1) as client:
        gateway = a_gateway(client)
        await gateway.fetch_checkout("cs_1")

    with pytest.raises(RuntimeError, match="closed"):
        await gateway.fetch_checkout("cs_1")


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
