"""Picture files, opened with care: the buyer and the worker measure by the same rule.

A picture is as wide and as high as a viewer shows it: after its EXIF orientation.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import attrs
from PIL import ExifTags, Image, UnidentifiedImageError

FORMATS: Final = ("JPEG", "PNG", "GIF", "WEBP", "BMP")
"""What is read. The fewer decoders, the fewer holes."""

SOURCE_PIXELS_MAX: Final = 50_000_000
RESULT_PIXELS_MAX: Final = 200_000_000

ON_ITS_SIDE: Final = frozenset({5, 6, 7, 8})
"""The EXIF orientations that swap width and height."""


class BadPicture(Exception):
    """Trying again will not help: *reason* is `not_an_image`, `damaged_image`, `too_large`…"""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@attrs.frozen
class Size:
    width: int
    height: int

    def times(self, factor: int) -> Size:
        return Size(self.width * factor, self.height * factor)

    @property
    def pixels(self) -> int:
        return self.width * self.height

    def __str__(self) -> str:
        return f"{self.width}×{self.height}"


def measure(path: Path, *, pixels_max: int = SOURCE_PIXELS_MAX) -> Size:
    """Return the size of the picture as it is shown; raise BadPicture."""
    with opened(path, pixels_max) as picture:
        return size_of(picture)


@contextmanager
def opened(path: Path, pixels_max: int = SOURCE_PIXELS_MAX) -> Iterator[Image.Image]:
    """Open *path* and decode nothing yet. Whatever goes wrong inside is a BadPicture too.

    Decoders raise all sorts of errors for damaged files. A file that claims more than
    *pixels_max* is refused before any memory is taken for them.
    """
    with _told_apart("not_an_image", pixels_max):
        picture = Image.open(path, formats=FORMATS)
    with picture, _told_apart("damaged_image", pixels_max):
        yield picture


@contextmanager
def _told_apart(otherwise: str, pixels_max: int) -> Iterator[None]:
    usual, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, pixels_max
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            yield
    except BadPicture:
        raise
    except UnidentifiedImageError:
        raise BadPicture("not_an_image") from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning, MemoryError):
        raise BadPicture("too_large") from None
    except Exception as error:
        raise BadPicture(otherwise) from error
    finally:
        Image.MAX_IMAGE_PIXELS = usual


def size_of(picture: Image.Image) -> Size:
    width, height = picture.size
    if picture.getexif().get(ExifTags.Base.Orientation) in ON_ITS_SIDE:
        width, height = height, width
    return Size(width, height)
