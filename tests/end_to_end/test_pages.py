"""Our success and cancel pages without a script: what a ticket opens, and what is told when."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

import pytest

from adapters.system.page_tickets import HmacPageTickets
from domain.jobs.policy import PagePurpose
from domain.shared.ids import JobId
from tests.end_to_end.house import REFUND_FAILS_LATER, Answer, House, Json, until

A_DAY_S = 86_400
SHOP = "http://127.0.0.1:8090"


async def return_urls(house: House, bought: Json) -> tuple[str, str]:
    session = await house.stripe(f"/checkout/sessions/{bought['session_id']}")
    return session["success_url"], session["cancel_url"]


async def tickets(house: House, bought: Json) -> tuple[str, str]:
    """The tickets of the success and of the cancel page."""
    success, cancel = await return_urls(house, bought)
    return ticket_in(success), ticket_in(cancel)


def ticket_in(url: str) -> str:
    return parse_qs(urlsplit(url).query)["ticket"][0]


async def page(house: House, which: str, bought: Json, ticket: str | None) -> Answer:
    query = {"job_id": bought["job_id"], **({"ticket": ticket} if ticket else {})}
    return await house.get(f"/payment/{which}?{urlencode(query)}")


async def submit(house: House, bought: Json, ticket: str, action: str) -> Answer:
    """Press a button of the cancel page, and do not follow where it leads."""
    form = {"job_id": bought["job_id"], "ticket": ticket, "action": action}
    url = f"http://127.0.0.1:{house.settings.port}/payment/cancel"
    async with house.http.post(url, data=form, allow_redirects=False) as answer:
        return Answer(answer.status, await answer.text(), answer.headers)


def headline(answer: Answer) -> str:
    found = re.search(r"<h1>(.*?)</h1>", answer.body)
    assert found is not None, answer.body
    return found[1]


def looks_again(answer: Answer) -> bool:
    return 'http-equiv="refresh"' in answer.body


# -- where a ticket is -----------------------------------------------------------------------


async def test_only_our_own_pages_get_a_ticket_each_its_own(house: House) -> None:
    bought = await house.buy()

    success, cancel = await return_urls(house, bought)

    for url, which in ((success, "success"), (cancel, "cancel")):
        assert url.startswith(f"{house.settings.public_url}/payment/{which}?payment={which}&")
        assert ticket_in(url).startswith("cfp_")
    assert ticket_in(success) != ticket_in(cancel)


@pytest.mark.parametrize("ours", ["success_url", "cancel_url", None])
async def test_no_ticket_is_put_on_a_return_url_the_buyer_named(
    house: House, ours: str | None
) -> None:
    named = {"success_url": f"{SHOP}/done?a=1", "cancel_url": f"{house.settings.public_url}/back"}
    given = {name: url for name, url in named.items() if name != ours}

    bought = await house.buy({"offer": "thumbnail", **given})

    success, cancel = await return_urls(house, bought)
    assert ("cfp_" in success, "cfp_" in cancel) == (ours == "success_url", ours == "cancel_url")


async def test_a_session_that_is_paid_for_again_has_tickets_that_last_as_long_as_it(
    house: House,
) -> None:
    bought = await house.buy({"offer": "thumbnail", "success_url": f"{SHOP}/done?ticket=seat-7"})
    old = tickets_of(house, bought, wall_time=1.0)[1]
    await house.database.execute(
        "UPDATE payments SET cancel_url = regexp_replace(cancel_url, 'ticket=.*', $1)",
        f"ticket={old}",
    )
    await house.advance(A_DAY_S + 60)
    await house.until_job(bought, "cancelled")

    again = await house.post(
        f"/api/jobs/{bought['job_id']}/checkout-session", token=bought["access_token"]
    )

    success, cancel = await return_urls(house, again.body)
    assert dict(parse_qsl(urlsplit(success).query))["ticket"] == "seat-7"
    assert (await page(house, "cancel", bought, old)).status == 404
    assert (await page(house, "cancel", bought, ticket_in(cancel))).status == 200


# -- what a ticket opens ---------------------------------------------------------------------


def tickets_of(house: House, bought: Json, *, wall_time: float) -> tuple[str, str]:
    """Tickets of this house's secret, as they were issued at *wall_time*."""
    secrets = [secret.encode() for secret in house.settings.secrets]
    issue = HmacPageTickets(secrets, lambda: wall_time).issue
    job_id = JobId(bought["job_id"])
    return issue(job_id, 1, PagePurpose.SUCCESS), issue(job_id, 1, PagePurpose.CANCEL)


