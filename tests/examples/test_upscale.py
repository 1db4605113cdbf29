"""Pictures in, larger pictures out."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from pictures import RESULT_PIXELS_MAX, BadPicture, Size, measure
from PIL import Image
from upscale import upscale

from tests.examples import image_files as files

SMALL = Size(40, 30)

KINDS = [
    # what is sent                                   what is delivered
    ("a photograph", files.jpeg(), ("JPEG", "RGB")),
    ("a grayscale photograph", files.jpeg(mode="L"), ("JPEG", "L")),
    ("a photograph for print", files.jpeg(mode="CMYK"), ("JPEG", "RGB")),
    ("a drawing", files.png(), ("PNG", "RGB")),
    ("a grayscale drawing", files.png(mode="L"), ("PNG", "L")),
    ("a scan in 16 bits", files.png(mode="I;16"), ("PNG", "I;16")),
    ("a fax", files.png(mode="1"), ("PNG", "L")),
    ("a logo with soft edges", files.png(mode="RGBA"), ("PNG", "RGBA")),
    ("a gray logo with soft edges", files.png(mode="LA"), ("PNG", "LA")),
    ("an icon of few colours", files.png(mode="P"), ("PNG", "RGB")),
    ("an icon with a hole", files.palette_png_with_a_hole(), ("PNG", "RGBA")),
    ("an animation", files.animated_gif(), ("PNG", "RGB")),
]

REFUSED = [
    # what is sent                                        what is said
    ("a text called .png", b"Dear customer, ...", "not_an_image"),
    ("nothing", b"", "not_an_image"),
    ("half a PNG", files.png((200, 150))[:400], "damaged_image"),
    ("half a JPEG", files.jpeg((200, 150))[:1500], "damaged_image"),
    ("a decompression bomb", files.bomb(), "too_large"),
    ("a bomb that only warns", files.bomb(12_000), "too_large"),
    ("another size than was paid for", files.png((41, 30)), "inputs_mismatch"),
    ("width and height swapped", files.png((30, 40)), "inputs_mismatch"),
]


def no_report(_step: int, _of: int) -> None:
    pass


def sides(picture: Image.Image) -> list[int]:
    """How bright the four sides are: top, right, bottom, left."""
    gray = picture.convert("L")
    width, height = gray.size
    middles = [
        (width // 2, 0),
        (width - 1, height // 2),
        (width // 2, height - 1),
        (0, height // 2),
    ]
    return [int(gray.getpixel(place)) for place in middles]


@pytest.mark.parametrize(
    ("sent", "delivered"), [row[1:] for row in KINDS], ids=[k[0] for k in KINDS]
)
@pytest.mark.parametrize("factor", [2, 4])
def test_every_kind_of_picture_is_delivered_larger(
    tmp_path: Path, sent: bytes, delivered: tuple[str, str], factor: int
) -> None:
    source = files.write(tmp_path / "source", sent)

    told = upscale(source, factor, SMALL, tmp_path / "target", no_report)

    with Image.open(tmp_path / "target") as larger:
        assert (larger.format, larger.mode) == delivered
        assert larger.size == (40 * factor, 30 * factor) == (told["width"], told["height"])


@pytest.mark.parametrize(
    ("sent", "said"), [row[1:] for row in REFUSED], ids=[r[0] for r in REFUSED]
)
def test_what_cannot_be_upscaled_is_refused_with_the_reason(
    tmp_path: Path, sent: bytes, said: str
) -> None:
    source = files.write(tmp_path / "source.png", sent)
    paid_for = Size(200, 150) if said == "damaged_image" else SMALL

    with pytest.raises(BadPicture) as refused:
        upscale(source, 2, paid_for, tmp_path / "target", no_report)

    assert refused.value.reason == said
    assert not (tmp_path / "target").exists()


def test_a_result_that_would_be_too_large_is_refused_before_it_is_made(tmp_path: Path) -> None:
    source = files.write(tmp_path / "source.png", files.png((5000, 3000), mode="L"))

    with pytest.raises(BadPicture, match="too_large"):
        upscale(source, 4, Size(5000, 3000), tmp_path / "target", no_report)


def test_what_is_too_large_to_send_may_still_be_received(tmp_path: Path) -> None:
    poster = tmp_path / "poster.png"
    Image.new("1", (12_000, 10_000)).save(poster, compress_level=1)

    with pytest.raises(BadPicture, match="too_large"):
        measure(poster)

    assert measure(poster, pixels_max=RESULT_PIXELS_MAX) == Size(12_000, 10_000)


def test_a_photograph_taken_on_its_side_is_measured_and_delivered_upright(tmp_path: Path) -> None:
    lying = files.jpeg((40, 30), mode="L", orientation=files.SHOWN_ROTATED)
    source = files.write(tmp_path / "source.jpg", lying)
    with Image.open(io.BytesIO(lying)) as picture:
        top, right, bottom, left = sides(picture)

    told = upscale(source, 2, measure(source), tmp_path / "target", no_report)

    assert (told["width"], told["height"]) == (60, 80)
    with Image.open(tmp_path / "target") as upright:
        assert not upright.getexif()
        turned = [left, top, right, bottom]
        assert all(abs(is_ - was) < 12 for is_, was in zip(sides(upright), turned, strict=True))


@pytest.mark.parametrize("mode", ["RGB", "L", "RGBA"])
def test_strips_join_without_a_seam(tmp_path: Path, mode: str) -> None:
    noise = Image.effect_noise((70, 211), 90)
    picture = noise.convert(mode)
    source = tmp_path / "source.png"
    picture.save(source)

    upscale(source, 4, Size(70, 211), tmp_path / "target", no_report)

    whole = picture.resize((280, 844), Image.Resampling.LANCZOS)
    with Image.open(tmp_path / "target") as larger:
        assert larger.tobytes() == whole.tobytes()


def test_invisible_colours_do_not_bleed_into_visible_ones(tmp_path: Path) -> None:
    picture = Image.new("RGBA", (40, 30), (255, 0, 0, 0))
    picture.paste((0, 255, 0, 255), (20, 0, 40, 30))
    source = tmp_path / "source.png"
    picture.save(source)

    upscale(source, 2, SMALL, tmp_path / "target", no_report)

    with Image.open(tmp_path / "target") as larger:
        visible = [pixel for _, pixel in larger.getcolors(10_000) if pixel[3] > 8]
        assert all(red < 40 for red, _, _, _ in visible)


def test_progress_only_grows_and_ends_when_the_file_is_written(tmp_path: Path) -> None:
    source = files.write(tmp_path / "source.png", files.png((40, 300)))
    heard: list[tuple[int, int, bool]] = []

    upscale(
        source,
        2,
        Size(40, 300),
        tmp_path / "target",
        lambda step, of: heard.append((step, of, (tmp_path / "target").exists())),
    )

    steps = [step for step, _, _ in heard]
    assert steps == list(range(heard[0][1] + 1))
    assert [written for _, _, written in heard] == [False] * (len(heard) - 1) + [True]
