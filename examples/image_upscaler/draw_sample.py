"""Draw sample.jpg: a landscape that has what a photograph has (gradients, edges, noise).

Run it again for the same picture: `python draw_sample.py sample.jpg`. Nobody took it, and
nobody holds rights in it.
"""

from __future__ import annotations

import math
import random
import sys
from typing import Final

from PIL import Image, ImageChops, ImageDraw, ImageFilter

WIDTH: Final = 640
HEIGHT: Final = 480
RIDGES: Final = [(250, 60, (122, 138, 158)), (310, 45, (84, 104, 112)), (380, 35, (44, 66, 56))]


def ridge(base: int, swing: int, seed: int) -> list[tuple[float, float]]:
    """A skyline of a few waves, each half as high and twice as quick as the one before."""
    phases = random.Random(seed)  # noqa: S311  a drawing, the same every time
    waves = [(2**n, 0.55**n, phases.uniform(0, math.tau)) for n in range(8)]

    def height(x: int) -> float:
        return base + swing * sum(a * math.sin(f * x / 130 + p) for f, a, p in waves)

    return [(0, HEIGHT), *((x, height(x)) for x in range(WIDTH + 1)), (WIDTH, HEIGHT)]


def landscape() -> Image.Image:
    ramp = Image.linear_gradient("L").resize((WIDTH, HEIGHT))
    sky = Image.composite(
        Image.new("RGB", ramp.size, (250, 214, 170)),
        Image.new("RGB", ramp.size, (70, 116, 178)),
        ramp,
    )
    glow = Image.radial_gradient("L").resize((520, 520))
    sky.paste((255, 244, 214), (220, -60), glow.point(lambda v: max(0, 255 - v * 1.4) * 0.8))
    ImageDraw.Draw(sky).ellipse((455, 175, 505, 225), fill=(255, 250, 232))
    for number, (base, swing, colour) in enumerate(RIDGES):
        ImageDraw.Draw(sky).polygon(ridge(base, swing, number), fill=colour)
    return sky.filter(ImageFilter.GaussianBlur(0.6))


def grain(picture: Image.Image) -> Image.Image:
    noise = random.Random(1).randbytes(WIDTH * HEIGHT)  # noqa: S311  as above
    speckle = Image.frombytes("L", picture.size, noise).filter(ImageFilter.GaussianBlur(0.8))
    return Image.blend(picture, ImageChops.overlay(picture, Image.merge("RGB", [speckle] * 3)), 0.3)


if __name__ == "__main__":
    grain(landscape()).save(sys.argv[1], quality=82)
