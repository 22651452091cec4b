"""Reference pictures through real encoders and back, for training, `bench` and the drift gate.

One `Coder` a codec; `coder` makes it by the codec's name. Encoders come with the extra
``codecs``; a device needs none of them.
"""

from __future__ import annotations

from edgeqe.coding.coder import CODECS, Coder, Frame, Layout, coder
from edgeqe.coding.rate_point import RatePoint, asked_points

__all__ = ["CODECS", "Coder", "Frame", "Layout", "RatePoint", "asked_points", "coder"]
