"""What a network outputs (picture, residual or noise), found by trying each on a compressed picture."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence

import numpy as np

from edgeqe.codecs.jpeg import encode
from edgeqe.converters.graph.analysis import receptive_field
from edgeqe.converters.graph.convention import Convention, OutputKind
from edgeqe.converters.graph.graph import Graph
from edgeqe.converters.onnx_io.session import GraphSession
from edgeqe.errors import InputError
from edgeqe.typing import Float
from edgeqe.views.colour import SCALE

#: JPEG quality and side, in pixels, of the picture that a network is tried on.
TRIAL_QUALITY, TRIAL_SIDE = 15, 128
#: Margin in dB by which the best kind must beat the next: where it improves the JPEG, and where
#: it does not, so that the sign of a residual says nothing.
TRIAL_MARGIN, CLEAR_MARGIN = 0.01, 1.0
#: Loss in dB from which a picture is of another value range than it is taken for.
FAR_OFF = 10.0


def best_output(
    graph: Graph,
    value_range: tuple[float, float],
    ranges: Sequence[tuple[float, float]],
    kind: OutputKind | None = None,
) -> tuple[OutputKind, tuple[float, float]]:
    """Kind and range of output that improve a synthetic JPEG picture most when it is taken as such.

    Parameters
    ----------
    graph : Graph
        In its own value range, with one input.
    value_range : (float, float)
        What the 8-bit sample values 0 and 255 are to it.
    ranges : sequence of (float, float)
        What they may be to its output, the likeliest first.
    kind : OutputKind, optional
        Where it is known: only the range is tried then, and where none is clearly best, as of random
        weights, it is the first.

    Returns
    -------
    OutputKind
    (float, float)

    Raises
    ------
    InputError
        If no kind is better than the others, or the output is none of them.
    """
    (name, channels), (low, high) = next(iter(graph.inputs.items())), value_range
    gain, side = (high - low) / SCALE, math.lcm(TRIAL_SIDE, receptive_field(graph).alignment)
    clean, coded = trial_pictures(channels, side)
    given = (low + coded * gain).astype(np.float32)[None]
    result = GraphSession(graph).run({name: given})[0][0]
    if result.shape != coded.shape or not np.isfinite(result).all():
        raise InputError(
            f"network '{graph.name}' gives {result.shape} for a picture of {coded.shape}, or "
            "values that are not finite: it is no enhancement network."
        )
    quality = dict[tuple[OutputKind, tuple[float, float]], float]()
    for one in OutputKind if kind is None else (kind,):
        for made in ranges if one is OutputKind.PICTURE else _of_other_lengths(ranges):
            convention = Convention("", low, high, one, made)
            quality[one, made] = _psnr(coded + convention.residual(given[0], result), clean)
    ordered, before = (
        sorted(quality, key=lambda way: quality[way], reverse=True),
        _psnr(coded, clean),
    )
    best, ahead = ordered[0], quality[ordered[0]] - before
    lead = quality[best] - quality[ordered[1]] if len(ordered) > 1 else 0.0
    if lead >= (TRIAL_MARGIN if ahead > 0 else CLEAR_MARGIN):
        picture = best[0] is OutputKind.PICTURE and ahead > -FAR_OFF
        if kind is None or ahead >= TRIAL_MARGIN or picture:
            return best
    if kind is not None:
        return kind, ranges[0]
    found = ", ".join(f"{kind} {quality[kind, ranges[0]]:.2f} dB" for kind in OutputKind)
    raise InputError(
        f"cannot tell what network '{graph.name}' gives ({found}; the JPEG {before:.2f} dB): say it by "
        f"--gives, one of {', '.join(OutputKind)}."
    )


def _of_other_lengths(ranges: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """The first range of each length: a residual has no black."""
    return list({high - low: (low, high) for low, high in reversed(ranges)}.values())[::-1]


def trial_pictures(channels: int, side: int) -> tuple[Float, Float]:
    """A synthetic picture with shading, edges and texture, and what JPEG makes of it.

    Returns
    -------
    clean, coded : ndarray of float32, shape (channels, side, side)
        8-bit sample values.
    """
    from PIL import Image

    rng = np.random.default_rng(11)
    rows, columns = np.mgrid[:side, :side] / TRIAL_SIDE
    luma = 120 + 50 * np.sin(3 * rows + 1) * np.cos(2 * columns)
    for _ in range(12):  # discs and half planes: edges of every direction
        y, x, radius, turn = rng.uniform(0, 1, 4)
        inside = np.hypot(rows % 1 - y, columns % 1 - x) < 0.05 + 0.15 * radius
        beyond = np.cos(6.3 * turn) * (rows % 1 - y) + np.sin(6.3 * turn) * (columns % 1 - x) > 0
        luma += rng.uniform(-50, 50) * (inside & (beyond | (turn < 0.5)))
    grain = rng.normal(0, 1, (side, side))
    grain = grain + np.roll(grain, 1, 0) + np.roll(grain, 1, 1) + np.roll(grain, (1, 1), (0, 1))
    luma += np.where(columns % 1 > 0.6, 6 * np.sin(90 * (rows + columns / 2)), 2 * grain)
    planes = [luma + shift * np.sin(4 * columns + shift) for shift in (0, 12, -12)[:channels]]
    clean = np.clip(np.rint(planes), 0, 255).astype(np.uint8)
    picture = Image.fromarray(clean[0] if channels == 1 else clean.transpose(1, 2, 0))
    with Image.open(io.BytesIO(encode(picture, TRIAL_QUALITY))) as file:
        coded = np.asarray(file).reshape(side, side, channels).transpose(2, 0, 1)
    return clean.astype(np.float32), coded.astype(np.float32)


def _psnr(picture: Float, clean: Float) -> float:
    error = np.square(np.clip(picture, 0, SCALE).astype(np.float64) - clean).mean()
    return float(10 * np.log10(SCALE**2 / max(error, 1e-12)))
