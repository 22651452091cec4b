"""From a clean crop to what a decoder shows, in the planes of the networks.

Every sample is coded and decoded by the real codec, through the same front ends as
on the device: decoded planes (I420), or RGB upsampled by the decoder and pooled.
"""

from __future__ import annotations

import io
import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image

from edgeqe import jpeg
from edgeqe.planes import pool, rgb_to_ycc, space_to_depth, to_network
from edgeqe.strength import step_from_quality

Float = npt.NDArray[np.float32]

#: Share of Cb and Cr errors in the RGB error (mean over R, G, B of the squared
#: coefficients of the inverse transform of ITU-T T.871, cross terms left out).
CHROMA_WEIGHTS = (1.086, 0.825)


@dataclass(frozen=True)
class Sample:
    """One training sample."""

    planes: Float
    """Decoded planes, shape (H/2, W/2, 6), network units."""
    target: Float
    """Residual that restores the original, same shape and unit."""
    log2_step: float
    """Strength."""
    gray: bool
    """No chroma: its planes are neutral and do not count."""


def draw_quality(rng: np.random.Generator) -> int:
    """JPEG quality from 5 to 95, denser from 10 to 60, and at the ends, where steps are far apart.

    A quarter of the samples lie below quality 20, half from 20 to 60, a quarter above.
    """
    ranges = ((8, 30), (10, 60), (5, 95), (75, 95))
    low, high = ranges[rng.choice(len(ranges), p=(0.25, 0.35, 0.25, 0.15))]
    return int(rng.integers(low, high + 1))


def degrade(
    crop: npt.NDArray[np.uint8], rng: np.random.Generator, quality: int | None = None
) -> Sample:
    """Code an RGB crop at random and decode it.

    Parameters
    ----------
    crop : ndarray of uint8, shape (H, W, 3)
        Clean RGB; H and W multiples of 16, so that crops stay on the codec's grid.
    rng : numpy.random.Generator
        Draws quality, gray or colour, luma range, sampling and front end.
    quality : int, optional
        Use this quality instead of a drawn one.
    """
    quality = draw_quality(rng) if quality is None else quality
    gray = rng.random() < 0.5
    studio = rng.random() < 0.5
    ycc = rgb_to_ycc(crop.astype(np.float32))
    if studio:
        ycc[..., 0] = 16.0 + ycc[..., 0] * (219.0 / 255.0)
        ycc[..., 1:] = 128.0 + (ycc[..., 1:] - 128.0) * (224.0 / 255.0)
    clean = _planes(ycc[..., 0], None if gray else ycc[..., 1:])
    coded = np.clip(np.rint(ycc), 0, 255).astype(np.uint8)
    if gray:
        data = jpeg.encode(Image.fromarray(coded[..., 0]), quality)
        decoded = _planes(jpeg.decode_luma(data), None)
    else:
        subsampling = 0 if rng.random() < 0.15 else 2
        data = jpeg.encode(Image.fromarray(coded, "YCbCr"), quality, subsampling)
        if subsampling == 2 and rng.random() < 0.6:
            y, cb, cr = jpeg.decode_420(data)
            decoded = to_network(
                np.concatenate([space_to_depth(y), cb[..., None], cr[..., None]], axis=-1)
            )
        else:
            shown = _decode_full(data, studio)
            decoded = _planes(shown[..., 0], shown[..., 1:])
    return Sample(decoded, clean - decoded, math.log2(step_from_quality(quality)), gray)


def _decode_full(data: bytes, studio: bool) -> Float:
    """Full-size Y, Cb, Cr: through RGB as viewers do, but for studio range."""
    with Image.open(io.BytesIO(data)) as picture:
        if studio:
            picture.draft("YCbCr", picture.size)
            return np.asarray(picture).astype(np.float32)
        return rgb_to_ycc(np.asarray(picture).astype(np.float32))


def _planes(luma: npt.NDArray[np.generic], chroma: npt.NDArray[np.generic] | None) -> Float:
    """Network planes of full-size luma and full-size chroma, or of luma alone."""
    height, width = luma.shape
    planes = np.full((height // 2, width // 2, 6), 128.0, np.float32)
    planes[..., :4] = space_to_depth(luma)
    if chroma is not None:
        planes[..., 4:] = pool(chroma.astype(np.float32))
    return to_network(planes)
