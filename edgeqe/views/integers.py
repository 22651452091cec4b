"""Windows of 8-bit 4:2:0 as the planes of an integer network, with no floats on the way in.

Where one integer of the network is one level, a level-shifted sample is its byte with the top bit
flipped. The planes of a sample lie side by side, as LiteRT has them, so two neighbours of a row of luma
are copied as one 16-bit integer, and so are Cb and Cr where they are interleaved::

    luma    a b ..      chroma   u v ..     -->    a b c d u v ..
            c d ..

The results are those of `View.read` and `View.write`, sample for sample.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from edgeqe.views.subsampled import PHASES, GrayView, PlanesView, Samples, View, span
from edgeqe.views.window import Window

Int8 = npt.NDArray[np.int8]

#: Rows of the network's planes that become floats at a time, so that they stay in the cache.
BLOCK = 64


def holds_bytes(view: View) -> bool:
    """Whether a view is of 8-bit 4:2:0 or gray, whose windows are read and written here."""
    whole = isinstance(view, PlanesView | GrayView) and view.first_target_row == 0
    return whole and view.depth.unit == 1.0


def is_inside(view: View, window: Window) -> bool:
    """Whether a window does not stick out of the picture, as it does where a side is odd."""
    height, width = view.targets[0].shape
    return bool(window.top + window.height <= height and window.left + window.width <= width)


def read_integers(view: View, window: Window, samples: Int8) -> None:
    """Fill level-shifted samples, contiguous and of shape (h, w, 6), with a window."""
    cuts = [view.cut(index, *span(window)) for index in range(len(view.sources))]
    single, pairs = samples.view(np.uint8), samples.view(np.uint16)
    luma = cuts[0]
    if _has_pairs(luma):
        pairs[..., 0], pairs[..., 1] = (luma[row::2].view(np.uint16) for row in (0, 1))
    else:
        for index, (row, column) in enumerate(PHASES):
            single[..., index] = luma[row::2, column::2]
    if len(cuts) == 1:
        single[..., 4:] = 128
    elif (both := _interleaved(cuts[1], cuts[2])) is not None:
        pairs[..., 2] = both
    else:
        single[..., 4], single[..., 5] = cuts[1:]
    np.bitwise_xor(single, 128, out=single)


def write_integers(
    view: View, window: Window, samples: Int8, residual: Int8, scale: np.float32
) -> None:
    """Write a window's own result: its samples plus the residual, rounded once.

    Parameters
    ----------
    view : View
    window : Window
    samples : ndarray of int8, shape (h, w, 6)
        As read.
    residual : ndarray of int8, shape (h, w, 6)
    scale : float32
        8-bit levels in one integer of the residual.
    """
    (top, bottom), (left, right) = window.rows, window.columns
    amount = np.float32(view.amount)
    columns = slice((left - window.left) // 2, (right - window.left) // 2)
    for first in range(top, bottom, 2 * BLOCK):
        last = min(bottom, first + 2 * BLOCK)
        rows = slice((first - window.top) // 2, (last - window.top) // 2)
        value = np.multiply(residual[rows, columns], scale, dtype=np.float32)
        if amount != 1.0:
            value *= amount
        np.rint(value, out=value)
        value += samples[rows, columns]
        np.clip(value, -128, 127, out=value)
        done = value.astype(np.int8).view(np.uint8)
        np.bitwise_xor(done, 128, out=done)
        _put(view, slice(first, last), slice(left, right), done)


def _put(view: View, rows: slice, columns: slice, done: npt.NDArray[np.uint8]) -> None:
    """Write samples of shape (h, w, 6) to a rectangle of the targets, in picture rows and columns."""
    pairs = done.view(np.uint16)
    luma = view.targets[0][rows, columns]
    if _has_pairs(luma):
        for row in (0, 1):
            luma[row::2].view(np.uint16)[...] = pairs[..., row]
    else:
        for index, (row, column) in enumerate(PHASES):
            luma[row::2, column::2] = done[..., index]
    if len(view.targets) == 1:
        return
    half = [slice(side.start // 2, side.stop // 2) for side in (rows, columns)]
    chroma = [target[half[0], half[1]] for target in view.targets[1:]]
    both = _interleaved(chroma[0], chroma[1])
    if both is not None:
        both[...] = pairs[..., 2]
        return
    for index, target in enumerate(chroma):
        target[...] = done[..., 4 + index]


def _has_pairs(luma: Samples) -> bool:
    """Whether the samples of a row lie side by side."""
    return luma.strides[1] == 1


def _interleaved(first: Samples, second: Samples) -> npt.NDArray[np.uint16] | None:
    """Pairs of samples of two planes that lie in turns, as in NV12; None where they do not."""
    apart = second.ctypes.data - first.ctypes.data
    if apart != 1 or first.strides[1] != 2 or first.strides != second.strides:
        return None
    joined = np.lib.stride_tricks.as_strided(first, (*first.shape, 2), (*first.strides, 1))
    both: npt.NDArray[np.uint16] = joined.view(np.uint16)[..., 0]
    return both
