"""Where a customer may be sent back to: an allowed origin, and nowhere that only looks like one."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlsplit

import pytest

from domain.checkout.policy import flaws_of, return_url
from domain.shared.ids import JobId
from tests.builders import a_purchase

ALLOWED = ["https://shop.example", "http://localhost:8090", "https://shop.example:8443"]

FINE = [
    "https://shop.example",
    "https://shop.example/",
    "https://shop.example/thanks?cart=7&next=//evil.example",
    "https://SHOP.example/Thanks",
    "HTTPS://shop.example/",
    "https://shop.example:443/thanks",
    "https://shop.example:8443/thanks",
    "http://localhost:8090/",
    "https://shop.example/a%20b/%7Bx%7D?q=%5C",
    "https://shop.example?payment=paid&job_id=job_forged",
    "https://shop.example/#",
]

HOSTILE = [
    # no address of ours at all
    "", " ", "/", "/thanks", "thanks", "shop.example", "shop.example/thanks", "?a=b", "#x",
    # relative to a scheme
    "//evil.example", "//shop.example", "///evil.example", "////evil.example", "/\\evil.example",
    "\\\\evil.example", "https:evil.example", "https:/evil.example", "https:///evil.example",
    "https:///shop.example", "https:shop.example", "https://", "https://:443/",
    # other schemes
    "http://shop.example", "ftp://shop.example", "javascript:alert(1)", "javascript://shop.example/%0aalert(1)",
    "data:text/html,hi", "file:///etc/passwd", "ws://shop.example", "blob:https://shop.example/1",
    "view-source:https://shop.example", "intent://shop.example#Intent;end", "https+x://shop.example",
    # another host that begins, ends or is written like ours
    "https://evil.example", "https://shop.example.evil.example", "https://evilshop.example",
    "https://shop.exampleevil", "https://shop.example.", "https://.shop.example", "https://www.shop.example",
    "https://shop-example", "https://shop%2eexample", "https://shop.example%00.evil.example",
    "https://shop.example%2f.evil.example", "https://xn--shop-example", "https://shop。example",
    "https://shоp.example", "https://ｓhop.example", "https://shop.ex\u00adample", "https://shop\u200b.example",
    # userinfo
    "https://shop.example@evil.example", "https://user@shop.example", "https://user:pw@shop.example",
    "https://@shop.example", "https://:@shop.example", "https://shop.example:443@evil.example",
    "https://shop.example%40evil.example", "https://evil.example@shop.example:8443@evil.example",
    # backslashes, which browsers read as slashes
    "https:\\\\shop.example", "https://evil.example\\@shop.example", "https://shop.example\\.evil.example",
    "https://shop.example\\@evil.example", "https://shop.example/\\evil.example", "https:/\\evil.example",
    # control characters and spaces, which browsers drop
    "https://shop.example\n.evil.example", "https://shop.example/\r\nSet-Cookie: a=b", "java\tscript:alert(1)",
    "\thttps://evil.example", " https://shop.example", "https://shop.example ", "https://shop.example/\x00",
    "https://shop.example/\x7f", "https://shop.example/\u2028", "https://shop .example", "ht\ntps://shop.example",
    # other ports
    "https://shop.example:80", "https://shop.example:444", "https://shop.example:0", "https://shop.example:99999",
    "https://shop.example:8443x", "https://shop.example:-1", "http://localhost", "http://localhost:80",
    "http://127.0.0.1:8090", "http://[::1]:8090", "http://2130706433:8090", "http://[::1", "http://[zz]",
    # a fragment, in which what we add would be lost
    "https://shop.example/#done", "https://shop.example#@evil.example", "https://evil.example#https://shop.example",
    # the provider's own placeholder, and anything in braces
    "https://shop.example/{CHECKOUT_SESSION_ID}", "https://shop.example/?s={CHECKOUT_SESSION_ID}",
    "https://{CHECKOUT_SESSION_ID}.evil.example", "https://shop.example/?a={x}", "https://shop.example/}",
    # too long to be meant
    "https://shop.example/" + "x" * 2_000,
]  # fmt: skip


def _flaws(url: str) -> list[str]:
    purchase = a_purchase(success_url=url, cancel_url=url)
    return [flaw.pointer for flaw in flaws_of(purchase, ALLOWED)]


@pytest.mark.parametrize("url", FINE)
def test_an_address_of_ours_is_taken(url: str) -> None:
    assert _flaws(url) == []


@pytest.mark.parametrize("url", HOSTILE, ids=ascii)
def test_an_address_that_is_not_ours_is_refused(url: str) -> None:
    assert _flaws(url) == ["/success_url", "/cancel_url"]


def test_the_corpus_is_as_large_as_it_was_meant_to_be() -> None:
    assert len(set(HOSTILE)) == len(HOSTILE) >= 60


@pytest.mark.parametrize("url", [url for url in FINE if "payment" not in url])
def test_what_we_add_neither_moves_the_customer_elsewhere_nor_loses_anything(url: str) -> None:
    before = urlsplit(url)

    after = urlsplit(return_url(url, outcome="success", job_id=JobId("job_a")))

    assert (after.scheme, after.netloc, after.path) == (before.scheme, before.netloc, before.path)
    assert parse_qsl(after.query) == [
        *parse_qsl(before.query),
        ("payment", "success"),
        ("job_id", "job_a"),
    ]


def test_what_was_there_under_our_names_is_replaced_so_that_nobody_can_forge_it() -> None:
    forged = "https://shop.example/?payment=x&job_id=job_x&a=&session_id=cs_x&payment=y"

    url = return_url(forged, outcome="cancel", job_id=JobId("job_a"))

    assert url == "https://shop.example/?a=&payment=cancel&job_id=job_a"
