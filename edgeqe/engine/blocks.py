"""The block grid of networks that pool over a block: two passes, fused (ASQE-CNN, section 4).

Pass one enhances blocks from the picture's origin, pass two the same on the picture
without its top 16 rows and left 16 columns. Where pass two has a result the two are
fused: their mean for gray, alpha blending for colour. The paper does not say what
alpha is; here each pass weighs by the distance of the pixel to the nearest border of
its own block, counted from 1, so that no block's border shows.

The picture goes by in bands of one block's height. Example, blocks of 64 rows::

    band        pass one     pass two      fused and written
    0             0..63       16..79         0..63  (0..15 of pass one alone)
    1            64..127      80..143       64..127 (64..79 with the rows carried over)

What a band reads, no band above it has written: in place needs no copy of the picture.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from edgeqe.engine.tiling import FIXED_BYTES, Axis, Plan, too_small
from edgeqe.typing import Float
from edgeqe.views.subsampled import View
from edgeqe.views.window import Window

#: Rows and columns by which pass two is shifted.
SHIFT = 16
#: Smallest side of a block, pixels, that this schedule makes sense for.
SMALLEST_BLOCK = 2 * SHIFT


def block_plan(
    height: int,
    width: int,
    *,
    block: int,
    pixels_per_sample: int,
    channels: int,
    window_bytes: int,
    limit: int,
    threads: int,
) -> Plan:
    """Pass one's blocks as windows, and what both passes take.

    Parameters
    ----------
    height, width : int
        Picture size, pixels.
    block : int
        Side of a block, pixels.
    pixels_per_sample : int
        Pixels per sample of a plane along an axis.
    channels : int
        Planes of the residual.
    window_bytes : int
        Memory of one running block, bytes.
    limit : int
        Memory limit, bytes.
    threads : int
        Blocks that may run at once.

    Raises
    ------
    MemoryLimitError
        If a band and one block do not fit; the message names the limit that works.
    """
    across, down = -(-width // block), -(-height // block)
    samples = block // pixels_per_sample
    shifted_across = -(-max(width - SHIFT, 0) // block)
    values = samples * samples * across
    values += (samples + SHIFT // pixels_per_sample) * samples * shifted_across
    band_bytes = 4 * channels * values
    free = limit - FIXED_BYTES - band_bytes
    workers = min(threads, across + shifted_across, free // window_bytes)
    if workers < 1:
        raise too_small(height, width, limit, band_bytes + window_bytes + FIXED_BYTES)
    return Plan(
        Axis(down * block, down, block, 0),
        Axis(across * block, across, block, 0),
        workers,
        window_bytes,
        band_bytes,
    )


def grid(height: int, width: int, block: int, shift: int) -> list[list[Window]]:
    """Rows of blocks over a picture whose first `shift` rows and columns are cropped."""
    if width <= shift:
        return []
    return [
        [
            Window(top, left, block, block, (top, top + block), (left, left + block))
            for left in range(shift, width, block)
        ]
        for top in range(shift, height, block)
    ]


def weights(side: int, shift: int) -> Float:
    """Weight of pass one at each sample of its block, shape (side, side)."""
    near = np.minimum(np.arange(side) + 1, side - np.arange(side))
    first, second = (np.minimum(d[:, None], d[None]) for d in (near, np.roll(near, shift)))
    alpha: Float = (first / (first + second)).astype(np.float32)
    return alpha


def enhance_blocks(
    view: View,
    height: int,
    width: int,
    *,
    block: int,
    channels: int,
    residual_of: Callable[[Window], Float],
    each: Callable[[Callable[[Any], None], Iterable[Any]], None],
) -> None:
    """Enhance a picture by blocks; the source may be the target.

    Parameters
    ----------
    view : View
    height, width : int
        Picture size, pixels.
    block : int
        Side of a block, pixels.
    channels : int
        Planes of the residual.
    residual_of : callable
        Residual of a block, shape (C, block, block) in samples, 8-bit levels.
    each : callable
        Runs a function on every item, some at once, and returns when all are done.
    """
    side, shift = block // view.pixels_per_sample, SHIFT // view.pixels_per_sample
    passes = grid(height, width, block, 0), grid(height, width, block, SHIFT)
    first = np.empty((channels, side, side * len(passes[0][0])), np.float32)
    blocks_across = len(passes[1][0]) if passes[1] else 0
    # rows of the band: those carried over from the band above, then this band's pass two
    second = np.empty((channels, shift + side, side * blocks_across), np.float32)
    alpha = weights(side, shift) if view.colour else np.full((side, side), 0.5, np.float32)

    def enhance(job: tuple[Window, Float]) -> None:
        window, result = job
        result[:] = residual_of(window)

    for index, blocks in enumerate(passes[0]):
        shifted = passes[1][index] if index < len(passes[1]) else []
        jobs = [(window, first[:, :, side * i :][:, :, :side]) for i, window in enumerate(blocks)]
        jobs += [
            (window, second[:, shift:, side * i :][:, :, :side]) for i, window in enumerate(shifted)
        ]
        each(enhance, jobs)
        # rows and columns of a block that have a result of pass two
        top, bottom = shift if index == 0 else 0, side if shifted else shift

        def write(job: tuple[Window, Float], top: int = top, bottom: int = bottom) -> None:
            window, own = job
            left = window.left // view.pixels_per_sample
            begin = shift if left == 0 else 0
            other = second[:, top:bottom, left + begin - shift : left + side - shift]
            part = np.s_[top:bottom, begin : begin + other.shape[2]]
            fused = own[(slice(None), *part)]
            fused -= other
            fused *= alpha[part]
            fused += other
            view.write(window, own)

        each(write, jobs[: len(blocks)])
        second[:, :shift] = second[:, side:]
