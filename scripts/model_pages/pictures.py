"""Five kinds of pictures at four qualities, before and after a model: figures, and a sheet of crops."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import skimage.data
from PIL import Image, ImageDraw, ImageFont

from edgeqe import Enhancer
from edgeqe.codecs import jpeg
from edgeqe.metrics import psnr
from edgeqe.typing import Rgb
from edgeqe.zoo.training.drawn.kinds import draw_kind

QUALITIES = (10, 20, 40, 80)
#: Side of the pictures and of a crop, pixels; how often a crop's pixel is repeated each way.
SIDE, CROP, ZOOM = 256, 64, 2
#: Of the drawn pictures.
SEED = 32
_CAPTION, _GAP, _WORDS = 18, 4, 84


@dataclass(frozen=True)
class Sample:
    """One picture at one quality."""

    before: Rgb
    after: Rgb
    psnr_before: float
    psnr_after: float

    @property
    def gain(self) -> float:
        """PSNR after less before, dB."""
        return self.psnr_after - self.psnr_before


def references() -> dict[str, tuple[Rgb, tuple[int, int]]]:
    """Pictures by what they show, each with where its crop begins."""
    cat, astronaut, rocket = (
        getattr(skimage.data, n)() for n in ("chelsea", "astronaut", "rocket")
    )
    rng = np.random.default_rng(SEED)
    text, lines = (draw_kind(kind, rng, SIDE, SIDE) for kind in ("page", "diagram"))
    return {
        "photograph": (cat[20:276, 100:356], (70, 20)),
        "face": (astronaut[:256, 100:356], (90, 90)),
        "text": (text, (20, 20)),
        "line art": (lines, (66, 16)),
        "dark": (rocket[150:406, 170:426], (90, 150)),
    }


def measured(enhancer: Enhancer) -> dict[str, dict[int, Sample]]:
    """Every picture at every quality, coded as JPEG in 4:2:0 and enhanced as a file."""
    found: dict[str, dict[int, Sample]] = {}
    for name, (reference, _) in references().items():
        found[name] = {}
        for quality in QUALITIES:
            coded = jpeg.encode(Image.fromarray(np.ascontiguousarray(reference)), quality)
            out = io.BytesIO()
            enhancer.enhance_file(coded, out)
            before, after = (
                np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))
                for content in (coded, out.getvalue())
            )
            scores = psnr(reference, before), psnr(reference, after)
            found[name][quality] = Sample(before, after, *scores)
    return found


def sheet(samples: Mapping[str, Mapping[int, Sample]]) -> Image.Image:
    """Crops side by side: a row a picture, a pair a quality, the JPEG first."""
    cell = CROP * ZOOM
    pair = 2 * cell + 3 * _GAP
    size = (_WORDS + pair * len(QUALITIES), _CAPTION + (cell + _GAP) * len(samples))
    page = Image.new("RGB", size, "white")
    pen, font = ImageDraw.Draw(page), ImageFont.load_default(size=13)
    starts = {name: start for name, (_, start) in references().items()}
    for column, quality in enumerate(QUALITIES):
        left = _WORDS + column * pair
        pen.text((left, 1), f"JPEG quality {quality}, and enhanced", "black", font)
        for row, (name, by_quality) in enumerate(samples.items()):
            top = _CAPTION + row * (cell + _GAP)
            if not column:
                pen.text((2, top + cell // 2 - 8), name, "black", font)
            y, x = starts[name]
            for place, pixels in enumerate((by_quality[quality].before, by_quality[quality].after)):
                crop = pixels[y : y + CROP, x : x + CROP].repeat(ZOOM, 0).repeat(ZOOM, 1)
                page.paste(Image.fromarray(crop), (left + place * (cell + _GAP), top))
    return page