# fmt: off
POWERS = [
    # method  path                                   success  cancel
    ("GET",  "/api/jobs/{job_id}",                       200, 200),
    ("POST", "/api/jobs/{job_id}/checkout-session",      200, 200),
    ("POST", "/api/jobs/{job_id}/cancel",                404, 200),
    ("GET",  "/api/payments/status/{session_id}",        401, 401),
    ("POST", "/api/payments/checkout-session",           401, 401),
    ("POST", "/api/payments/create-session",             401, 401),
    ("POST", "/api/payments/refund",                     401, 401),
    ("POST", "/api/jobs/lease",                          401, 401),
    ("POST", "/api/jobs/{job_id}/heartbeat",             401, 401),
    ("POST", "/api/jobs/{job_id}/complete",              401, 401),
    ("POST", "/api/jobs/{job_id}/fail",                  401, 401),
]
# fmt: on


@pytest.mark.parametrize("owner", [None, "ada"])
async def test_a_ticket_opens_its_page_and_nothing_else(house: House, owner: str | None) -> None:
    token = house.token(owner) if owner else None
    bought, other = await house.buy(token=token), await house.buy(token=token)
    expired = tickets_of(house, bought, wall_time=1.0)
    for which, ticket in enumerate(await tickets(house, bought)):
        altered = ticket[:-1] + ("A" if ticket[-1] != "A" else "B")
        for method, path, *allowed in POWERS:
            asked = await house.call(method, path.format(**bought), token=ticket)
            assert asked.status == allowed[which], (method, path, which)
            # To a ticket for something else, tampered with or expired, there is no such job.
            elsewhere = await house.call(method, path.format(**other), token=ticket)
            tampered = await house.call(method, path.format(**bought), token=altered)
            late = await house.call(method, path.format(**bought), token=expired[which])
            refused = 401 if allowed[which] == 401 else 404
            assert {elsewhere.status, tampered.status, late.status} == {refused}
    assert await house.database.fetchval("SELECT count(*) FROM jobs") == 2


async def test_a_ticket_is_never_worth_the_access_token(house: House) -> None:
    bought = await house.buy()
    ticket, _ = await tickets(house, bought)
    path = f"/api/jobs/{bought['job_id']}/checkout-session"

    again = await house.post(path, token=ticket, key="a key")
    replayed = await house.post(path, token=ticket, key="a key")
    owners = await house.post(path, token=bought["access_token"], key="a key")

    assert (again.body["access_token"], replayed.body["access_token"]) == (None, None)
    assert replayed.headers["Idempotent-Replayed"] == "true"
    assert again.body["session_url"] == replayed.body["session_url"] == bought["session_url"]
    assert owners.body["access_token"] == bought["access_token"]


async def test_nor_when_the_provider_does_not_answer(house: House) -> None:
    bought = await house.buy()
    ticket, _ = await tickets(house, bought)
    await house.advance(A_DAY_S + 60)
    await house.until_job(bought, "cancelled")
    fault = {"method": "POST", "path": "/v1/checkout/sessions", "kind": "rate_limit", "times": 1}
    await house.sandbox("POST", "/faults", fault)

    down = await house.post(f"/api/jobs/{bought['job_id']}/checkout-session", token=ticket)

    assert (down.status, down.body["access_token"]) == (503, None)


# -- what the pages tell ---------------------------------------------------------------------


