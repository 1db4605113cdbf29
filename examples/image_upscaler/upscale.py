"""Upscale one picture: `python upscale.py SOURCE FACTOR WIDTH HEIGHT TARGET`.

The worker runs this in a process of its own, so that it can go on sending heartbeats, can stop
the work at once when the job is no longer its own, and outlives a decoder that crashes.

What is going on is said on standard output, one JSON object per line: `{"step": 3, "of": 12}`
many times, then `{"done": {…}}` or `{"refused": "not_an_image"}`.
"""

from __future__ import annotations

import hashlib
import json
import math
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final, TypeAlias

import attrs
from pictures import RESULT_PIXELS_MAX, BadPicture, Size, opened, size_of
from PIL import Image, ImageOps

Report: TypeAlias = Callable[[int, int], None]
"""Takes the step just done, and how many there are."""

JPEG_SIDE_MAX: Final = 65_535

STRIPS_MAX: Final = 50
STRIP_ROWS_MIN: Final = 16
MARGIN_ROWS: Final = 3
"""How far Lanczos looks: with these rows on either side, the strips join without a seam."""

CONTENT_TYPES: Final = {"JPEG": "image/jpeg", "PNG": "image/png"}


@attrs.frozen
class Prepared:
    """A picture upright and decoded, in a mode that can be interpolated."""

    picture: Image.Image
    profile: bytes | None
    wanted: str


def upscale(source: Path, factor: int, paid_for: Size, target: Path, report: Report) -> Any:
    """Write the picture, *factor* times as large, to *target*; raise BadPicture.

    A JPEG becomes a JPEG, all else a PNG. The first frame stands for an animation. EXIF is
    applied and then left behind: where a photograph was taken is nobody's business.
    """
    strips = _strips(paid_for.height)
    steps = len(strips) + 2
    report(0, steps)
    prepared = _prepare(source, factor, paid_for)
    report(1, steps)
    larger = _enlarged(prepared.picture, factor, strips, lambda done: report(done + 1, steps))
    written = _write(larger, prepared, target)
    report(steps, steps)
    return written


def _prepare(source: Path, factor: int, paid_for: Size) -> Prepared:
    with opened(source) as picture:
        size = size_of(picture)
        if size != paid_for:
            raise BadPicture("inputs_mismatch")
        if size.times(factor).pixels > RESULT_PIXELS_MAX:
            raise BadPicture("too_large")
        # MPO is what some phones make of a JPEG: several in one file, the first being the picture.
        wanted = "JPEG" if picture.format in {"JPEG", "MPO"} else "PNG"
        ready, profile = _workable(ImageOps.exif_transpose(picture))
        return Prepared(ready, profile, wanted)


def _workable(picture: Image.Image) -> tuple[Image.Image, bytes | None]:
    """Return the picture in a mode that can be interpolated, and the colour profile it keeps."""
    mode = _workable_mode(picture)
    # A profile describes the colours of the mode it came with, and no other.
    profile = picture.info.get("icc_profile") if mode == picture.mode else None
    return picture.convert(mode), profile


def _workable_mode(picture: Image.Image) -> str:
    if picture.mode in {"LA", "I;16"}:
        return picture.mode
    if picture.has_transparency_data:
        return "RGBA"
    return "L" if picture.mode in {"L", "1"} else "RGB"


def _strips(height: int) -> list[range]:
    """Cut the rows into parts that are worth reporting."""
    rows = max(STRIP_ROWS_MIN, math.ceil(height / STRIPS_MAX))
    return [range(top, min(top + rows, height)) for top in range(0, height, rows)]


def _enlarged(
    picture: Image.Image, factor: int, strips: list[range], after: Callable[[int], None]
) -> Image.Image:
    larger = Image.new(picture.mode, (picture.width * factor, picture.height * factor))
    for done, (rows, strip) in enumerate(_enlarged_strips(picture, factor, strips), start=1):
        larger.paste(strip, (0, rows.start * factor))
        after(done)
    return larger


def _enlarged_strips(
    picture: Image.Image, factor: int, strips: list[range]
) -> Iterator[tuple[range, Image.Image]]:
    width = picture.width * factor
    for rows in strips:
        top = max(0, rows.start - MARGIN_ROWS)
        bottom = min(picture.height, rows.stop + MARGIN_ROWS)
        around = picture.crop((0, top, picture.width, bottom))
        larger = around.resize((width, around.height * factor), Image.Resampling.LANCZOS)
        first = (rows.start - top) * factor
        yield rows, larger.crop((0, first, width, first + len(rows) * factor))


def _write(picture: Image.Image, prepared: Prepared, target: Path) -> Any:
    """Write *target* and describe it. A picture too long for a JPEG becomes a PNG."""
    wanted = prepared.wanted if max(picture.size) <= JPEG_SIDE_MAX else "PNG"
    options: dict[str, Any] = {"quality": 92, "subsampling": 0} if wanted == "JPEG" else {}
    picture.save(target, format=wanted, icc_profile=prepared.profile, **options)
    with target.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return {
        "width": picture.width,
        "height": picture.height,
        "content_type": CONTENT_TYPES[wanted],
        "bytes": target.stat().st_size,
        "sha256": digest,
    }


def main(source: str, factor: str, width: str, height: str, target: str) -> None:
    paid_for = Size(int(width), int(height))
    try:
        done = upscale(Path(source), int(factor), paid_for, Path(target), _report)
    except BadPicture as bad:
        _say({"refused": bad.reason})
    else:
        _say({"done": done})


def _report(step: int, of: int) -> None:
    _say({"step": step, "of": of})


def _say(what: object) -> None:
    print(json.dumps(what), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
