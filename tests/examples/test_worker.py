"""The worker, against a small honest service: what it delivers, refuses, retries and lets go."""

from __future__ import annotations

import asyncio
import hashlib
import io
import signal
from pathlib import Path
from typing import Any

import pytest
from fetching import Fetcher
from PIL import Image

from tests.examples import image_files as files
from tests.examples.fake_service import WORKER_TOKEN, Job, Service
from tests.examples.stage import Sources, download, output_of, start, working


def inputs(url: str, width: int = 40, height: int = 30) -> dict[str, Any]:
    return {"url": url, "width": width, "height": height}


def leftovers(folder: Path) -> list[Path]:
    return list(folder.rglob("*"))


async def test_a_paid_picture_is_delivered_larger_and_as_described(
    service: Service, sources: Sources, tmp_path: Path
) -> None:
    job = service.sell(inputs(sources.put("photo", files.jpeg())), "image-upscale-4x")

    async with working(service, tmp_path):
        await service.reaches(job, "completed")
        content, answer = await download(job.result["url"])

    with Image.open(io.BytesIO(content)) as picture:
        assert picture.size == (160, 120) == (job.result["width"], job.result["height"])
    assert hashlib.sha256(content).hexdigest() == job.result["sha256"]
    assert len(content) == job.result["bytes"]
    assert answer.content_type == job.result["content_type"] == "image/jpeg"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


async def test_the_customer_can_see_it_getting_on(
    service: Service, sources: Sources, tmp_path: Path
) -> None:
    url = sources.put("large", files.png((1500, 1500)))
    job = service.sell(inputs(url, 1500, 1500), "image-upscale-4x")

    async with working(service, tmp_path):
        await service.reaches(job, "completed")

    assert job.progress[0] == 0
    assert 0 < job.progress[1] < 1
    assert job.progress == sorted(job.progress)


FOR_GOOD = [
    ("a text called .png", b"Dear customer", {}, "not_an_image"),
    (
        "a damaged picture",
        files.png((200, 150))[:400],
        {"width": 200, "height": 150},
        "damaged_image",
    ),
    ("a decompression bomb", files.bomb(20_000), {"width": 20_000, "height": 20_000}, "too_large"),
    ("a larger picture than was paid for", files.png((80, 60)), {}, "inputs_mismatch"),
    ("more bytes than are taken", b"x" * 100_001, {}, "too_large"),
]


@pytest.mark.parametrize(
    ("sent", "claims", "reason"), [r[1:] for r in FOR_GOOD], ids=[r[0] for r in FOR_GOOD]
)
async def test_a_bad_picture_fails_for_good_at_the_first_attempt(
    service: Service, sources: Sources, tmp_path: Path, *, sent: bytes, claims: Any, reason: str
) -> None:
    job = service.sell(inputs(sources.put("bad", sent)) | claims)

    async with working(service, tmp_path, Fetcher(bytes_max=100_000)):
        await service.reaches(job, "failed")

    assert job.failures == [(reason, False)]
    assert leftovers(tmp_path) == []


PLACES = [
    # where the picture is said to be       what is said of it         tried again?
    ("{sources}/status/404", "source_answered_404", False),
    ("{sources}/status/403", "source_answered_403", False),
    ("{sources}/status/302", "source_answered_302", False),
    ("{sources}/status/500", "source_answered_500", True),
    ("{sources}/status/503", "source_answered_503", True),
    ("{sources}/status/429", "source_answered_429", True),
    ("http://127.0.0.1:9/nobody-listens", "source_unreachable", True),
    ("{sources}/hang", "source_unreachable", True),
    ("http://169.254.169.254/latest/meta-data", "source_not_allowed", False),
    ("http://127.0.0.1.example.com/picture", "source_not_allowed", False),
    ("http://localhost@example.com/picture", "source_not_allowed", False),
    ("file:///etc/passwd", "source_not_allowed", False),
    ("ftp://127.0.0.1/picture", "source_not_allowed", False),
    ("http://[broken/picture", "source_not_allowed", False),
]


@pytest.mark.parametrize(("place", "reason", "again"), PLACES, ids=[p[0] for p in PLACES])
async def test_a_picture_that_cannot_be_fetched_is_tried_again_only_where_that_may_help(
    service: Service, sources: Sources, tmp_path: Path, *, place: str, reason: str, again: bool
) -> None:
    sources.put("picture", files.png())
    job = service.sell(inputs(place.format(sources=sources.url)))

    async with working(service, tmp_path, Fetcher(timeout_s=0.3)):
        await service.reaches(job, "failed")

    assert job.failures == [(reason, again)] * (3 if again else 1)


async def test_inputs_of_another_shape_fail_for_good(service: Service, tmp_path: Path) -> None:
    job = service.sell({"picture": "somewhere"})

    async with working(service, tmp_path):
        await service.reaches(job, "failed")

    assert job.failures == [("inputs_unusable", False)]


async def test_other_offers_are_left_to_other_workers(
    service: Service, sources: Sources, tmp_path: Path
) -> None:
    other = service.sell({}, offer="render")
    ours = service.sell(inputs(sources.put("photo", files.png())))

    async with working(service, tmp_path):
        await service.reaches(ours, "completed")

    assert other.status == "paid"


