"""Pictures as the runtime sees them: windows in, residuals out, any layout.

A view reads a window of a picture into the network's planes and writes the picture
plus the residual. Colour conversion happens here, per window. Values are
8-bit sample values, level-shifted by 128; a deeper picture is scaled to that. Where a window sticks
out of the picture, the picture's last row and column are repeated.

Here are the views of the layout ``420-space-to-depth``; `full_size` has the others,
and the table of all.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from edgeqe.typing import Float
from edgeqe.views.colour import NEUTRAL, RGB_TO_YCC
from edgeqe.views.window import Window

#: uint8 or uint16.
Samples = npt.NDArray[Any]

#: Rows and columns of the four phases of Y, in the order of space-to-depth.
PHASES = ((0, 0), (0, 1), (1, 0), (1, 1))
#: Y, Cb, Cr residual to R, G, B: the inverse of RGB_TO_YCC.
YCC_TO_RGB = np.linalg.inv(RGB_TO_YCC.astype(np.float64)).astype(np.float32)


@dataclass(frozen=True)
class Depth:
    """How integers stand for 8-bit sample values."""

    bits: int
    """Significant bits, 8 to 16."""
    shift: int = 0
    """Zero bits below them: 6 for P010, whose 10 bits lie at the top."""

    @property
    def unit(self) -> float:
        """Integers in one 8-bit level."""
        return float(2 ** (self.bits - 8 + self.shift))

    @property
    def peak(self) -> int:
        """Largest integer."""
        return int((2**self.bits - 1) << self.shift)


class View(ABC):
    """Base: component planes, some at half size, with a source and a target."""

    #: Rows (and columns) of the picture per row of each array.
    factors: tuple[int, ...] = (1,)
    #: Rows (and columns) of the picture per row of the network's planes.
    pixels_per_sample = 2
    #: Whether what is enhanced has colour.
    colour = True

    def __init__(
        self,
        sources: Sequence[Samples],
        targets: Sequence[Samples],
        depth: Depth,
        first_row: int = 0,
        prediction: Samples | None = None,
        amount: float = 1.0,
        first_target_row: int = 0,
    ) -> None:
        self.sources, self.targets, self.depth = tuple(sources), tuple(targets), depth
        self.first_row, self.first_target_row = first_row, first_target_row
        """Rows of the picture at which the sources and the targets begin."""
        self.prediction = prediction
        """Decoded prediction residual of the whole picture, (H, W), signed."""
        self.amount = amount
        """How much of the network's residual is added, 0 to 1."""

    @abstractmethod
    def read(self, window: Window, planes: Float) -> None:
        """Fill planes of shape (C, h, w), in samples, with a window."""

    def read_prediction(self, window: Window, plane: Float) -> None:
        """Fill a plane of full size with the prediction residual, zeros beyond its end."""
        assert self.prediction is not None
        rows, columns = span(window)
        found = self.prediction[slice(*rows), slice(*columns)]
        height, width = found.shape
        scale = np.float32(1 / 2.0 ** (self.depth.bits - 8))
        np.multiply(found, scale, out=plane[:height, :width], dtype=np.float32, casting="unsafe")
        plane[height:] = 0.0
        plane[:height, width:] = 0.0

    @abstractmethod
    def write(self, window: Window, residual: Float) -> None:
        """Write a window's own result: source plus residual, rounded once."""

    def on_rows(self, sources: Sequence[Samples], first_row: int) -> View:
        """Same picture, read from a copy of some of its rows."""
        return type(self)(
            sources, self.targets, self.depth, first_row, self.prediction, self.amount
        )

    def onto_rows(self, targets: Sequence[Samples], first_target_row: int) -> View:
        """Same picture, written to arrays that hold some of its rows."""
        return type(self)(
            self.sources,
            targets,
            self.depth,
            self.first_row,
            self.prediction,
            self.amount,
            first_target_row,
        )

    def copy(self) -> None:
        """Write the sources as they are: no sample is clipped, nor its unused bits."""
        for source, target in zip(self.sources, self.targets, strict=True):
            np.copyto(target, source)

    def cut(self, index: int, rows: tuple[int, int], columns: tuple[int, int]) -> Samples:
        """Rectangle of a source, in picture rows and columns, clipped at its end."""
        factor, array = self.factors[index], self.sources[index]
        top, bottom = (row - self.first_row for row in rows)
        return array[
            top // factor : -(-bottom // factor), columns[0] // factor : -(-columns[1] // factor)
        ]

    def _pair(self, window: Window, index: int = 0) -> tuple[Samples, Samples]:
        """Source and target of a window's own result."""
        rows, columns, factor = window.rows, window.columns, self.factors[index]
        top, bottom = (row - self.first_target_row for row in rows)
        target = self.targets[index][
            top // factor : -(-bottom // factor), columns[0] // factor : -(-columns[1] // factor)
        ]
        return self.cut(index, rows, columns), target

    def _levels(self, samples: Samples, out: Float) -> None:
        """8-bit sample values, level-shifted by 128; samples may lack the last rows and columns of `out`."""
        height, width = samples.shape
        core = out[:height, :width]
        if self.depth.unit == 1.0:
            np.subtract(samples, np.float32(NEUTRAL), out=core, dtype=np.float32, casting="unsafe")
        else:
            scale = np.float32(1 / self.depth.unit)
            np.multiply(samples, scale, out=core, dtype=np.float32, casting="unsafe")
            core -= np.float32(NEUTRAL)
        repeat_edges(out, height, width)

    def _add(self, samples: Samples, residual: Float, target: Samples) -> None:
        """``target = clip(samples + round(amount * residual))``, shapes as `samples`.

        The amount is part of the factor that a deeper picture has anyway: it costs nothing.
        """
        quantum = np.float32(2**self.depth.shift)
        value = residual[: samples.shape[0], : samples.shape[1]]
        factor = np.float32(self.amount * self.depth.unit / quantum)
        value = np.rint(value if factor == 1.0 else value * factor)
        if self.depth.shift:
            value *= quantum
        np.add(value, samples, out=value, dtype=np.float32, casting="unsafe")
        np.clip(value, 0.0, np.float32(self.depth.peak), out=value)
        np.copyto(target, value, casting="unsafe")

    def _read_luma(self, luma: Samples, planes: Float) -> None:
        luma = _padded(luma, planes)
        for plane, (row, column) in zip(planes, PHASES, strict=False):
            self._levels(luma[row::2, column::2], plane)

    def _own(self, window: Window, residual: Float) -> Float:
        """Part of a residual that is the window's own result."""
        (top, bottom), (left, right) = window.rows, window.columns
        pixels = self.pixels_per_sample
        return residual[
            :,
            (top - window.top) // pixels : -(-(bottom - window.top) // pixels),
            (left - window.left) // pixels : -(-(right - window.left) // pixels),
        ]

    def _write_luma(self, window: Window, own: Float) -> None:
        source, target = self._pair(window)
        for phase, (row, column) in zip(own, PHASES, strict=False):
            self._add(source[row::2, column::2], phase, target[row::2, column::2])


