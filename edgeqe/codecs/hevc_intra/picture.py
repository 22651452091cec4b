"""What the decoder hands back of one picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[Any]
Residual = npt.NDArray[np.int16]


@dataclass(frozen=True, eq=False)
class IntraPicture:
    """An intra picture before its loop filters, cut by the conformance window.

    Planes are Y, U, V, chroma at half size (rounded up) both ways; a 4:0:0 picture has Y alone.

    Attributes
    ----------
    reconstruction : tuple of ndarray, uint8 for 8 bit, uint16 for 10 bit
        The decoded samples before deblocking and SAO: `prediction` plus `residual`, clipped.
    prediction : tuple of ndarray, of the same types
        The intra prediction. Samples of a PCM block are their own prediction.
    residual : tuple of ndarray of int16
        What is added before clipping; 0 where a block has no coefficients.
    tu_log2 : ndarray of uint8, shape (ceil(H / 4), ceil(W / 4))
        Base-2 logarithm of the side of the luma transform block, 2 to 5, of each block of 4x4
        luma samples. Blocks count from the coded picture's corner: where the window begins at
        no multiple of four, the first row or column is of blocks cut by it.
    qp : ndarray of int8, of the same shape
        QpY of the coding unit, from -6 * (bit_depth - 8) to 51.
    bit_depth : int
        8 or 10.
    """

    reconstruction: tuple[Samples, ...]
    prediction: tuple[Samples, ...]
    residual: tuple[Residual, ...]
    tu_log2: npt.NDArray[np.uint8]
    qp: npt.NDArray[np.int8]
    bit_depth: int