async def test_the_page_tells_the_true_state_at_every_stage(house: House) -> None:
    await house.sandbox("POST", "/webhooks", {"pause": True})
    bought = await house.buy()
    success, _ = await tickets(house, bought)

    await house.pay(bought)
    late = await page(house, "success", bought, success)
    assert (late.status, headline(late)) == (200, "Your payment is not confirmed yet")
    assert looks_again(late)

    await house.sandbox("POST", "/webhooks", {"pause": False})
    await house.until_job(bought, "paid")
    assert (
        headline(await page(house, "success", bought, success)) == "Thank you, your payment is in"
    )

    leased = await house.lease()
    await beat(house, leased, 0.42)
    working = await page(house, "success", bought, success)
    assert headline(working) == "We are working on it"
    assert 'max="100" value="42"' in working.body

    await house.complete(leased, {"url": "https://results.example/1.png?a=1&b=2"})
    done = await page(house, "success", bought, success)
    assert headline(done) == "Your order is ready"
    assert 'href="https://results.example/1.png?a=1&amp;b=2" rel="noopener noreferrer"' in done.body
    assert not looks_again(done)


async def beat(house: House, leased: Json, progress: float) -> None:
    body = {"lease": leased["lease"], "progress": progress}
    path = f"/api/jobs/{leased['job_id']}/heartbeat"
    assert (await house.post(path, body, token=house.worker)).status == 200


async def test_the_page_tells_of_failure_and_refund(house: House) -> None:
    bought = await house.buy()
    success, _ = await tickets(house, bought)
    await house.pay(bought)
    leased = await house.lease()
    fault = {"method": "POST", "path": "/v1/refunds", "kind": "rate_limit", "times": 1}
    await house.sandbox("POST", "/faults", fault)

    await house.fail(leased, reason="<b>not an image</b>")
    failed = await page(house, "success", bought, success)
    assert headline(failed) == "It did not work out"
    assert "on its way back" in failed.body
    assert looks_again(failed)

    await house.until_job(bought, "refunded")
    refunded = await page(house, "success", bought, success)
    assert headline(refunded) == "Your money has been sent back"
    assert "<dd>$1.99</dd>" in refunded.body
    assert "<dd>&lt;b&gt;not an image&lt;/b&gt;</dd>" in refunded.body


async def test_a_refund_that_failed_is_said_to_be_with_a_person(house: House) -> None:
    bought = await house.buy()
    success, _ = await tickets(house, bought)
    await house.pay(bought, card=REFUND_FAILS_LATER)
    await house.fail(await house.lease())
    await house.until_job(bought, "refunded")
    await house.advance(3 * A_DAY_S)

    held = await until(
        lambda: page(house, "success", bought, success),
        lambda answer: headline(answer) == "Your refund did not go through",
        patience_s=30,
    )

    assert "a person is looking at it" in held.body


async def test_an_amount_that_is_not_the_orders_is_said_to_be_on_hold(house: House) -> None:
    bought = await house.buy()
    success, cancel = await tickets(house, bought)
    await house.pay(bought, tamper={"amount": 1})
    await until(lambda: house.job(bought), lambda job: job["hold"] is not None)

    for which, ticket in (("success", success), ("cancel", cancel)):
        held = await page(house, which, bought, ticket)
        assert headline(held) == "Your payment is on hold"
        assert "<button" not in held.body


HOSTILE_RESULTS: list[Any] = [
    {"url": "javascript:alert(1)"},
    {"url": "JaVaScRiPt:alert(1)//https://x.example"},
    {"url": "data:text/html,<script>alert(1)</script>"},
    {"url": " javascript:alert(1)"},
    {"url": "java\tscript:alert(1)"},
    {"url": "https://"},
    {"url": "https:\\\\evil.example"},
    {"url": "//evil.example"},
    {"url": "/payment/cancel"},
    {"url": ["https://x.example"]},
    {"url": "http://[zz]"},
    {"url": "https://x.example/" + "a" * 3000},
    '<script>alert("url")</script>',
    ["url"],
    None,
]


@pytest.mark.parametrize("result", HOSTILE_RESULTS, ids=lambda result: str(result)[:40])
async def test_a_result_that_no_link_may_lead_to_is_not_linked(house: House, result: Any) -> None:
    bought = await house.buy()
    success, _ = await tickets(house, bought)
    await house.pay(bought)
    await house.complete(await house.lease(), result)

    done = await page(house, "success", bought, success)

    assert headline(done) == "Your order is ready"
    assert "<a " not in done.body
    assert "alert" not in done.body