async def test_work_is_dropped_at_once_when_the_job_is_taken_away(
    service: Service, sources: Sources, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def revoke(verb: str, job: Job) -> None:
        if verb == "heartbeat":
            job.lease = "somebody else's"

    service.before = revoke
    job = service.sell(inputs(f"{sources.url}/hang"))

    async with working(service, tmp_path):
        await asyncio.wait_for(sources.asked.wait(), timeout=5)
        await asyncio.wait_for(sources.left.wait(), timeout=5)
        await asyncio.sleep(0.1)

    assert (job.status, job.failures, job.result) == ("processing", [], None)
    assert "dropped: 409 lease_not_current" in capsys.readouterr().out
    assert leftovers(tmp_path) == []


async def test_upscaling_stops_when_the_job_is_taken_away_half_way(
    service: Service, sources: Sources, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    taken_away = asyncio.Event()

    def revoke(verb: str, job: Job) -> None:
        if verb == "heartbeat" and job.progress and job.progress[-1] > 0:
            job.lease = "somebody else's"
            taken_away.set()

    service.before = revoke
    large = sources.put("large", files.png((2500, 2500)))
    service.sell(inputs(large, 2500, 2500), "image-upscale-4x")

    async with working(service, tmp_path):
        await asyncio.wait_for(taken_away.wait(), timeout=10)
        started = asyncio.get_running_loop().time()
    took_s = asyncio.get_running_loop().time() - started

    assert took_s < 1
    assert leftovers(tmp_path) == []
    assert "dropped: 409 lease_not_current" in capsys.readouterr().out


async def test_a_result_that_comes_too_late_is_thrown_away(
    service: Service, sources: Sources, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    refused = asyncio.Event()

    def revoke(verb: str, job: Job) -> None:
        if verb == "complete":
            job.lease = "somebody else's"
            refused.set()

    service.before = revoke
    service.sell(inputs(sources.put("photo", files.png())))

    async with working(service, tmp_path):
        await asyncio.wait_for(refused.wait(), timeout=10)

    assert "dropped: 409 lease_not_current" in capsys.readouterr().out
    assert leftovers(tmp_path) == []


async def test_a_worker_outlives_an_api_that_is_down(
    service: Service, sources: Sources, tmp_path: Path
) -> None:
    service.outage = 2
    service.outages = {"heartbeat": 1, "complete": 1}
    job = service.sell(inputs(sources.put("photo", files.png())))

    async with working(service, tmp_path):
        await service.reaches(job, "completed")

    assert job.attempts == 1


async def test_a_worker_told_to_stop_hands_back_what_it_cannot_finish(
    service: Service, sources: Sources, tmp_path: Path
) -> None:
    job = service.sell(inputs(f"{sources.url}/hang"))

    async with working(service, tmp_path) as worker:
        worker.grace_s = 0.1
        await asyncio.wait_for(sources.asked.wait(), timeout=5)

    assert job.failures == [("worker_stopped", True)]
    assert job.status == "paid"


NAMES = ["", "nothing-like-that.png", "..%2f..%2fpyproject.toml", "secret.txt", "a" * 32 + ".png"]


@pytest.mark.parametrize("name", NAMES)
async def test_only_results_are_handed_out(service: Service, tmp_path: Path, name: str) -> None:
    folder = tmp_path / "results"
    folder.mkdir()
    (folder / "secret.txt").write_text("secret")

    async with working(service, folder) as worker:
        _, answer = await download(f"{worker.results_url}/{name}")

    assert answer.status == 404


async def test_sigterm_lets_the_job_in_hand_finish_and_ends_well(
    service: Service, sources: Sources, tmp_path: Path
) -> None:
    url = sources.put("large", files.png((1000, 1000)))
    job = service.sell(inputs(url, 1000, 1000), "image-upscale-4x")
    arguments = ["--api", service.url, "--port", "0", "--results", str(tmp_path / "results")]
    process = await start("worker.py", *arguments, WORKER_TOKEN=WORKER_TOKEN)

    await service.until(lambda: job.progress)
    process.send_signal(signal.SIGTERM)

    code, told = await output_of(process)
    assert (code, job.status) == (0, "completed")
    assert "stopped" in told
    assert (tmp_path / "results" / job.result["url"].rpartition("/")[2]).is_file()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_an_idle_worker_stops_at_once(
    service: Service, tmp_path: Path, number: signal.Signals
) -> None:
    token_file = tmp_path / "token"
    token_file.write_text(f"{WORKER_TOKEN}\n")
    arguments = ["--api", service.url, "--port", "0", "--results", str(tmp_path / "results")]
    process = await start("worker.py", *arguments, "--token-file", str(token_file))
    assert process.stdout is not None
    await asyncio.wait_for(process.stdout.readline(), timeout=10)

    process.send_signal(number)

    code, _ = await asyncio.wait_for(output_of(process), timeout=3)
    assert code == 0


async def test_a_worker_without_a_token_says_what_it_needs(tmp_path: Path) -> None:
    code, told = await output_of(await start("worker.py", "--results", str(tmp_path)))

    assert code == 2
    assert "WORKER_TOKEN" in told
