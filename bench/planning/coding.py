"""Still-picture files by the encoders of `edgeqe.coding`, of pictures of any size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from edgeqe.codecs.strength import STATED_BY
from edgeqe.coding import CODECS, Coder, Frame, Layout, RatePoint, asked_points
from edgeqe.errors import InputError
from edgeqe.typing import Uint8
from edgeqe.views.colour import NEUTRAL, pool, rgb_to_420, rgb_to_ycc

__all__ = ["SUFFIXES", "encode_picture", "plan_points"]

#: Codecs whose encoder writes a file of one picture that `edgeqe enhance` takes, and its suffix.
SUFFIXES = {"bpg": ".bpg", "jpeg": ".jpg", "jpeg2000": ".j2k", "webp": ".webp"}
#: Strengths if none are given.
POINTS: Mapping[str, tuple[float, ...]] = {
    "bpg": (22, 25, 28, 31, 34, 37, 40, 43),
    "jpeg": (10, 15, 20, 30, 40, 55, 70, 85),
    "jpeg2000": (0.1, 0.15, 0.25, 0.4, 0.6, 0.9, 1.4, 2.0),
    "webp": (5, 10, 20, 35, 50, 65, 80, 90),
}
#: Codecs whose 4:2:0 has studio range (luma 16 to 235) in every decoder.
_STUDIO = ("webp",)


def plan_points(codec: str, given: Mapping[str, Sequence[float]]) -> tuple[RatePoint, ...]:
    """Strengths to choose from, each once.

    Parameters
    ----------
    codec : str
    given : mapping of str to sequence of float
        By their unit, ``quality``, ``qp`` and ``rate``; `POINTS` if all are empty.

    Raises
    ------
    InputError
        If the codec has no file of one picture here, or as of `edgeqe.coding.asked_points`.
    """
    if codec not in SUFFIXES:
        known = "has no file of one picture here" if codec in CODECS else "is not known"
        raise InputError(f"codec {codec!r} {known}: give one of {', '.join(SUFFIXES)}.")
    if not any(given.values()):
        given = {STATED_BY[codec]: POINTS[codec]}
    return asked_points(codec, given, ())


def encode_picture(pixels: Uint8, encoder: Coder, value: float) -> bytes:
    """Code a picture into a file.

    Parameters
    ----------
    pixels : ndarray of uint8, shape (H, W) or (H, W, 3)
        Gray becomes neutral colour where the encoder takes colour alone.
    encoder : Coder
    value : float
        Strength in its unit.

    Raises
    ------
    InputError
        If the encoder refuses the picture.
    """
    if pixels.ndim == 2 and Layout.GRAY in encoder.layouts:
        frame = Frame(Layout.GRAY, (pixels,))
    elif Layout.RGB in encoder.layouts:
        frame = Frame(Layout.RGB, (pixels,))
    else:
        rgb = pixels if pixels.ndim == 3 else np.dstack([pixels] * 3)
        frame = Frame(Layout.YUV420, _planes(rgb, studio=encoder.codec in _STUDIO))
    return encoder.encode(frame, value)


def _planes(rgb: Uint8, *, studio: bool) -> tuple[Uint8, ...]:
    """Y, Cb and Cr of BT.601, 4:2:0; the last row and column of odd numbers count twice in chroma."""
    height, width = rgb.shape[:2]
    even = np.pad(rgb, ((0, height % 2), (0, width % 2), (0, 0)), "edge")
    if not studio:
        luma, *chroma = rgb_to_420(even)
        return luma[:height, :width].copy(), *chroma
    ycc = rgb_to_ycc(even.astype(np.float32))
    y = 16 + ycc[:height, :width, 0] * np.float32(219 / 255)
    c = NEUTRAL + (pool(ycc[..., 1:]) - NEUTRAL) * np.float32(224 / 255)
    return tuple(np.rint(plane).astype(np.uint8) for plane in (y, c[..., 0], c[..., 1]))
