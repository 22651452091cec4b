"""Self-ensemble: the mean of a network's residual over the eight flips and rotations of its planes.

These are the symmetries of the square, the dihedral group of order eight. A window is transformed
as the whole picture would be, padded to the network's alignment, so that zero padding falls where
it does in the transformed whole, and tiles equal it. A transform is up to three steps::

    upside down     left to right     transposed
    1 2 -> 3 4      1 2 -> 2 1        1 2 -> 1 3
    3 4    1 2      3 4    4 3        3 4    2 4

The four phases of luma change places with the pixels: left to right, phase (r, c) of the picture
becomes phase (r, 1 - c); transposed, it becomes phase (c, r).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product

import numpy as np

from edgeqe.typing import Float
from edgeqe.views.subsampled import PHASES

#: Members of an ensemble, beside 1 for none.
SIZE = 8


@dataclass(frozen=True)
class DihedralTransform:
    """One of the eight flips and rotations."""

    down: bool
    """Upside down."""
    across: bool
    """Left to right, then."""
    transposed: bool
    """Rows become columns, at last."""

    def apply(self, plane: Float) -> Float:
        """View of a plane (h, w), transformed."""
        flipped = self._flip(plane)
        return flipped.T if self.transposed else flipped

    def undo(self, plane: Float) -> Float:
        """View of a transformed plane, as it was before."""
        return self._flip(plane.T if self.transposed else plane)

    def phase(self, index: int) -> int:
        """Phase of the picture, by its place in `PHASES`, that becomes phase `index`."""
        row, column = PHASES[index]
        if self.transposed:
            row, column = column, row
        return PHASES.index((row ^ self.down, column ^ self.across))

    def _flip(self, plane: Float) -> Float:
        return plane[:: -1 if self.down else 1, :: -1 if self.across else 1]


#: Those that transpose the window's shape come last, so that an interpreter is resized once for them.
DIHEDRAL_TRANSFORMS = tuple(
    DihedralTransform(down, across, transposed)
    for transposed, down, across in product((False, True), repeat=3)
)


def mean_over_transforms(
    run: Callable[[Float, Float], Float], planes: Float, buffer: Float, channels: int, phases: int
) -> Float:
    """Mean residual over the eight transforms.

    Parameters
    ----------
    run : callable
        Writes the residual of its first argument, which it may overwrite, to its second.
    planes : ndarray, shape (all inputs' C, h, w)
        8-bit sample values, level-shifted by 128.
    buffer : ndarray, shape (all inputs' C + 2 * channels, h, w), contiguous
        Scratch floats.
    channels : int
        Planes of the residual.
    phases : int
        Leading planes that are the phases of luma: 4 or 0.

    Returns
    -------
    ndarray, shape (channels, h, w)
        In `buffer`; summed in one order, whatever the window.
    """
    height, width = planes.shape[1:]
    transformed, residual = buffer[: len(planes)], buffer[len(planes) : -channels]
    total = buffer[-channels:]
    total[:] = 0.0
    for transform in DIHEDRAL_TRANSFORMS:
        sides = (width, height) if transform.transposed else (height, width)
        given, found = transformed.reshape(-1, *sides), residual.reshape(-1, *sides)
        origins = [transform.phase(i) if i < phases else i for i in range(len(planes))]
        for plane, origin in zip(given, origins, strict=True):
            np.copyto(plane, transform.apply(planes[origin]))
        run(given, found)
        for plane, origin in zip(found, origins, strict=False):
            total[origin] += transform.undo(plane)
    total *= np.float32(1 / SIZE)
    return total
