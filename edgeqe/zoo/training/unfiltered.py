"""HEVC pictures before their loop filters, and what their bitstream says beside the samples.

All intra by x265 with deblocking and SAO off, decoded by the project's own decoder, whose
prediction residual and transform blocks no other hands out. Luma alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from edgeqe.codecs.hevc_intra import IntraPicture, decode
from edgeqe.codecs.strength import step_from_qp
from edgeqe.coding import Frame, Layout
from edgeqe.coding.video import HevcCoder
from edgeqe.typing import Rgb, Uint8
from edgeqe.views.colour import NEUTRAL, studio_luma
from edgeqe.zoo.training.recipe import Side


@dataclass(frozen=True, eq=False)
class UnfilteredPicture:
    """A coded picture before its loop filters, luma."""

    reference: Uint8
    """Shape (H, W), 16 to 235."""
    decoded: Uint8
    """Reconstruction, (H, W)."""
    side: npt.NDArray[np.int16] | None
    """Second plane, (H, W), signed 8-bit levels."""
    step: float
    bits_per_pixel: float


@lru_cache
def _coder() -> HevcCoder:
    return HevcCoder("no-deblock=1:no-sao=1")


def code_unfiltered(rgb: Rgb, qp: float, side: Side) -> UnfilteredPicture:
    """Code the studio-range luma of an RGB picture.

    Parameters
    ----------
    rgb : ndarray of uint8, shape (H, W, 3)
        Reference; H and W even.
    qp : float
        0 to 51.
    side : Side
        What is wanted beside the reconstruction.

    Raises
    ------
    InputError
        If the encoder is not there.
    """
    height, width = (n // 2 * 2 for n in rgb.shape[:2])
    luma = np.ascontiguousarray(studio_luma(rgb)[:height, :width])
    data = _coder().encode(Frame(Layout.GRAY, (luma,)), qp)
    (picture,) = decode(data)
    return UnfilteredPicture(
        reference=luma,
        decoded=picture.reconstruction[0],
        side=side_plane(picture, side),
        step=step_from_qp(round(qp)),
        bits_per_pixel=8 * len(data) / luma.size,
    )


def side_plane(picture: IntraPicture, side: Side) -> npt.NDArray[np.int16] | None:
    """Second plane of a decoded picture of 8 bits, (H, W); None if none is wanted."""
    if side is Side.NONE:
        return None
    if side is Side.RESIDUAL:
        return picture.residual[0]
    return np.rint(block_means(picture.reconstruction[0], picture.tu_log2)).astype(
        np.int16
    ) - np.int16(NEUTRAL)


def block_means(luma: npt.NDArray[Any], tu_log2: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
    """Mean of the samples of the transform block that each sample lies in.

    Parameters
    ----------
    luma : ndarray, shape (H, W)
    tu_log2 : ndarray of uint8, shape (ceil(H / 4), ceil(W / 4))
        As of `IntraPicture`.
    """
    height, width = luma.shape
    padded = np.pad(luma.astype(np.float64), ((0, -height % 32), (0, -width % 32)), mode="edge")
    sizes = tu_log2.repeat(4, 0).repeat(4, 1)[:height, :width]
    found = padded[:height, :width].copy()
    for log2 in range(2, 6):
        side = 1 << log2
        rows, columns = padded.shape[0] // side, padded.shape[1] // side
        means = padded.reshape(rows, side, columns, side).mean(axis=(1, 3))
        spread = means.repeat(side, 0).repeat(side, 1)[:height, :width]
        found = np.where(sizes == log2, spread, found)
    return found
