"""The example shop and those who mean it harm: uploads, forms from elsewhere, guessed addresses."""

from __future__ import annotations

import io
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.examples import image_files as files
from tests.examples.fake_service import Service
from tests.examples.shop_browser import OWN, Browser, names_in, only_job, ordered

HTML = b"<!doctype html><script>alert(1)</script>"
HOSTILE = [
    ("evil.png", HTML, "image/png"),
    ("evil.html", HTML, "text/html"),
    ("evil.svg", b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>', "image/svg+xml"),
    ("bomb.png", files.bomb(), "image/png"),
    ("x.png", files.jpeg()[:20], "image/png"),
]


@pytest.mark.parametrize(("name", "content", "claimed"), HOSTILE)
async def test_what_is_no_picture_is_only_ever_served_as_bytes_to_save(
    service: Service, browser: Browser, name: str, content: bytes, claimed: str
) -> None:
    offered = await browser.upload(content, name, content_type=claimed)
    await browser.post(f"{offered.path}/buy", {"offer": "image-upscale-2x"})
    source = only_job(service).inputs["url"].removeprefix(browser.origin)

    for path in (f"{offered.path}/picture", source):
        served = await browser.get(path)
        assert served.body == content
        assert served.headers["Content-Type"] == "application/octet-stream"
        assert served.headers["X-Content-Type-Options"] == "nosniff"
        assert served.headers["Content-Disposition"] == "attachment"
        assert served.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert 'class="no-preview"' in offered.text
    assert f"{offered.path}/picture" not in offered.text


async def test_a_pictures_type_is_what_it_is_not_what_it_claims(browser: Browser) -> None:
    order = (await browser.upload(files.jpeg(), "x.png", content_type="text/html")).path

    served = await browser.get(f"{order}/picture")

    assert served.headers["Content-Type"] == "image/jpeg"


async def test_a_name_with_markup_or_a_path_in_it_stays_a_name(
    browser: Browser, tmp_path: Path
) -> None:
    page = await browser.upload(files.png(), "../../<script>alert(1)<b>.png")

    assert "&lt;script&gt;alert(1)&lt;b&gt;.png" in page.text
    assert "<script>alert" not in page.text
    assert [Path(name).suffix for name in names_in(tmp_path / "shop")] == [".json", ".upload"]
    assert names_in(tmp_path) == ["shop"]


async def endless(count: int) -> AsyncIterator[bytes]:
    yield b'--b\r\nContent-Disposition: form-data; name="picture"; filename="x.png"\r\n\r\n'
    for _ in range(count):
        yield bytes(1024**2)
    yield b"\r\n--b--\r\n"


async def test_more_than_forty_megabytes_are_refused_whatever_is_announced(
    browser: Browser, tmp_path: Path
) -> None:
    headers = OWN | {"Content-Type": "multipart/form-data; boundary=b"}

    counted = await browser.post("/orders", endless(41), headers=headers)
    announced = await browser.upload(io.BytesIO(bytes(41 * 1024**2)))

    assert [counted.status, announced.status] == [413, 413]
    assert "larger than the 40 MB" in counted.text
    assert names_in(tmp_path / "shop") == []


MULTIPART = OWN | {"Content-Type": "multipart/form-data; boundary=b"}
BROKEN = [
    (b"", OWN | {"Content-Type": "text/plain"}, 415),
    (b"", MULTIPART, 400),
    (b"no boundary", MULTIPART, 400),
    (b'--b\r\nContent-Disposition: form-data; name="other"\r\n\r\nx\r\n--b--\r\n', MULTIPART, 400),
    (b'--b\r\nContent-Disposition: form-data; name="picture"\r\n\r\n\r\n--b--\r\n', MULTIPART, 400),
    (
        b'--b\r\nContent-Disposition: form-data; name="picture"\r\nContent-Encoding: gzip\r\n\r\n--b--',
        MULTIPART,
        415,
    ),
]


@pytest.mark.parametrize(("body", "headers", "status"), BROKEN)
async def test_a_broken_upload_is_refused_in_words(
    browser: Browser, tmp_path: Path, body: bytes, headers: dict[str, str], status: int
) -> None:
    answer = await browser.post("/orders", body, headers=headers)

    assert answer.status == status
    assert "<h1>We could not take this file</h1>" in answer.text
    assert names_in(tmp_path / "shop") == []


FOREIGN = [
    {},
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "none"},
]


@pytest.mark.parametrize("headers", FOREIGN, ids=str)
async def test_a_form_from_elsewhere_is_refused(
    service: Service, browser: Browser, headers: dict[str, str]
) -> None:
    order = (await browser.upload(files.png())).path

    answer = await browser.post(f"{order}/buy", {"offer": "image-upscale-2x"}, headers=headers)

    assert answer.status == 403
    assert service.jobs == {}


async def test_an_older_browser_shows_by_its_origin_where_a_form_comes_from(
    service: Service, browser: Browser
) -> None:
    order = (await browser.upload(files.png())).path
    headers = {"Origin": browser.origin}

    answer = await browser.post(f"{order}/buy", {"offer": "image-upscale-2x"}, headers=headers)

    assert answer.status == 200


NOT_THERE = [
    f"/orders/{'a' * 32}",
    f"/orders/{'a' * 32}/status.json",
    f"/orders/{'a' * 32}/picture",
    f"/pictures/{'a' * 32}",
    "/orders/..%2f..%2fetc%2fpasswd",
    "/static/../shop.py",
    "/static/%2e%2e/shop.py",
    "/orders/short",
    "/nothing",
]


@pytest.mark.parametrize("path", NOT_THERE)
async def test_what_is_not_there_is_a_friendly_404(browser: Browser, path: str) -> None:
    answer = await browser.get(path)

    assert answer.status == 404
    assert "There is nothing here" in answer.text


PATHS = ["/", "/static/shop.css", "/static/shop.js", "/nothing", f"/orders/{'a' * 32}"]


@pytest.mark.parametrize("path", PATHS)
async def test_every_answer_is_locked_down(browser: Browser, path: str) -> None:
    answer = await browser.get(path)

    policy = answer.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; img-src 'self'")
    assert "unsafe" not in policy
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


async def test_pages_have_nothing_inline_and_nothing_from_outside(
    service: Service, browser: Browser
) -> None:
    order = await ordered(browser, files.png())
    await browser.get("/")
    await browser.get(f"{order}/cancelled")

    for page in browser.seen:
        text = page.text.replace(service.url, "")
        assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?! src=\"/static/)", text)
        assert "://" not in text
