"""Compression of reference pictures by JPEG: coded, decoded, and as planes of the networks.

Every picture is coded and decoded whole by the real codec, through the same front ends
as on the device: decoded planes (I420), or RGB upsampled by the decoder and pooled.
"""

from __future__ import annotations

import io
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from edgeqe.codecs import jpeg
from edgeqe.codecs.strength import step_from_quality
from edgeqe.typing import Float
from edgeqe.views.colour import NEUTRAL, RGB_TO_YCC, pool, space_to_depth

#: Share of Cb and Cr errors in the RGB error (mean over R, G, B of the squared
#: coefficients of the inverse transform of ITU-T T.871, cross terms left out).
CHROMA_WEIGHTS = (1.086, 0.825)
#: Share of the pictures that are coded without chroma.
GRAY_SHARE = 0.45
#: Integers of `Coded.samples` per 8-bit level: rounding to them is an error of 0.005 levels.
FINENESS = 64
#: Quality from which pictures are fine: the training pictures' own errors begin to count.
FINE_QUALITY = 80


@dataclass(frozen=True)
class CodedPicture:
    """Planes of a compressed picture, and the residual to its reference."""

    samples: npt.NDArray[np.int16]
    """Shape (H/2, W/2, 12), 1 / `FINENESS` of an 8-bit level: six decoded planes, level-shifted
    by 128, and the residual that restores the reference."""
    log2_step: float
    """Strength."""
    gray: bool
    """No chroma: its planes are neutral and do not count."""
    codec: str = "jpeg"
    """What it was coded with."""

    @property
    def half_size(self) -> tuple[int, int]:
        """Half of height and width, the unit that crops are chosen in."""
        height, width = self.samples.shape[:2]
        return height, width


def draw_quality(rng: np.random.Generator) -> int:
    """JPEG quality from 5 to 95, denser from 10 to 60, and at the ends, where steps are far apart.

    A quarter of the pictures lie below quality 20, half from 20 to 60, a quarter above.
    """
    ranges = ((8, 30), (10, 60), (5, 95), (75, 95))
    low, high = ranges[rng.choice(len(ranges), p=(0.25, 0.35, 0.25, 0.15))]
    return int(rng.integers(low, high + 1))


def code(rgb: npt.NDArray[np.uint8], rng: np.random.Generator, quality: int) -> CodedPicture:
    """Code an RGB picture and decode it.

    Parameters
    ----------
    rgb : ndarray of uint8, shape (H, W, 3)
        Reference; H and W multiples of 16, so that flips commute with the codec.
    rng : numpy.random.Generator
        Draws gray or colour, luma range, sampling and front end.
    quality : int
        JPEG quality, 1 to 100.
    """
    gray = rng.random() < GRAY_SHARE
    studio = rng.random() < 0.5
    ycc = full_range(rgb)
    if studio:
        studio_range(ycc)
    clean = planes_of(ycc[..., 0], None if gray else ycc[..., 1:])
    coded = np.clip(np.rint(ycc[..., 0] if gray else ycc), 0, 255).astype(np.uint8)
    if gray:
        decoded = planes_of(jpeg.decode_luma(jpeg.encode(Image.fromarray(coded), quality)), None)
    else:
        subsampling = 0 if rng.random() < 0.15 else 2
        data = jpeg.encode(Image.fromarray(coded, "YCbCr"), quality, subsampling)
        if subsampling == 2 and rng.random() < 0.6:
            y, cb, cr = jpeg.decode_420(data)
            decoded = planes_of(y, None)
            decoded[..., 4], decoded[..., 5] = cb, cr
        else:
            shown = _decode_full(data, studio)
            decoded = planes_of(shown[..., 0], shown[..., 1:])
    return coded_picture(decoded, clean, math.log2(step_from_quality(quality)), gray, "jpeg")


def coded_picture(
    decoded: Float, clean: Float, log2_step: float, gray: bool, codec: str
) -> CodedPicture:
    """Coded picture of its planes and those of its reference, both 8-bit levels."""
    samples = np.empty((*decoded.shape[:2], 12), np.int16)
    samples[..., :6] = np.rint((decoded - np.float32(NEUTRAL)) * FINENESS)
    samples[..., 6:] = np.rint((clean - decoded) * FINENESS)
    return CodedPicture(samples, log2_step, gray, codec)


def studio_range(ycc: Float) -> Float:
    """Full-range Y, Cb, Cr, squeezed in place to 16 to 235 and 16 to 240."""
    ycc[..., 0] = 16.0 + ycc[..., 0] * np.float32(219.0 / 255.0)
    ycc[..., 1:] = NEUTRAL + (ycc[..., 1:] - np.float32(NEUTRAL)) * np.float32(224 / 255)
    return ycc


def full_range(rgb: npt.NDArray[np.uint8]) -> Float:
    """Full-range Y, Cb, Cr of RGB, as `planes.rgb_to_ycc`, in one product."""
    pixels = rgb.reshape(-1, 3).astype(np.float32)
    ycc: Float = (pixels @ RGB_TO_YCC.T).reshape(rgb.shape)
    ycc[..., 1:] += np.float32(NEUTRAL)
    return ycc


def _decode_full(data: bytes, studio: bool) -> Float:
    """Full-size Y, Cb, Cr: through RGB as viewers do, but for studio range."""
    with Image.open(io.BytesIO(data)) as picture:
        if studio:
            picture.draft("YCbCr", picture.size)
            return np.asarray(picture).astype(np.float32)
        return full_range(np.asarray(picture))


def planes_of(luma: npt.NDArray[Any], chroma: Float | None) -> Float:
    """Six planes, 8-bit levels, of full-size luma and full-size chroma, or of luma alone."""
    height, width = luma.shape
    planes = np.full((height // 2, width // 2, 6), NEUTRAL, np.float32)
    planes[..., :4] = space_to_depth(luma)
    if chroma is not None:
        planes[..., 4:] = pool(chroma)
    return planes