async def test_a_hostile_offer_name_is_shown_as_what_it_is(house: House) -> None:
    bought = await house.buy()
    success, _ = await tickets(house, bought)
    name = '"><script>alert(1)</script>{{ 7 * 7 }}'
    await house.database.execute(
        "UPDATE offers SET document = jsonb_set(document::jsonb, '{name}', to_jsonb($1::text))::json",
        name,
    )

    shown = await page(house, "success", bought, success)

    assert "<script>alert" not in shown.body
    assert "&lt;script&gt;alert(1)&lt;/script&gt;{{ 7 * 7 }}" in shown.body


@pytest.mark.parametrize("which", ["success", "cancel"])
async def test_without_a_ticket_that_holds_a_page_tells_nothing(house: House, which: str) -> None:
    bought = await house.buy()
    forged = "cfp_00000000_success_9999999999_" + "A" * 32

    without = await page(house, which, bought, None)
    stranger = await page(house, which, bought, forged)
    nobodys = await page(house, which, {"job_id": "job_nowhere"}, forged)
    garbled = await house.get(f"/payment/{which}?job_id=%3Cb%3E%FF&ticket=%E2%82%AC%FF")

    assert (without.status, headline(without)) == (200, "Open this page from its link")
    assert (stranger.status, headline(stranger)) == (404, "This link opens no order")
    assert nobodys.body.replace("job_nowhere", bought["job_id"]) == stranger.body
    assert (garbled.status, headline(garbled)) == (200, "Open this page from its link")
    assert "thumbnail" not in (without.body + stranger.body).lower()


# -- turning back ----------------------------------------------------------------------------


async def test_who_turned_back_is_told_that_nothing_was_charged_and_may_pay(house: House) -> None:
    bought = await house.buy()
    _, cancel = await tickets(house, bought)

    shown = await page(house, "cancel", bought, cancel)
    paying = await submit(house, bought, cancel, "pay")

    assert headline(shown) == "You have not paid yet"
    assert "nothing was charged" in " ".join(shown.body.split())
    assert (paying.status, paying.headers["Location"]) == (303, bought["session_url"])


async def test_who_turned_back_may_cancel_and_still_pay_later(house: House) -> None:
    bought = await house.buy()
    _, cancel = await tickets(house, bought)

    cancelling = await submit(house, bought, cancel, "cancel")
    shown = await house.get(cancelling.headers["Location"])
    paying = await submit(house, bought, cancel, "pay")

    assert (cancelling.status, headline(shown)) == (303, "This order is cancelled")
    assert 'value="cancel"' not in shown.body
    assert paying.status == 303
    assert paying.headers["Location"] != bought["session_url"]


async def test_a_success_ticket_cancels_nothing_on_the_cancel_page_either(house: House) -> None:
    bought = await house.buy()
    success, _ = await tickets(house, bought)

    refused = await submit(house, bought, success, "cancel")

    assert (refused.status, headline(refused)) == (404, "This link opens no order")
    assert (await house.job(bought))["status"] == "pending"


@pytest.mark.parametrize("action", ["pay", "cancel"])
async def test_who_has_paid_meanwhile_is_led_to_what_they_bought(house: House, action: str) -> None:
    bought = await house.buy()
    _, cancel = await tickets(house, bought)
    await house.pay(bought)
    await house.until_job(bought, "paid")

    answer = await submit(house, bought, cancel, action)
    shown = await house.get(answer.headers["Location"])

    assert answer.status == 303
    assert headline(shown) == "Thank you, your payment is in"


async def test_why_it_cannot_be_paid_now_is_said_plainly(house: House) -> None:
    bought = await house.buy()
    _, cancel = await tickets(house, bought)
    await house.database.execute("UPDATE payments SET state = 'awaiting_funds'")

    answer = await submit(house, bought, cancel, "pay")
    await house.database.execute("UPDATE payments SET state = 'pending'")

    assert answer.status == 409
    assert "the payment is made, and its money on the way" in answer.body


