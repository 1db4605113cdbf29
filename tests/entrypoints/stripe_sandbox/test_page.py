"""The page a person sees."""

import pytest

from tests.entrypoints.stripe_sandbox.conftest import World, a_session

TYPED = {
    "email": "ada@example.com",
    "number": "4242 4242 4242 4242",
    "expiry": "12 / 40",
    "cvc": "123",
    "name": "Ada",
}


async def page(world: World, session_id: str) -> tuple[int, str, dict[str, str]]:
    async with world.http.get(f"{world.url}/c/pay/{session_id}") as answer:
        return answer.status, await answer.text(), dict(answer.headers)


async def send(world: World, session_id: str, **changes: str) -> tuple[int, str, str | None]:
    url = f"{world.url}/c/pay/{session_id}"
    async with world.http.post(url, data=TYPED | changes, allow_redirects=False) as answer:
        return answer.status, await answer.text(), answer.headers.get("Location")


async def test_the_page_shows_the_order_and_the_way_back(world: World) -> None:
    session = await world.open_session(line_items=a_session(123_456)["line_items"])

    status, text, headers = await page(world, session.id)

    assert status == 200
    assert "$1,234.56" in text
    assert "Render" in text
    assert 'href="http://shop.test/cart"' in text
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert "form-action 'self' http://shop.test" in headers["Content-Security-Policy"]


async def test_what_the_shop_wrote_is_escaped(world: World) -> None:
    name = {"name": "<script>alert(1)</script>"}
    session = await world.open_session(line_items=a_session(product_data=name)["line_items"])

    _, text, _ = await page(world, session.id)

    assert "<script>" not in text
    assert "&lt;script&gt;" in text


async def test_paying_redirects_to_the_success_url(world: World) -> None:
    session = await world.open_session()

    status, _, location = await send(world, session.id)

    assert (status, location) == (303, f"http://shop.test/thanks?session={session.id}")
    paid = await world.stripe.v1.checkout.sessions.retrieve_async(session.id)
    assert paid.payment_status == "paid"
    assert paid.customer_details.name == "Ada"


async def test_a_decline_is_told_and_another_card_may_be_tried(world: World) -> None:
    session = await world.open_session()

    status, text, _ = await send(world, session.id, number="4000000000009995")
    again, _, location = await send(world, session.id)

    assert status == 402
    assert "Your card has insufficient funds." in text
    assert "4000000000009995" not in text
    assert "ada@example.com" in text
    assert (again, location is not None) == (303, True)


MISTYPED = [
    ({"email": "nobody"}, "Your email is incomplete."),
    ({"number": "4242424242424241"}, "Your card number is incorrect."),
    ({"expiry": "1"}, "expiration month is invalid"),
    ({"expiry": "01/20"}, "expiration year is invalid"),
    ({"cvc": "1"}, "security code is invalid"),
]


@pytest.mark.parametrize(("typed", "message"), MISTYPED)
async def test_what_is_mistyped_is_told(world: World, typed: dict[str, str], message: str) -> None:
    session = await world.open_session()

    status, text, _ = await send(world, session.id, **typed)

    assert status == 402
    assert message in text.replace("&#39;", "'")


async def test_a_paid_session_says_so_and_leads_on(world: World) -> None:
    session = await world.open_session()
    await send(world, session.id)

    _, text, _ = await page(world, session.id)
    status, _, location = await send(world, session.id)

    assert "Payment complete" in text
    assert (status, location) == (303, f"http://shop.test/thanks?session={session.id}")


async def test_an_expired_session_says_so_and_cannot_be_paid(world: World) -> None:
    session = await world.open_session()
    await world.stripe.v1.checkout.sessions.expire_async(session.id)

    _, text, _ = await page(world, session.id)
    status, after, _ = await send(world, session.id)

    assert "has expired" in text
    assert (status, "has expired" in after) == (200, True)


async def test_an_unknown_session_is_not_found(world: World) -> None:
    status, _, _ = await page(world, "cs_test_unknown")

    assert status == 404


async def test_the_placeholder_is_replaced_when_encoded_too(world: World) -> None:
    session = await world.open_session(success_url="http://s.test/%7BCHECKOUT_SESSION_ID%7D")

    _, _, location = await send(world, session.id)

    assert location == f"http://s.test/{session.id}"


async def test_the_front_page_lists_what_is_there(world: World) -> None:
    session = await world.open_session()

    async with world.http.get(world.url) as answer:
        text = await answer.text()

    assert answer.status == 200
    assert f"/c/pay/{session.id}" in text
