"""Checks that calibration pictures are representative: uncompressed, distinct, with content.

Calibration compresses the pictures itself, at all strengths, so they must be references, differ
from each other, and show something.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from statistics import median

import numpy as np

from edgeqe.errors import InputError
from edgeqe.quantization.calibration.samples import UNIT, Photograph
from edgeqe.typing import Double
from edgeqe.views.colour import RGB_TO_YCC

#: Least usable pictures, and least pixels of all their windows: eight of 256x256.
LEAST_PICTURES, LEAST_PIXELS = 8, 8 * 256**2
#: Smallest side of a picture, pixels.
LEAST_SIDE = 4 * UNIT
#: Smallest standard deviation of the luma in some window or of the whole, 8-bit levels.
LEAST_CONTRAST = 2.0
#: Smallest correlation of neighbouring pixels in some window. The lowest of 82 photographs
#: in one window was 0.61, noise has 0.
LEAST_CORRELATION = 0.4
#: Correlation of two thumbnails from which on they show one picture. The highest of the
#: pairs of 82 photographs was 0.78, copies in other formats have more than 0.999.
SAME = 0.99
#: JPEG files below the first quality cannot serve as reference pictures; those below the second
#: may not.
COARSE_QUALITY, FINE_QUALITY = 75, 90
#: Median of the pictures' blockiness (see `blockiness`) from which on they were compressed: 1.04
#: of 82 photographs, 1.09 coded at quality 75, 1.19 at 50, 1.93 at 10.
MOST_BLOCKINESS = 1.15
#: JPEG qualities that a calibration for all strengths must reach at either end.
COARSE_END, FINE_END = 20, 80


def check_representative(
    photographs: Sequence[Photograph],
) -> tuple[list[Photograph], list[str]]:
    """Choose the pictures that represent what a network will see; refuse a set that does not.

    Returns
    -------
    fit : list of Photograph
    warnings : list of str
        One sentence per concern that does not rule calibration out.

    Raises
    ------
    InputError
        If fewer than `LEAST_PICTURES`, or fewer than half, are fit, or they are too small, or
        most of them were compressed coarsely before.
    """
    unfit = list(_unfit(photographs))
    left_out = {photograph.name for photograph, _ in unfit}
    fit = [photograph for photograph in photographs if photograph.name not in left_out]
    reasons = _listed([f"'{photograph.name}' {why}" for photograph, why in unfit])
    if len(fit) < max(LEAST_PICTURES, len(photographs) / 2):
        raise InputError(
            f"calibration can use {len(fit)} of {len(photographs)} pictures{reasons}: give at "
            f"least {LEAST_PICTURES} different photographs, and more of them than of others."
        )
    pixels = sum(w.shape[0] * w.shape[1] for p in fit for w in p.windows)
    if pixels < LEAST_PIXELS:
        raise InputError(
            f"the {len(fit)} pictures have {pixels / 1e6:.2f} megapixels in whole windows, "
            f"calibration needs {LEAST_PIXELS / 1e6:.2f}: give more or larger ones."
        )
    _check_references(fit)
    warnings = [f"{len(unfit)} of {len(photographs)} pictures are left out{reasons}."] * bool(unfit)
    fine = [p for p in fit if p.jpeg_quality is not None and p.jpeg_quality < FINE_QUALITY]
    if fine:
        lowest = min(fine, key=lambda p: p.jpeg_quality or 0)
        warnings.append(
            f"{len(fine)} of {len(fit)} pictures are JPEG files below quality {FINE_QUALITY} (the "
            f"lowest '{lowest.name}', {lowest.jpeg_quality}): ranges at fine strengths may be off, "
            "originals are better."
        )
    return fit, warnings


def check_qualities(qualities: Sequence[int], *, strengths: bool) -> list[str]:
    """Concerns about the JPEG qualities of a calibration, one sentence each.

    Parameters
    ----------
    qualities : sequence of int
    strengths : bool
        Whether the network serves all strengths.
    """
    given = sorted(set(qualities))
    if given[0] <= COARSE_END and given[-1] >= FINE_END:
        return []
    span = f"{given[0]}" if len(given) == 1 else f"{given[0]} to {given[-1]}"
    consequence = (
        "the network serves all strengths, and beyond these its ranges stay as they are there"
        if strengths
        else "the ranges hold for these alone"
    )
    return [
        f"calibrated for quality {span} only: {consequence}; for all, calibrate from at most "
        f"{COARSE_END} to at least {FINE_END}."
    ]


def correlation(luma: Double) -> float:
    """Correlation of neighbouring pixels, the smaller of across and down, -1 to 1.

    About 0 for noise; 1 for a flat picture.
    """
    found = []
    for plane in (luma, luma.T):
        left, right = plane[:, :-1] - plane[:, :-1].mean(), plane[:, 1:] - plane[:, 1:].mean()
        power = np.sqrt(np.square(left).mean() * np.square(right).mean())
        found.append(float((left * right).mean() / power) if power else 1.0)
    return min(found)


def blockiness(luma: Double) -> float:
    """Ratio of the gradient at every eighth pixel, a codec's block grid, to that elsewhere.

    The largest over the eight offsets of the grid, and the smaller of across and down; 1 for a
    picture without gradients.
    """
    found = []
    for plane in (luma, luma.T):
        steps = np.abs(np.diff(plane, axis=1)).mean(axis=0)
        means = np.array([steps[place::8].mean() for place in range(8)])
        others = (means.sum() - means.max()) / 7
        found.append(float(means.max() / others) if others else 1.0)
    return min(found)


def _unfit(photographs: Sequence[Photograph]) -> Iterator[tuple[Photograph, str]]:
    """Pictures that cannot be used, and why."""
    kept: list[tuple[Photograph, Double]] = []
    for photograph in photographs:
        if min(photograph.size) < LEAST_SIDE:
            wide, high = photograph.size
            yield photograph, f"has {wide}x{high} pixels, less than {LEAST_SIDE} a side"
            continue
        lumas = [_luma(photograph, index) for index in range(len(photograph.windows))]
        whole = photograph.thumbnail.astype(np.float64)
        contrast = max(float(plane.std()) for plane in [*lumas, whole])
        if contrast < LEAST_CONTRAST:
            yield photograph, f"is flat (its luma varies by {contrast:.1f} levels of 255)"
            continue
        textured = [luma for luma in lumas if luma.std() >= LEAST_CONTRAST]
        found = max(map(correlation, textured), default=1.0)
        if found < LEAST_CORRELATION:
            yield photograph, f"is noise (neighbouring pixels correlate by {found:.2f})"
            continue
        small = (whole - whole.mean()).reshape(-1)
        small /= np.linalg.norm(small) or 1.0
        same = next((other for other, seen in kept if float(small @ seen) >= SAME), None)
        if same is not None:
            yield photograph, f"shows the same as '{same.name}'"
            continue
        kept.append((photograph, small))


def _check_references(photographs: Sequence[Photograph]) -> None:
    """Refuse pictures that were compressed coarsely before."""
    remedy = (
        "calibration compresses reference pictures itself, at every strength: give originals, PNG or "
        f"JPEG of quality {FINE_QUALITY} or more."
    )
    qualities = [p.jpeg_quality for p in photographs if p.jpeg_quality is not None]
    coarse = sorted(quality for quality in qualities if quality < COARSE_QUALITY)
    if len(coarse) > len(photographs) / 2:
        span = f"{coarse[0]}" if coarse[0] == coarse[-1] else f"{coarse[0]} to {coarse[-1]}"
        raise InputError(
            f"{len(coarse)} of {len(photographs)} pictures are JPEG files of quality {span}: {remedy}"
        )
    found = median(
        max(blockiness(_luma(p, index)) for index in range(len(p.windows))) for p in photographs
    )
    if found >= MOST_BLOCKINESS:
        raise InputError(
            f"the pictures show the blocks of a codec (gradients at every eighth pixel are {found:.2f} "
            f"times the others): {remedy}"
        )


def _luma(photograph: Photograph, index: int) -> Double:
    """Luma of a window."""
    luma: Double = photograph.windows[index].astype(np.float64) @ RGB_TO_YCC[0].astype(np.float64)
    return luma


def _listed(reasons: list[str], most: int = 3) -> str:
    """Reasons in brackets, the first few of many."""
    if not reasons:
        return ""
    rest = [f"{len(reasons) - most} more"] if len(reasons) > most else []
    return f" ({'; '.join([*reasons[:most], *rest])})"
