"""Five kinds of pictures at four strengths of a codec, before and after a model: figures, and a sheet of crops."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import skimage.data
from PIL import Image, ImageDraw, ImageFont

from edgeqe import Enhancer
from edgeqe.codecs import jpeg
from edgeqe.metrics import psnr
from edgeqe.protocols import CodingProtocol, ReferencePicture, compress
from edgeqe.typing import Rgb
from edgeqe.zoo.training.drawn.kinds import draw_kind

#: Side of the pictures and of a crop, pixels; how often a crop's pixel is repeated each way.
SIDE, CROP, ZOOM = 256, 64, 2
#: Of the drawn pictures.
SEED = 32
_CAPTION, _GAP, _WORDS = 18, 4, 84


@dataclass(frozen=True)
class Coding:
    """What the pictures are coded as."""

    codec: str
    """Name of `edgeqe.coding.CODECS`."""
    name: str
    """Of what is shown, with the strength's name behind it."""
    head: str
    """Of a column, in front of the value."""
    values: tuple[int, ...]
    """Strengths in the coder's unit, coarse to fine."""
    how: str
    """Layout and encoder."""


#: The first that a model serves is the one of its page.
CODINGS = (
    Coding("jpeg", "JPEG quality", "q", (10, 20, 40, 80), "JPEG in 4:2:0 by Pillow"),
    Coding("hevc", "HEVC QP", "QP ", (37, 32, 27, 22), "HEVC all intra in 4:2:0 by x265"),
)


@dataclass(frozen=True)
class Sample:
    """One picture at one strength."""

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


def coding_of(codecs: Sequence[str]) -> Coding:
    """What the pictures of a model that serves these codecs are coded as."""
    return next(coding for coding in CODINGS if coding.codec in codecs)


def measured(enhancer: Enhancer, coding: Coding) -> dict[str, dict[int, Sample]]:
    """Every picture at every strength, coded and enhanced; of JPEG as a file."""
    found: dict[str, dict[int, Sample]] = {}
    for name, (reference, _) in references().items():
        found[name] = {}
        for value in coding.values:
            if coding.codec == "jpeg":
                before, after = _jpeg(enhancer, reference, value)
            else:
                shown = compress(
                    ReferencePicture(name, np.ascontiguousarray(reference)),
                    CodingProtocol.RGB, value, coding.codec,
                )  # fmt: skip
                before = shown.decoded.pixels
                after = enhancer.enhance(before, step=shown.step, codec=coding.codec)
            scores = psnr(reference, before), psnr(reference, after)
            found[name][value] = Sample(before, after, *scores)
    return found


def _jpeg(enhancer: Enhancer, reference: Rgb, quality: int) -> tuple[Rgb, Rgb]:
    """A JPEG file's pixels, and those of the file that it is enhanced to."""
    coded = jpeg.encode(Image.fromarray(np.ascontiguousarray(reference)), quality)
    out = io.BytesIO()
    enhancer.enhance_file(coded, out)
    before, after = (
        np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))
        for content in (coded, out.getvalue())
    )
    return before, after


def sheet(samples: Mapping[str, Mapping[int, Sample]], coding: Coding) -> Image.Image:
    """Crops side by side: a row a picture, a pair a strength, what was decoded first."""
    cell = CROP * ZOOM
    pair = 2 * cell + 3 * _GAP
    size = (_WORDS + pair * len(coding.values), _CAPTION + (cell + _GAP) * len(samples))
    page = Image.new("RGB", size, "white")
    pen, font = ImageDraw.Draw(page), ImageFont.load_default(size=13)
    starts = {name: start for name, (_, start) in references().items()}
    for column, value in enumerate(coding.values):
        left = _WORDS + column * pair
        pen.text((left, 1), f"{coding.name} {value}, and enhanced", "black", font)
        for row, (name, by_value) in enumerate(samples.items()):
            top = _CAPTION + row * (cell + _GAP)
            if not column:
                pen.text((2, top + cell // 2 - 8), name, "black", font)
            y, x = starts[name]
            for place, pixels in enumerate((by_value[value].before, by_value[value].after)):
                crop = pixels[y : y + CROP, x : x + CROP].repeat(ZOOM, 0).repeat(ZOOM, 1)
                page.paste(Image.fromarray(crop), (left + place * (cell + _GAP), top))
    return page
