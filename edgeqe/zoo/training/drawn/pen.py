"""A pen for whole pixels that draws nothing where a shape has no area.

Pillow refuses boxes whose corners are the wrong way round, which random sizes leave now and
then: a bar of a chart below its margin, a button narrower than its frame.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from PIL import ImageDraw


class Pen(ImageDraw.ImageDraw):
    """Pillow's pen, which passes over boxes without an area."""

    def rectangle(self, xy: Any, *given: Any, **more: Any) -> None:
        """Draw a rectangle in a box (left, top, right, bottom)."""
        if _has_area(xy):
            super().rectangle(xy, *given, **more)

    def rounded_rectangle(self, xy: Any, *given: Any, **more: Any) -> None:
        """Draw a rectangle with round corners in a box."""
        if _has_area(xy):
            super().rounded_rectangle(xy, *given, **more)

    def ellipse(self, xy: Any, *given: Any, **more: Any) -> None:
        """Draw an ellipse in a box."""
        if _has_area(xy):
            super().ellipse(xy, *given, **more)

    def arc(self, xy: Any, *given: Any, **more: Any) -> None:
        """Draw an arc of the ellipse in a box."""
        if _has_area(xy):
            super().arc(xy, *given, **more)

    def pieslice(self, xy: Any, *given: Any, **more: Any) -> None:
        """Draw a piece of the ellipse in a box."""
        if _has_area(xy):
            super().pieslice(xy, *given, **more)


def _has_area(box: Any) -> bool:
    """Whether a box, four numbers or two corners, has its corners the right way round."""
    left, top, right, bottom = np.ravel(box).tolist()
    return bool(right >= left and bottom >= top)
