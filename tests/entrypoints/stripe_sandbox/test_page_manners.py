"""What every page owes to whoever looks at it: nothing foreign, nothing inline, nothing leaked."""

import re
from collections.abc import Mapping

import pytest

from tests.entrypoints.stripe_sandbox.conftest import World, a_session

DAY_S = 24 * 3600
TYPED = {
    "email": "ada@example.com",
    "number": "4000 0000 0000 9995",
    "expiry": "12 / 40",
    "cvc": "737",
    "name": "Ada Lovelace",
}
ADDRESS = re.compile(r'(?:src|href|action)="([^"]*)"')
INLINE = re.compile(r"<style|\sstyle=|<script(?! src=)|\son[a-z]+=", re.IGNORECASE)
FIELD = re.compile(r"<input (?![^>]*hidden)[^>]*>")


async def fetched(world: World, path: str) -> tuple[int, str, Mapping[str, str]]:
    async with world.http.get(world.url + path) as answer:
        return answer.status, await answer.text(), answer.headers


async def declined(world: World, **changes: str) -> str:
    session = await world.open_session()
    url = f"{world.url}/c/pay/{session.id}"
    async with world.http.post(url, data=TYPED | changes) as answer:
        assert answer.status == 402
        return await answer.text()


async def every_page(world: World) -> dict[str, str]:
    """Paths of pages in every state there is."""
    either = {"allowed_payment_method_types": ["card", "sepa_debit"]}
    opened = [await world.open_session(**either) for _ in range(5)]
    fresh, asked, refused, paid, waiting = (f"/c/pay/{session.id}" for session in opened)
    ids = [session.id for session in opened]
    await world.control.pay(ids[1], "4000000000003220")
    await world.control.pay(ids[2], "4000000000003220", authenticate="fail")
    await world.control.pay(ids[3])
    await world.control.pay(ids[4], method="sepa_debit")
    return {
        "open": fresh,
        "by debit": f"{fresh}?method=sepa_debit",
        "challenge": f"{asked}/challenge",
        "refused by the bank": f"{refused}?refused=1",
        "paid": paid,
        "processing": waiting,
        "unknown": "/c/pay/cs_test_unknown",
        "front": "/",
    }


async def test_every_page_is_under_a_policy_that_runs_nothing_foreign(world: World) -> None:
    for name, path in (await every_page(world)).items():
        _, text, headers = await fetched(world, path)

        policy = headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'none'; style-src 'self'; script-src 'self'"), name
        assert "unsafe" not in policy, name
        assert headers["Referrer-Policy"] == "no-referrer", name
        assert headers["X-Content-Type-Options"] == "nosniff", name
        assert INLINE.search(text) is None, name


async def test_no_page_has_an_address_outside_but_the_shops(world: World) -> None:
    for name, path in (await every_page(world)).items():
        _, text, _ = await fetched(world, path)

        for address in ADDRESS.findall(text):
            assert address.startswith(("/", "?", "http://shop.test/")), (name, address)
            assert not address.startswith("//"), (name, address)


async def test_every_page_has_a_language_a_title_and_one_headline(world: World) -> None:
    for name, path in (await every_page(world)).items():
        _, text, _ = await fetched(world, path)

        assert '<html lang="en">' in text, name
        assert re.search(r"<title>[^<]+</title>", text), name
        assert text.count("<h1") == 1, name
        assert "no real money" in text, name


@pytest.mark.parametrize("method", ["card", "sepa_debit"])
async def test_every_field_has_its_label_and_says_what_fills_it(world: World, method: str) -> None:
    session = await world.open_session(allowed_payment_method_types=["card", "sepa_debit"])

    _, text, _ = await fetched(world, f"/c/pay/{session.id}?method={method}")

    fields = FIELD.findall(text)
    assert len(fields) == {"card": 5, "sepa_debit": 3}[method]
    for field in fields:
        named = re.search(r' id="(\w+)"', field)
        assert named is not None, field
        assert f'<label for="{named[1]}">' in text, field
        assert " autocomplete=" in field, field


async def test_a_decline_keeps_who_pays_and_forgets_the_card(world: World) -> None:
    text = await declined(world)

    assert 'value="ada@example.com"' in text
    assert 'value="Ada Lovelace"' in text
    for name in ("number", "expiry", "cvc"):
        field = re.search(rf'<input id="{name}"[^>]*>', text)
        assert field is not None
        assert " value=" not in field[0]
    assert "737" not in text


@pytest.mark.parametrize("number", ["4000000000009995", "4000-0000-0000-9995", "4111111111111111"])
async def test_a_card_number_is_never_sent_back(world: World, number: str) -> None:
    assert number not in await declined(world, number=number)


