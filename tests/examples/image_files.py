"""Pictures, and files that pretend to be pictures, made when they are needed."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

from PIL import ExifTags, Image

SHOWN_ROTATED = 6


def gradient(mode: str, size: tuple[int, int]) -> Image.Image:
    """Something to see in every corner, so that a turn or a seam shows."""
    ramp = Image.linear_gradient("L").resize(size)
    bands = {"RGB": 3, "RGBA": 4, "CMYK": 4, "LA": 2}
    if mode not in bands:
        return ramp.convert(mode)
    turned = [ramp.rotate(90 * number) for number in range(bands[mode])]
    return Image.merge(mode, turned)


def jpeg(size: tuple[int, int] = (40, 30), mode: str = "RGB", orientation: int = 1) -> bytes:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    return _saved(gradient(mode, size), "JPEG", exif=exif)


def png(size: tuple[int, int] = (40, 30), mode: str = "RGB") -> bytes:
    return _saved(gradient(mode, size), "PNG")


def palette_png_with_a_hole(size: tuple[int, int] = (40, 30)) -> bytes:
    picture = gradient("P", size)
    return _saved(picture, "PNG", transparency=picture.getpixel((0, 0)))


def animated_gif(size: tuple[int, int] = (40, 30)) -> bytes:
    red, blue = Image.new("RGB", size, "red"), Image.new("RGB", size, "blue")
    return _saved(red, "GIF", save_all=True, append_images=[blue])


def bomb(side: int = 60_000) -> bytes:
    """A PNG of a few bytes whose header asks for gigabytes."""
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    body = zlib.compress(b"\0" * 1000)
    chunks = [_chunk(b"IHDR", header), _chunk(b"IDAT", body), _chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def _saved(picture: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def write(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path
