"""What happens to a customer's money, from the first click to the last."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.end_to_end.house import (
    DECLINED,
    REFUND_FAILS_LATER,
    VISA,
    House,
    until,
)

A_DAY_S = 86_400
UPSCALE = {
    "offer": "image-upscale-2x",
    "inputs": {"url": "http://127.0.0.1:9/photo.jpg", "width": 4000, "height": 3000},
}


async def test_a_paid_job_is_done_by_a_worker_and_its_result_delivered(house: House) -> None:
    bought = await house.buy(UPSCALE)
    assert bought["status"] == "pending"
    # 12 megapixels at 6.5 cents, plus 40 %: 109.2, rounded up.
    assert (bought["amount"], bought["currency"]) == (110, "usd")

    paid = await house.pay(bought)
    assert paid["payment_status"] == "paid"
    leased = await house.lease(offers=["image-upscale-2x"])
    assert (leased["job_id"], leased["attempt"]) == (bought["job_id"], 1)
    assert leased["inputs"] == UPSCALE["inputs"]
    done = await house.complete(leased, {"url": "https://results.example/1.png"})
    assert (done.status, done.body["status"]) == (200, "completed")

    job = await house.job(bought)
    assert job["status"] == "completed"
    assert job["result"] == {"url": "https://results.example/1.png"}
    status = await house.status(bought)
    assert (status["status"], status["stripe_status"], status["amount_refunded"]) == (
        "paid",
        "paid",
        0,
    )


async def test_a_declined_card_is_not_the_end_of_it(house: House) -> None:
    bought = await house.buy()

    declined = await house.pay(bought, card=DECLINED)
    assert declined["decline_code"] == "generic_decline"
    await house.until_quiet()
    assert (await house.job(bought))["status"] == "pending"

    await house.pay(bought, card=VISA)
    await house.until_job(bought, "paid")
    assert (await house.at_stripe(bought))["captured"] == 199


async def test_a_session_that_expires_cancels_the_job(house: House) -> None:
    bought = await house.buy()

    await house.advance(A_DAY_S + 60)

    assert (await house.until_job(bought, "cancelled"))["hold"] is None
    assert (await house.status(bought))["status"] == "expired"


async def test_a_payment_that_comes_late_is_honoured(house: House) -> None:
    bought = await house.buy()
    await house.advance(A_DAY_S + 60)
    await house.until_job(bought, "cancelled")

    await house.pay(bought, late=True)

    await house.until_job(bought, "paid")
    leased = await house.lease()
    assert leased["job_id"] == bought["job_id"]


async def test_a_late_payment_for_an_offer_no_longer_sold_goes_back(house: House) -> None:
    bought = await house.buy()
    await house.advance(A_DAY_S + 60)
    await house.until_job(bought, "cancelled")
    await house.database.execute("UPDATE offers SET active = false WHERE slug = 'thumbnail'")

    await house.pay(bought, late=True)

    job = await house.until_job(bought, "refunded")
    assert (job["refund"]["status"], job["refund"]["reason"]) == ("succeeded", "not_honourable")
    assert await house.lease(wait_s=0) is None


async def test_work_that_fails_for_good_gives_the_money_back_once(house: House) -> None:
    bought = await house.buy()
    await house.pay(bought)
    leased = await house.lease()

    failed = await house.fail(leased, reason="the file is no image")
    assert failed.body["status"] == "failed"

    job = await house.until_job(bought, "refunded")
    assert job["failure_reason"] == "the file is no image"
    assert (job["refund"]["status"], job["refund"]["amount"]) == ("succeeded", 199)
    assert (await house.status(bought))["amount_refunded"] == 199
    refunds = (await house.stripe("/refunds"))["data"]
    assert [refund["amount"] for refund in refunds] == [199]
    assert refunds[0]["metadata"]["failure_reason"] == "the file is no image"
    assert await balances(house) == {
        "provider_clearing": 0,
        "customer_prepaid": 0,
        "refund_clearing": 0,
    }


async def test_a_failure_worth_another_try_is_tried_again_then_given_up(house: House) -> None:
    bought = await house.buy()
    await house.pay(bought)

    for attempt in (1, 2, 3):
        leased = await until(lambda: house.lease(wait_s=2), bool)
        assert leased["attempt"] == attempt
        await house.fail(leased, retryable=True, reason="busy")
        await house.database.execute("UPDATE jobs SET run_at = now() WHERE state = 'paid'")

    assert (await house.until_job(bought, "refunded"))["failure_reason"] == "busy"


async def test_when_a_worker_dies_another_finishes_and_the_first_is_fenced_out(
    house: House,
) -> None:
    bought = await house.buy()
    await house.pay(bought)
    first = await house.lease(lease_s=1)

    second = await house.lease(wait_s=10)
    assert (second["job_id"], second["attempt"]) == (bought["job_id"], 2)

    beat = await house.post(
        f"/api/jobs/{bought['job_id']}/heartbeat", {"lease": first["lease"]}, token=house.worker
    )
    late = await house.complete(first, "the first's result")
    assert (beat.status, late.status) == (409, 409)
    assert late.body["type"] == "urn:counterfoil:problem:lease_not_current"

    assert (await house.complete(second, "the second's result")).status == 200
    again = await house.complete(second, "whatever")
    assert (again.status, again.body["status"]) == (200, "completed")
    assert (await house.job(bought))["result"] == "the second's result"
    noted = await house.database.fetchval("SELECT count(*) FROM audit_notes")
    assert noted == 1


async def test_a_job_past_its_deadline_fails_and_the_money_goes_back(house: House) -> None:
    bought = await house.buy()
    await house.pay(bought)
    leased = await house.lease(lease_s=3600)

    await house.advance(11 * 60)

    job = await house.until_job(bought, "refunded")
    assert (job["failure_reason"], job["refund"]["reason"]) == (
        "deadline_missed",
        "deadline_missed",
    )
    assert (await house.complete(leased)).status == 409


async def test_the_same_event_five_times_and_out_of_order_has_one_effect(house: House) -> None:
    await house.sandbox("POST", "/webhooks", {"duplicate": 5, "reorder": True, "seed": 7})
    bought = await house.buy()

    await house.pay(bought)
    await house.until_job(bought, "paid")
    await house.until_quiet()

    await until(
        lambda: house.sandbox("GET", "/deliveries"),
        lambda made: len(made["deliveries"]) >= 5 * 4,
    )
    changes = await house.database.fetch(
        "SELECT event FROM audit_changes WHERE entity_kind = 'job' ORDER BY version"
    )
    assert [row["event"] for row in changes] == ["JobOrdered", "PaymentReceived"]
    captures = await house.database.fetchval("SELECT count(*) FROM ledger_transfers")
    assert captures == 1


async def test_events_that_come_before_our_own_commit_are_applied(house: House) -> None:
    await house.sandbox("POST", "/webhooks", {"before_response": True})
    await house.sandbox(
        "POST",
        "/faults",
        {"method": "POST", "path": "/v1/checkout/sessions", "kind": "timeout_after", "times": 1},
    )

    buying = asyncio.create_task(
        house.post("/api/payments/checkout-session", {"offer": "thumbnail"})
    )
    sessions = await until(
        lambda: house.stripe("/checkout/sessions"), lambda listed: listed["data"] != []
    )
    await house.sandbox("POST", f"/checkout/{sessions['data'][0]['id']}/pay", {"card": VISA})
    parked = "SELECT count(*) FROM inbox WHERE state = 'parked'"
    await until(lambda: house.database.fetchval(parked), bool)

    delayed = await buying
    assert delayed.status == 503
    assert delayed.headers["Retry-After"]
    await house.until_job(delayed.body, "paid")


async def test_a_capture_of_another_amount_is_held_and_released_by_a_refund(house: House) -> None:
    bought = await house.buy()

    await house.pay(bought, tamper={"amount": 1})

    job = await until(lambda: house.job(bought), lambda seen: seen["hold"] is not None)
    assert (job["status"], job["hold"]["name"]) == ("pending", "amount_mismatch")
    assert await house.lease(wait_s=0.5) is None
    again = await house.post(
        f"/api/jobs/{bought['job_id']}/checkout-session", token=bought["access_token"]
    )
    assert again.status == 409

    refund = await house.post(
        "/api/payments/refund",
        {"payment_id": bought["payment_id"], "reason": "wrong amount was taken"},
        token=house.token("alice", "admin"),
    )
    assert (refund.status, refund.body["amount"], refund.body["remaining"]) == (202, 1, 0)
    assert (await house.until_job(bought, "refunded"))["hold"] is None


async def test_when_both_of_two_sessions_are_paid_the_second_is_refunded(house: House) -> None:
    first = await house.buy()
    await house.advance(A_DAY_S + 60)
    await house.until_job(first, "cancelled")
    again = await house.post(
        f"/api/jobs/{first['job_id']}/checkout-session", token=first["access_token"]
    )
    assert again.status == 200
    second = again.body
    assert second["session_id"] != first["session_id"]
    await house.pay(second)
    await house.until_job(first, "paid")
    leased = await house.lease()

    await house.pay(first, late=True)

    await house.until_payment(first, "refunded")
    assert (await house.job(first))["refund"]["reason"] == "duplicate"
    assert (await house.complete(leased)).body["status"] == "completed"
    assert (await house.status(second))["status"] == "paid"


async def test_a_refund_that_fails_later_leaves_the_job_failed_and_on_hold(house: House) -> None:
    bought = await house.buy()
    await house.pay(bought, card=REFUND_FAILS_LATER)
    await house.fail(await house.lease())
    await house.until_job(bought, "refunded")

    await house.advance(3 * A_DAY_S)

    await until(
        lambda: refunds_of(house), lambda states: states.count("failed") == 2, patience_s=30
    )
    job = await house.until_job(bought, "failed")
    assert job["hold"]["name"] == "refund_failed"


async def test_a_refund_made_in_stripes_dashboard_is_ours_too(house: House) -> None:
    bought = await house.buy()
    await house.pay(bought)
    leased = await house.lease()
    intent = (await house.stripe(f"/checkout/sessions/{bought['session_id']}"))["payment_intent"]

    await house.stripe("/refunds", {"payment_intent": intent})

    job = await house.until_job(bought, "refunded")
    assert job["refund"]["reason"] == "adopted"
    assert (await house.complete(leased)).status == 409


async def test_lost_events_lose_no_payment(house: House) -> None:
    await house.sandbox("POST", "/webhooks", {"drop": 1.0})
    bought = await house.buy()
    await house.pay(bought)
    await house.until_quiet()
    assert (await house.job(bought))["status"] == "pending"

    await house.advance(150)

    await house.until_job(bought, "paid")
    await house.fail(await house.lease())
    await house.until_job(bought, "refunded")


async def test_foreign_and_wrong_mode_events_are_stored_and_ignored(house: House) -> None:
    bought = await house.buy()
    await house.pay(bought)
    await house.until_job(bought, "paid")
    session = await house.stripe(f"/checkout/sessions/{bought['session_id']}")
    stranger = {**session, "id": "cs_test_stranger", "payment_intent": None, "metadata": {}}

    forged = {**session, "id": "cs_test_forged"}

    made = [
        {"type": "checkout.session.completed", "object": stranger},
        {"type": "checkout.session.completed", "object": forged},
        {"type": "checkout.session.completed", "object": session, "livemode": True},
        {"type": "checkout.session.completed", "object": session, "account": "acct_else"},
        {"type": "customer.created", "object": {"id": "cus_1", "object": "customer"}},
    ]
    for event in made:
        await house.sandbox("POST", "/events", event)

    reasons = await until(
        lambda: house.database.fetch("SELECT reason FROM inbox WHERE state = 'ignored'"),
        lambda rows: (
            {"foreign", "wrong_mode", "foreign_account"} <= {row["reason"] for row in rows}
        ),
    )
    assert "unhandled_type" in {row["reason"] for row in reasons}
    # One that bears our marks on a session we never opened is for a person to look at.
    dead = "SELECT reason FROM inbox WHERE state = 'dead'"
    assert await until(lambda: house.database.fetchval(dead), bool) == "another_session"


async def test_a_job_that_is_paid_elsewhere_meanwhile_cannot_be_cancelled(house: House) -> None:
    bought = await house.buy()
    await house.sandbox("POST", "/webhooks", {"pause": True})
    await house.pay(bought)

    cancelled = await house.post(
        f"/api/jobs/{bought['job_id']}/cancel", token=bought["access_token"]
    )

    assert cancelled.status == 409
    assert (await house.job(bought))["status"] == "paid"


async def test_an_unpaid_job_is_cancelled_and_its_session_ended(house: House) -> None:
    bought = await house.buy()
    path = f"/api/jobs/{bought['job_id']}/cancel"

    cancelled = await house.post(path, token=bought["access_token"])
    again = await house.post(path, token=bought["access_token"])

    assert (cancelled.status, cancelled.body["status"]) == (200, "cancelled")
    assert (again.status, again.body["status"]) == (200, "cancelled")
    session = await house.stripe(f"/checkout/sessions/{bought['session_id']}")
    assert session["status"] == "expired"


async def test_the_live_session_is_given_again_never_a_second_one(house: House) -> None:
    bought = await house.buy()

    again = await house.post(
        f"/api/jobs/{bought['job_id']}/checkout-session", token=bought["access_token"]
    )

    same = ("session_id", "session_url", "payment_id", "access_token")
    assert {name: again.body[name] for name in same} == {name: bought[name] for name in same}
    assert len((await house.stripe("/checkout/sessions"))["data"]) == 1


@pytest.mark.parametrize("kind", ["timeout_after", "reset_mid_body", "rate_limit", "lock_timeout"])
async def test_a_refund_whose_answer_is_lost_is_made_once(house: House, kind: str) -> None:
    bought = await house.buy()
    await house.pay(bought)
    fault: dict[str, Any] = {"method": "POST", "path": "/v1/refunds", "kind": kind, "times": 1}
    if kind == "timeout_after":
        fault["delay_s"] = 0.5
    await house.sandbox("POST", "/faults", fault)

    await house.fail(await house.lease())
    waiting = "SELECT count(*) FROM outbox WHERE operation = 'refund.create' AND attempt = 1"
    await until(lambda: house.database.fetchval(waiting), bool)
    hurry = "UPDATE outbox SET due_at = now() WHERE state = 'new'"
    await until(
        lambda: _hurried(house, hurry, bought), lambda seen: seen == "refunded", patience_s=40
    )

    assert len((await house.stripe("/refunds"))["data"]) == 1


async def _hurried(house: House, hurry: str, bought: Any) -> str:
    await house.database.execute(hurry)
    status: str = (await house.job(bought))["status"]
    return status


async def balances(house: House) -> dict[str, int]:
    rows = await house.database.fetch(
        "SELECT account, sum(amount_minor)::bigint FROM ledger_entries GROUP BY 1"
    )
    return dict(rows)


async def refunds_of(house: House) -> list[str]:
    return [row["state"] for row in await house.database.fetch("SELECT state FROM refunds")]
