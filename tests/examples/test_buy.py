"""The customer's script, as a person runs it, against a small honest service and a real worker."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from tests.examples import image_files as files
from tests.examples.fake_service import Service
from tests.examples.stage import output_of, start, working


async def buy(service: Service, file: Path, *options: str) -> tuple[int | None, str]:
    process = await start(
        "buy.py", str(file), "--api", service.url, "--sandbox", service.url, *options
    )
    return await output_of(process)


def results_in(folder: Path) -> Path:
    results = folder / "results"
    results.mkdir()
    return results


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


async def test_a_photograph_is_bought_and_saved_beside_the_original(
    service: Service, tmp_path: Path
) -> None:
    photo = files.write(tmp_path / "photo.jpg", files.jpeg(orientation=files.SHOWN_ROTATED))

    async with working(service, results_in(tmp_path)):
        code, told = await buy(service, photo)

    assert code == 0
    assert "Offer      Image upscale ×2: 0.065 USD per megapixel + 40 %, at least 0.99 USD" in told
    assert "Price      0.99 USD" in told
    with Image.open(tmp_path / "photo-2x.jpg") as larger:
        assert larger.size == (60, 80)


async def test_a_drawing_is_saved_where_it_was_told_to_and_paid_in_another_currency(
    service: Service, tmp_path: Path
) -> None:
    drawing = files.write(tmp_path / "drawing.png", files.png(mode="RGBA"))
    target = tmp_path / "large.png"

    async with working(service, results_in(tmp_path)):
        options = ["-o", str(target), "--offer", "image-upscale-4x", "--currency", "EUR"]
        code, told = await buy(service, drawing, *options)

    assert code == 0
    assert "Price      0.95 EUR" in told
    with Image.open(target) as larger:
        assert larger.size == (160, 120)


async def test_nothing_that_lies_there_already_is_overwritten(
    service: Service, tmp_path: Path
) -> None:
    drawing = files.write(tmp_path / "drawing.png", files.png())
    mine = files.write(tmp_path / "drawing-2x.png", b"mine")

    async with working(service, results_in(tmp_path)):
        code, _ = await buy(service, drawing)

    assert code == 0
    assert mine.read_bytes() == b"mine"
    assert (tmp_path / "drawing-2x-2.png").is_file()


async def test_for_a_file_that_is_no_picture_the_money_comes_back(
    service: Service, tmp_path: Path
) -> None:
    letter = files.write(tmp_path / "letter.png", b"Dear customer")

    async with working(service, results_in(tmp_path)):
        code, told = await buy(service, letter)

    assert code == 0
    assert "letter.png cannot be measured: not_an_image" in told
    assert "Failed     not_an_image" in told
    assert "Refunded   0.99 USD of 0.99 USD" in told
    assert names_in(tmp_path) == ["letter.png", "results"]


async def test_a_refund_that_fails_is_not_a_promise_kept(service: Service, tmp_path: Path) -> None:
    service.refund_fails = True
    letter = files.write(tmp_path / "letter.png", b"Dear customer")

    async with working(service, results_in(tmp_path)):
        code, told = await buy(service, letter)

    assert code == 1
    assert "on hold: refund_failed" in told


async def test_less_than_was_paid_is_not_a_promise_kept(service: Service, tmp_path: Path) -> None:
    service.keeps_back = 1
    letter = files.write(tmp_path / "letter.png", b"Dear customer")

    async with working(service, results_in(tmp_path)):
        code, told = await buy(service, letter)

    assert code == 1
    assert "Refunded   0.98 USD of 0.99 USD" in told


async def test_a_declined_card_is_named_with_its_reason_and_another_one_tried(
    service: Service, tmp_path: Path
) -> None:
    drawing = files.write(tmp_path / "drawing.png", files.png())

    async with working(service, results_in(tmp_path)):
        code, told = await buy(service, drawing, "--card", "4000000000009995", "--retry-card")

    assert code == 0
    assert "Card       …9995 declined: insufficient_funds" in told
    assert "Card       …4242 paid" in told


async def test_a_declined_card_alone_ends_the_purchase_and_charges_nothing(
    service: Service, tmp_path: Path
) -> None:
    drawing = files.write(tmp_path / "drawing.png", files.png())

    code, told = await buy(service, drawing, "--card", "4000000000000002")

    assert code == 1
    assert "nothing was charged" in told
    assert [job.status for job in service.jobs.values()] == ["cancelled"]


async def test_asking_again_while_the_api_is_down_buys_only_once(
    service: Service, tmp_path: Path
) -> None:
    drawing = files.write(tmp_path / "drawing.png", files.png())
    service.answers_lost = 1

    async with working(service, results_in(tmp_path)):
        code, _ = await buy(service, drawing)

    assert code == 0
    assert len(service.jobs) == 1


async def test_a_result_that_is_not_what_was_promised_is_not_saved(
    service: Service, tmp_path: Path
) -> None:
    drawing = files.write(tmp_path / "drawing.png", files.png())

    async with working(service, results_in(tmp_path)):
        service.tampers_with_results = True
        code, told = await buy(service, drawing)

    assert code == 1
    assert "not the file that was promised" in told
    assert not (tmp_path / "drawing-2x.png").exists()


async def test_a_purchase_nobody_works_on_is_given_up_in_the_end(
    service: Service, tmp_path: Path
) -> None:
    drawing = files.write(tmp_path / "drawing.png", files.png())

    code, told = await buy(service, drawing, "--timeout", "1.2")

    assert code == 1
    assert "Progress   paid" in told
    assert "undecided after 1.2 s" in told


async def test_a_file_that_is_not_there_is_a_wrong_call(service: Service, tmp_path: Path) -> None:
    code, told = await buy(service, tmp_path / "nothing.png")

    assert code == 2
    assert "there is no file" in told