BLAMED = [
    # what was typed                  the field it is told at
    ({"email": "nobody"}, "email"),
    ({"number": "4242424242424241"}, "number"),
    ({}, "number"),
    ({"number": "4000000000000069"}, "expiry"),
    ({"number": "4242424242424242", "expiry": "13/40"}, "expiry"),
    ({"number": "4242424242424242", "cvc": "1"}, "cvc"),
    ({"number": "4000000000000127"}, "cvc"),
]


@pytest.mark.parametrize(("typed", "field"), BLAMED)
async def test_a_problem_is_told_at_its_field_and_takes_the_focus(
    world: World, typed: dict[str, str], field: str
) -> None:
    text = await declined(world, **typed)

    assert text.count('role="alert" id="problem" tabindex="-1" autofocus') == 1
    blamed = re.findall(r'<input id="(\w+)"[^>]*aria-describedby="problem"', text)
    assert blamed == [field]


@pytest.mark.parametrize("typed", ["12/40", "12 / 2040", "1240", "1 / 40"])
async def test_an_expiry_is_read_however_it_is_typed(world: World, typed: str) -> None:
    text = await declined(world, expiry=typed)

    assert "insufficient funds" in text


AMOUNTS = [
    ("usd", 123_456, "$1,234.56"),
    ("jpy", 1500, "¥1,500"),
    ("krw", 1500, "1,500 KRW"),
    ("kwd", 12_340, "12.340 KWD"),
    ("isk", 150_000, "1,500.00 ISK"),
]


@pytest.mark.parametrize(("currency", "amount", "shown"), AMOUNTS)
async def test_an_amount_has_the_decimals_of_its_currency(
    world: World, currency: str, amount: int, shown: str
) -> None:
    session = await world.open_session(
        line_items=a_session(amount, currency=currency)["line_items"]
    )

    _, text, _ = await fetched(world, f"/c/pay/{session.id}")

    assert f'<p class="amount">{shown}</p>' in text
    assert f"Pay {shown}</button>" in text


async def test_what_the_bank_refused_is_told_when_the_customer_is_back(world: World) -> None:
    session = await world.open_session()
    await world.control.pay(
        session.id, "4000000000003220", authenticate="fail", email="ada@example.com"
    )

    _, text, _ = await fetched(world, f"/c/pay/{session.id}?refused=1")

    assert "unable to authenticate" in text
    assert 'value="ada@example.com"' in text


async def test_a_debit_says_how_it_stands_when_it_is_looked_at_again(world: World) -> None:
    session = await world.open_session(allowed_payment_method_types=["sepa_debit"])
    await world.control.pay(session.id, method="sepa_debit")
    path = f"/c/pay/{session.id}"

    _, before, _ = await fetched(world, path)
    await world.control.post(f"/payment_intents/{await world.intent_of(session.id)}/fail")
    _, after, _ = await fetched(world, path)

    assert "Payment on its way" in before
    assert "The bank debit failed" in after


async def test_a_challenge_that_nobody_waits_for_leads_back_to_the_page(world: World) -> None:
    session = await world.open_session()
    url = f"{world.url}/c/pay/{session.id}"

    async with world.http.get(f"{url}/challenge", allow_redirects=False) as answer:
        assert (answer.status, answer.headers["Location"]) == (303, f"/c/pay/{session.id}")


@pytest.mark.parametrize("name", ["style.css", "fill.js", "icon.svg"])
async def test_what_pages_are_made_of_is_served_by_us(world: World, name: str) -> None:
    status, text, headers = await fetched(world, f"/c/{name}")

    assert status == 200
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert re.search(r"https?://(?!www\.w3\.org/2000/svg)", text) is None


async def test_the_front_page_tells_what_is_there_and_in_which_state(world: World) -> None:
    session = await world.open_session()
    await world.control.pay(session.id, "4000000000000002")
    await world.control.pay(session.id)
    intent = await world.intent_of(session.id)
    await world.stripe.v1.refunds.create_async({"payment_intent": intent, "amount": 150})

    _, text, _ = await fetched(world, "/")

    for expected in (session.id, intent, "complete", "succeeded", "$1.50", "charge.<wbr>failed"):
        assert expected in text
    for link in ("/_sandbox/books", "/_sandbox/journal"):
        assert f'href="{link}"' in text


async def test_the_clock_is_advanced_from_the_front_page(world: World) -> None:
    session = await world.open_session()
    url = f"{world.url}/clock"

    async with world.http.post(url, data={"seconds": DAY_S}, allow_redirects=False) as answer:
        assert (answer.status, answer.headers["Location"]) == (303, "/")
    async with world.http.post(url, data={"seconds": "7"}) as refused:
        assert refused.status == 400

    assert (await world.control.get("/clock"))["offset_s"] == DAY_S
    expired = await world.stripe.v1.checkout.sessions.retrieve_async(session.id)
    assert expired.status == "expired"
    assert "1 d ahead" in (await fetched(world, "/"))[1]