class GrayView(View):
    """One plane (H, W)."""

    colour = False

    def read(self, window: Window, planes: Float) -> None:
        """Y from the window, neutral chroma."""
        self._read_luma(self.cut(0, *span(window)), planes)
        planes[4:] = 0.0

    def write(self, window: Window, residual: Float) -> None:
        """Y plus its residual."""
        self._write_luma(window, self._own(window, residual))


class PlanesView(View):
    """Y (H, W) with U and V of half size, rounded up: I420, NV12 and P010 alike."""

    factors = (1, 2, 2)

    def read(self, window: Window, planes: Float) -> None:
        """Planes as they are."""
        rows, columns = span(window)
        self._read_luma(self.cut(0, rows, columns), planes)
        for index in (1, 2):
            self._levels(self.cut(index, rows, columns), planes[3 + index])

    def write(self, window: Window, residual: Float) -> None:
        """Planes plus their residual."""
        own = self._own(window, residual)
        self._write_luma(window, own)
        for index in (1, 2):
            source, target = self._pair(window, index)
            self._add(source, own[3 + index], target)


class RgbView(View):
    """Interleaved (H, W, 3) or (H, W, 4); alpha is copied.

    Chroma is pooled 2x2 for the network, and its residual is repeated over the four
    pixels and added to the full-size picture, so no detail of the chroma is lost.
    """

    order = (0, 1, 2)
    """Positions of R, G and B."""

    def read(self, window: Window, planes: Float) -> None:
        """Y at full size, Cb and Cr pooled."""
        pixels = _padded(self.cut(0, *span(window)), planes)
        planes[:] = 0.0
        value, pooled = np.empty_like(planes[0]), np.empty_like(planes[0])
        for channel, position in enumerate(self.order):
            luma, blue, red = (np.float32(c) for c in RGB_TO_YCC[:, channel] / self.depth.unit)
            pooled[:] = 0.0
            for plane, (row, column) in zip(planes, PHASES, strict=False):
                np.copyto(value, pixels[row::2, column::2, position], casting="unsafe")
                pooled += value
                value *= luma
                plane += value
            planes[4] += (blue * np.float32(0.25)) * pooled
            planes[5] += (red * np.float32(0.25)) * pooled
        planes[:4] -= np.float32(NEUTRAL)

    def write(self, window: Window, residual: Float) -> None:
        """R, G and B plus the residual's, alpha as it was."""
        own = self._own(window, residual)
        source, target = self._pair(window)
        copy_alpha(source, target)
        for channel, position in enumerate(self.order):
            blue, red = (np.float32(c) for c in YCC_TO_RGB[channel, 1:])
            chroma = blue * own[4] + red * own[5]
            for phase, (row, column) in zip(own, PHASES, strict=False):
                self._add(
                    source[row::2, column::2, position],
                    phase + chroma,
                    target[row::2, column::2, position],
                )


class BgrView(RgbView):
    """Interleaved with B first, as OpenCV has it."""

    order = (2, 1, 0)


def span(window: Window) -> tuple[tuple[int, int], tuple[int, int]]:
    """Rows and columns of a whole window."""
    return (
        (window.top, window.top + window.height),
        (window.left, window.left + window.width),
    )


def copy_alpha(source: Samples, target: Samples) -> None:
    """Copy the fourth channel of interleaved samples, where they have one."""
    if source.shape[2] == 4:
        target[..., 3] = source[..., 3]


def repeat_edges(plane: Float, height: int, width: int) -> None:
    """Repeat the last of the first `height` rows and `width` columns to the plane's end."""
    if width < plane.shape[1]:
        plane[:height, width:] = plane[:height, width - 1 : width]
    if height < plane.shape[0]:
        plane[height:] = plane[height - 1 : height]


def _padded(pixels: Samples, planes: Float) -> Samples:
    """Pixels of a window, made twice as high and wide as its planes."""
    below, beside = 2 * planes.shape[1] - len(pixels), 2 * planes.shape[2] - pixels.shape[1]
    if below == beside == 0:
        return pixels
    rest = [(0, 0)] * (pixels.ndim - 2)
    return np.pad(pixels, [(0, below), (0, beside), *rest], mode="edge")
