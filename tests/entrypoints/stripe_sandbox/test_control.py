"""The control plane: the clock, the books, the journal, and starting again."""

import time
from pathlib import Path

import pytest
import structlog

from entrypoints.stripe_sandbox.settings import SandboxSettings
from tests.entrypoints.stripe_sandbox.conftest import KEY, SECRET, World


async def test_the_clock_ticks_and_jumps_forward(world: World) -> None:
    before = await world.control.get("/clock")
    after = await world.control.advance(3600)

    assert before["offset_s"] == 0
    assert after["offset_s"] == 3600
    assert abs(after["epoch"] - time.time() - 3600) < 5
    assert after["now"].endswith("+00:00")


async def test_the_clock_never_goes_back(world: World) -> None:
    await world.control.post("/clock/advance", expect=422, seconds=-1)


async def test_the_books_tell_the_whole_of_a_payment(world: World) -> None:
    session = await world.open_session(
        client_reference_id="job-1", payment_intent_data={"metadata": {"job_id": "job-1"}}
    )
    await world.control.pay(session.id)
    await world.control.advance(3)
    intent = await world.intent_of(session.id)
    refund = await world.stripe.v1.refunds.create_async({"payment_intent": intent, "amount": 1500})

    page = (await world.control.get("/books"))["payment_intents"]

    assert page == [
        {
            "payment_intent": intent,
            "session": session.id,
            "client_reference_id": "job-1",
            "charge": refund.charge,
            "status": "succeeded",
            "metadata": {"job_id": "job-1"},
            "amount": 4000,
            "currency": "usd",
            "captured": 4000,
            "refunds": {"succeeded": {"count": 1, "amount": 1500, "ids": [refund.id]}},
            "refunded": 1500,
            "disputed": 0,
            "fee": 146,
            "net": 4000 - 1500 - 146,
        }
    ]


async def test_the_journal_keeps_every_request_with_its_outcome(world: World) -> None:
    await world.control.post("/faults", kind="error", path="/v1/refunds", times=1)
    form = "payment_intent=pi_1"
    for _ in range(2):
        await world.raw("POST", "/v1/refunds", form, **{"Idempotency-Key": "k1"})
    _, _, headers = await world.raw("GET", "/v1/charges?limit=3")

    requests = (await world.control.get("/journal"))["requests"]

    told = [
        (each["method"], each["path"], each["status"], each["replayed"], each["fault"])
        for each in requests
    ]
    assert told == [
        ("POST", "/v1/refunds", 500, False, "error"),
        ("POST", "/v1/refunds", 500, True, None),
        ("GET", "/v1/charges", 200, False, None),
    ]
    assert requests[0]["idempotency_key"] == "k1"
    assert requests[0]["params"] == {"payment_intent": "pi_1"}
    assert requests[2]["params"] == {"limit": "3"}
    assert requests[2]["request_id"] == headers["Request-Id"]


async def test_a_reset_empties_everything_but_the_settings(world: World) -> None:
    await world.paid()
    await world.control.post("/faults", kind="error", path="/v1/nothing")
    await world.control.post("/webhooks", duplicate=2)

    await world.control.post("/reset")

    assert (await world.control.get("/books"))["payment_intents"] == []
    assert (await world.control.get("/faults"))["faults"] == []
    assert (await world.control.get("/webhooks"))["duplicate"] == 1
    assert (await world.control.get("/clock"))["offset_s"] == 0
    assert (await world.control.get("/journal"))["requests"] == []
    endpoints = await world.stripe.v1.webhook_endpoints.list_async()
    assert [each.url for each in endpoints.data] == [world.shop.url]
    await world.paid()
    await world.shop.has("checkout.session.completed")


async def test_what_is_not_there_is_not_found_in_json(world: World) -> None:
    for path in ("/checkout/cs_1/pay", "/refunds/re_1/fail", "/events/evt_1/resend", "/wat"):
        answer = await world.control.post(path, expect=404)
        assert answer["error"]["message"].startswith("There is no ")


async def test_what_is_not_json_is_refused(world: World) -> None:
    session = await world.open_session()
    url = f"{world.url}/_sandbox/checkout/{session.id}/pay"
    async with world.http.post(url, data=b"{") as answer:
        assert answer.status == 400
    await world.control.post(f"/checkout/{session.id}/pay", expect=422, card=4242)
    await world.control.post(f"/checkout/{session.id}/pay", expect=422, method="sepa_debit")
    await world.control.post(f"/checkout/{session.id}/pay", expect=422, tamper={"amount": 0})


def test_the_settings_do_not_show_their_secrets() -> None:
    assert "whsec_hidden" not in repr(SandboxSettings(webhook_secrets=("whsec_hidden",)))


@pytest.mark.parametrize("secrets", [(), ("",), ("whsec_one", "")])
def test_an_endpoint_without_a_secret_is_no_endpoint(secrets: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="webhook_secrets"):
        SandboxSettings(webhook_url="http://shop.test", webhook_secrets=secrets)


async def test_neither_logs_nor_disk_tell_a_secret_or_a_card(world: World, tmp_path: Path) -> None:
    with structlog.testing.capture_logs() as lines:
        session = await world.open_session()
        await world.control.pay(session.id, "4000000000009995", cvc="987")
        await world.control.pay(session.id, "5555555555554444", cvc="987")
        await world.shop.has("charge.failed", "checkout.session.completed")
    await world.control.post("/clock/advance", seconds=5)
    kept = all_bytes(tmp_path)

    assert {"card.presented", "delivery.attempted"} <= {line["event"] for line in lines}
    for hidden in (SECRET, KEY, "4000000000009995", "5555555555554444"):
        assert hidden not in str(lines)
        assert hidden.encode() not in kept
    assert session.id.encode() in kept


def all_bytes(folder: Path) -> bytes:
    return b"".join(each.read_bytes() for each in folder.iterdir())


@pytest.fixture
def state_dir(tmp_path: Path) -> Path:
    return tmp_path
