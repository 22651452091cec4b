"""Views for networks whose planes have the picture's own size, and the table of all views.

The layout ``y`` is one plane, luma; ``rgb`` is three. A colour picture under ``y``
gets the residual of its luma added to R, G and B, which leaves its chroma as it is. A
gray picture under ``rgb`` is three equal planes, and gets the luma of their residual.
"""

from __future__ import annotations

import numpy as np

from edgeqe.typing import Float
from edgeqe.views.colour import NEUTRAL, RGB_TO_YCC
from edgeqe.views.subsampled import (
    BgrView,
    GrayView,
    PlanesView,
    RgbView,
    View,
    copy_alpha,
    repeat_edges,
    span,
)
from edgeqe.views.window import Window


class LumaView(View):
    """One plane (H, W) as luma: a gray picture, or Y of planes."""

    pixels_per_sample = 1
    colour = False

    def read(self, window: Window, planes: Float) -> None:
        """The plane as it is."""
        self._levels(self.cut(0, *span(window)), planes[0])

    def write(self, window: Window, residual: Float) -> None:
        """The plane plus its residual."""
        source, target = self._pair(window)
        self._add(source, self._own(window, residual)[0], target)


class LumaOfRgbView(View):
    """Luma of interleaved (H, W, 3) or (H, W, 4); alpha is copied."""

    pixels_per_sample = 1
    colour = False
    order = (0, 1, 2)
    """Positions of R, G and B."""

    def read(self, window: Window, planes: Float) -> None:
        """Y by the weights of JFIF."""
        pixels = self.cut(0, *span(window))
        height, width = pixels.shape[:2]
        luma = planes[0, :height, :width]
        luma[:] = -np.float32(NEUTRAL)
        value = np.empty_like(luma)
        for weight, position in zip(RGB_TO_YCC[0], self.order, strict=True):
            scale = np.float32(weight / self.depth.unit)
            np.multiply(pixels[..., position], scale, out=value, dtype=np.float32, casting="unsafe")
            luma += value
        repeat_edges(planes[0], height, width)

    def write(self, window: Window, residual: Float) -> None:
        """R, G and B plus the residual of Y, alpha as it was."""
        own = self._own(window, residual)
        source, target = self._pair(window)
        copy_alpha(source, target)
        for position in self.order:
            self._add(source[..., position], own[0], target[..., position])


class LumaOfBgrView(LumaOfRgbView):
    """Luma, B first."""

    order = (2, 1, 0)


class FullRgbView(View):
    """R, G and B of interleaved (H, W, 3) or (H, W, 4); alpha is copied."""

    pixels_per_sample = 1
    order = (0, 1, 2)
    """Positions of R, G and B."""

    def read(self, window: Window, planes: Float) -> None:
        """The channels as they are."""
        pixels = self.cut(0, *span(window))
        for plane, position in zip(planes, self.order, strict=True):
            self._levels(pixels[..., position], plane)

    def write(self, window: Window, residual: Float) -> None:
        """The channels plus their residuals, alpha as it was."""
        own = self._own(window, residual)
        source, target = self._pair(window)
        copy_alpha(source, target)
        for plane, position in zip(own, self.order, strict=True):
            self._add(source[..., position], plane, target[..., position])


class FullBgrView(FullRgbView):
    """R, G and B, B first."""

    order = (2, 1, 0)


class RgbOfGrayView(View):
    """One plane (H, W) as three equal ones."""

    pixels_per_sample = 1
    colour = False

    def read(self, window: Window, planes: Float) -> None:
        """The plane, three times."""
        self._levels(self.cut(0, *span(window)), planes[0])
        planes[1:] = planes[0]

    def write(self, window: Window, residual: Float) -> None:
        """The plane plus the luma of the residual."""
        own = self._own(window, residual)
        source, target = self._pair(window)
        red, green, blue = RGB_TO_YCC[0]
        self._add(source, red * own[0] + green * own[1] + blue * own[2], target)


#: View of a layout of the network's planes and a kind of picture. Planes that a view has
#: no `factors` for are not enhanced. RGB is not made of half-size chroma: that choice of
#: an upsampling is the caller's.
VIEWS: dict[tuple[str, str], type[View]] = {
    ("420-space-to-depth", "gray"): GrayView,
    ("420-space-to-depth", "planes"): PlanesView,
    ("420-space-to-depth", "rgb"): RgbView,
    ("420-space-to-depth", "bgr"): BgrView,
    ("y", "gray"): LumaView,
    ("y", "planes"): LumaView,
    ("y", "rgb"): LumaOfRgbView,
    ("y", "bgr"): LumaOfBgrView,
    ("rgb", "gray"): RgbOfGrayView,
    ("rgb", "rgb"): FullRgbView,
    ("rgb", "bgr"): FullBgrView,
}