async def test_a_form_that_is_none_is_refused(house: House) -> None:
    bought = await house.buy()
    _, cancel = await tickets(house, bought)

    as_json = await house.post("/payment/cancel", {"job_id": bought["job_id"], "ticket": cancel})

    assert as_json.status == 415
    assert (await house.job(bought))["status"] == "pending"


# -- headers ---------------------------------------------------------------------------------


@pytest.mark.parametrize("which", ["success", "cancel"])
async def test_pages_tell_browsers_to_load_nothing_foreign_and_keep_nothing(
    house: House, which: str
) -> None:
    bought = await house.buy()
    ticket = (await tickets(house, bought))[which == "cancel"]

    headers = (await page(house, which, bought, ticket)).headers

    names = ("Cache-Control", "Referrer-Policy", "X-Content-Type-Options", "Set-Cookie")
    assert [headers.get(name) for name in names] == ["no-store", "no-referrer", "nosniff", None]
    assert headers["Content-Security-Policy"] == (
        "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; "
        f"img-src 'self'; form-action 'self' {house.settings.stripe.base_url}; base-uri 'none'; "
        "frame-ancestors 'none'"
    )


@pytest.mark.parametrize("name", ["pages.css", "pages.js", "icon.svg", "..%2fpages.py", "none"])
async def test_static_files_are_those_and_no_others(house: House, name: str) -> None:
    answer = await house.get(f"/payment/static/{name}")

    assert answer.status == (200 if name in {"pages.css", "pages.js", "icon.svg"} else 404)


# -- events ----------------------------------------------------------------------------------


@asynccontextmanager
async def events(house: House, bought: Json, token: str) -> AsyncIterator[AsyncIterator[Any]]:
    """The job as it is told: one document for each event, until the stream ends."""
    url = f"http://127.0.0.1:{house.settings.port}/api/jobs/{bought['job_id']}/events"
    async with house.http.get(url, headers={"Authorization": f"Bearer {token}"}) as answer:
        assert answer.status == 200
        assert answer.content_type == "text/event-stream"
        assert answer.headers["X-Request-Id"]

        async def told() -> AsyncIterator[Any]:
            async for line in answer.content:
                if line.startswith(b"data: "):
                    yield json.loads(line.removeprefix(b"data: "))

        yield told()


async def test_events_tell_each_change_in_order_and_end_with_the_job(house: House) -> None:
    bought = await house.buy()
    ticket, _ = await tickets(house, bought)

    async with events(house, bought, ticket) as told:
        assert (await anext(told))["status"] == "pending"
        await house.pay(bought)
        assert (await anext(told))["status"] == "paid"
        leased = await house.lease()
        assert (await anext(told))["status"] == "processing"
        await beat(house, leased, 0.5)
        assert (await anext(told))["progress"] == 0.5
        await house.complete(leased, "done")
        last = await anext(told)
        with pytest.raises(StopAsyncIteration):
            await anext(told)

    assert (last["status"], last["result"]) == ("completed", "done")
    assert last == await house.job(bought)


async def test_events_are_for_those_who_may_see_the_job(house: House) -> None:
    bought = await house.buy()
    expired, _ = tickets_of(house, bought, wall_time=1.0)
    path = f"/api/jobs/{bought['job_id']}/events"

    refused = [
        (await house.get(path)).status,
        (await house.get(path, token=expired)).status,
        (await house.get(path, token=house.token("eve"))).status,
        (await house.get(path, token="nonsense")).status,
        (await house.get("/api/jobs/job_nowhere/events", token=expired)).status,
    ]

    assert refused == [404, 404, 404, 401, 404]
    await house.post(f"/api/jobs/{bought['job_id']}/cancel", token=bought["access_token"])
    async with events(house, bought, bought["access_token"]) as told:
        assert [event["status"] async for event in told] == ["cancelled"]


async def test_a_stopping_api_ends_its_streams(house: House) -> None:
    bought = await house.buy()

    async with events(house, bought, bought["access_token"]) as told:
        await anext(told)
        await asyncio.wait_for(house.stop_api(), 5)
        with pytest.raises(StopAsyncIteration):
            await anext(told)
