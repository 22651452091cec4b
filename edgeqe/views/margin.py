"""A margin of mirrored samples around a picture, so that a network sees more of it than its zero padding.

Zeros are mid-grey to a network: at the border of even ground in a saturated colour it would draw a frame,
and the outer pixels of photographs would gain less than the others. So windows begin a margin outside the
picture, and the picture is mirrored there, its last samples repeated first, as numpy's ``symmetric`` does::

    outside      picture
    c b a     |  a b c d ..

What lies behind the margin is zero padding as before: all windows see the same, so tiles still equal the whole
picture. Published networks of full-size planes were trained and measured with zeros, and keep them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from edgeqe.typing import Float
from edgeqe.views.flat_chroma import NATIVE
from edgeqe.views.subsampled import PHASES, View
from edgeqe.views.window import Window

#: Width of the margin, pixels. On 20 photographs of BSDS val100 twice as many gain edgeqe-base 0.0001 dB more and the
#: others nothing; half as many leave frames of up to 4 levels on even ground at JPEG quality 20, these of 1.
MARGIN = 8

#: Which phase of a mirrored 2x2 cell goes to each: rows change places, or columns do.
_MIRRORED = tuple(
    [PHASES.index((row ^ down, column ^ (not down))) for row, column in PHASES]
    for down in (True, False)
)


def margin_of(layout: str, tiling: str, halo: int, alignment: int) -> int:
    """Width of the margin around a picture, pixels: no more than the network sees, a multiple of the alignment.

    Parameters
    ----------
    layout, tiling : str
        As of the network's card.
    halo, alignment : int
        Of the network, pixels; the first a multiple of the second.
    """
    if layout != NATIVE or tiling != "exact":
        return 0
    return min(halo, -(-MARGIN // alignment) * alignment)


def read_mirrored(
    view: View, window: Window, filled: tuple[int, int], planes: Float, channels: int
) -> None:
    """Fill planes with a window that may stick out of the picture on any side.

    Parameters
    ----------
    view : View
    window : Window
    filled : (int, int)
        Height and width that the view fills, pixels; beyond them the picture is mirrored.
    planes : ndarray, shape (channels or one more, h, w)
        In samples; the one more gets the prediction residual.
    channels : int
        Planes of the picture.
    """
    inside = window.clipped(*filled)
    rows, columns = samples_inside(window, inside, view.pixels_per_sample)
    held = planes[:, slice(*rows), slice(*columns)]
    view.read(inside, held[:channels])
    if len(planes) > channels:
        view.read_prediction(inside, held[-1])
    mirror(planes, rows, columns, phases=view.pixels_per_sample == 2)


def samples_inside(
    window: Window, inside: Window, pixels: int
) -> tuple[tuple[int, int], tuple[int, int]]:
    """First and last + 1 row and column of a window's samples, of so many pixels a side, that lie inside."""
    top, left = (inside.top - window.top) // pixels, (inside.left - window.left) // pixels
    return (top, top + inside.height // pixels), (left, left + inside.width // pixels)


def mirror(
    planes: npt.NDArray[Any], rows: tuple[int, int], columns: tuple[int, int], phases: bool
) -> None:
    """Fill planes outside some of their rows and columns with those, mirrored as often as it takes.

    Parameters
    ----------
    planes : ndarray, shape (C, h, w)
        Changed in place.
    rows, columns : (int, int)
        First and last + 1 sample that holds a picture, along each axis; at least one.
    phases : bool
        The first four planes are the phases of 2x2 cells, which change places.
    """
    up, over = _MIRRORED if phases else ([], [])
    _mirror(planes[:, :, slice(*columns)], *rows, up)
    _mirror(planes.transpose(0, 2, 1), *columns, over)


def _mirror(planes: npt.NDArray[Any], first: int, last: int, places: list[int]) -> None:
    """Fill planes (C, n, m) outside of some of the n; the first planes change places where mirrored."""
    length = last - first
    outside = np.r_[0:first, last : planes.shape[1]]
    if not outside.size:
        return
    source = (outside - first) % (2 * length)
    mirrored = source >= length
    source = np.minimum(source, 2 * length - 1 - source) + first
    same = np.arange(len(planes))
    swapped = np.array([*places, *same[len(places) :]])
    for which, order in ((mirrored, swapped), (~mirrored, same)):
        if which.any():
            planes[:, outside[which]] = planes[order[:, None], source[which]]
