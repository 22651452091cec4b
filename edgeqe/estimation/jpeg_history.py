"""JPEG codings that a picture has behind it, found in its luma alone.

Dequantized DCT coefficients are multiples of the table's entries. Decoding, conversion to RGB
and a later, finer coding blur them, but as long as they scatter by less than about a third of an entry,
their histogram is a comb. So for each of the 64 places that the 8x8 grid can have, each quality of the IJG
tables and some kinds of scatter, the likelihood of the coefficients on such a comb is held
against that of a smooth histogram::

    log L(q, s) = sum over coefficients c of entry Q, |c| > Q / 2, of
                  log((1 - e) * Q * sum over k of N(c - k * Q; s) + e)

A picture that was coded twice shows two combs where the grids differ, and where they do not the
coarser one, which the finer entries blur.

References
----------
Z. Fan, R. de Queiroz, "Identification of bitmap compression history: JPEG detection and
quantizer estimation", IEEE Transactions on Image Processing 12(2), 2003.
ITU-T T.81, clause A.3.3 and table K.1.
"""

from __future__ import annotations

import functools
import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from edgeqe.codecs.strength import ZIGZAG_1_TO_15, ijg_table, step_from_quality
from edgeqe.errors import InputError
from edgeqe.estimation.coefficients import BINS_PER_LEVEL, LARGEST, histograms
from edgeqe.typing import Double, Float

#: Standard deviations of coefficients around their multiples, 8-bit levels: of rounded luma,
#: of luma of rounded RGB, and behind one more coding.
DEVIATIONS = (0.3, 0.45, 0.7, 1.0, 1.6, 2.4)
#: Shares of the coefficients that lie on no comb: those of blocks with clipped samples, few in
#: photographs, most in text on white.
OUTLIERS = (0.1, 0.7)
#: Every pair of a deviation and a share.
SCATTERS = tuple(itertools.product(DEVIATIONS, OUTLIERS))
#: Coefficients below this are left out: what is near 0 is near a multiple of everything.
LEAST = 1.5
#: Coefficients of a picture depend on one another, so the sum of their log likelihoods is divided
#: by this before it is believed.
DEPENDENCE = 20.0
#: A coding beside a more likely one counts from this share of its log likelihood on; below lie the
#: coarser comb's own traces on grids that share its rows or columns.
SHARE = 0.02
#: The confidence is that the step lies within this factor.
FACTOR = 1.25
QUALITIES = np.arange(1, 101)


@dataclass(frozen=True)
class JpegCoding:
    """A coding as JPEG that a picture shows."""

    quality: int
    """IJG quality whose table fits best, 1 to 100."""
    step: float
    """Its quantization step, 8-bit sample values."""
    offset: tuple[int, int]
    """First row and column of the 8x8 grid, 0 to 7."""
    confidence: float
    """Probability that the picture was coded on this grid, with a step within a factor of
    `FACTOR`, 0 to 1."""


def jpeg_codings(luma: npt.NDArray[Any]) -> list[JpegCoding]:
    """Codings that a picture shows, the coarsest first, which is the one that left its artefacts.

    Parameters
    ----------
    luma : ndarray, shape (H, W)
        Full-range luma, 0 to 255, not rounded where it comes from RGB.

    Returns
    -------
    list of JpegCoding
        Empty where the picture shows none: it was not coded as JPEG, or was scaled, filtered or
        coded more coarsely by something else since.

    Raises
    ------
    InputError
        If it has another shape or values that are not finite.
    """
    if luma.ndim != 2:
        raise InputError(f"luma of shape {luma.shape} is not of two dimensions.")
    if min(luma.shape) < 16:
        return []
    counts = histograms(luma)
    evidence = _evidence(counts)
    best = evidence.max(axis=1)
    found: list[JpegCoding] = []
    for place in np.argsort(-best).tolist():
        if best[place] <= max(DEPENDENCE, SHARE * best.max()):
            break
        quality = int(evidence[place].argmax()) + 1
        step = step_from_quality(quality)
        if any(step <= coding.step * FACTOR and coding.step <= step * FACTOR for coding in found):
            continue  # a trace of that one
        confidence = _confidence(evidence[place], step)
        found.append(JpegCoding(quality, step, (place // 8, place % 8), confidence))
    return sorted(found, key=lambda coding: -coding.step)


def _evidence(counts: npt.NDArray[np.int64]) -> Double:
    """Log likelihood of each quality over none, at each place of the grid, shape (64, 100).

    What a quality has on most places of a row or column is the picture's own regularity, stripes
    or a table's lines: it does not count.
    """
    likelihoods = _likelihoods()
    found = np.zeros((len(SCATTERS), len(counts), len(QUALITIES)))
    for index in range(counts.shape[1]):
        entries = _tables()[:, index]
        here = counts[:, index].astype(np.float32) @ likelihoods[:, entries].transpose(0, 2, 1)
        found += here
    best = found.max(axis=0).reshape(8, 8, -1)
    control = [np.median(best, axis=axis, keepdims=True) for axis in (0, 1)]
    alone: Double = (best - np.maximum(0.0, np.maximum(*control))).reshape(64, -1)
    return alone


def _confidence(evidence: Double, step: float) -> float:
    """Posterior probability of the steps around one, against other qualities and no coding at all."""
    steps = np.array([step_from_quality(int(quality)) for quality in QUALITIES])
    near = (steps <= step * FACTOR) & (steps >= step / FACTOR)
    tempered = evidence / DEPENDENCE
    top = max(0.0, float(tempered.max()))
    odds = np.exp(tempered - top)
    return float(odds[near].sum() / (odds.sum() + len(QUALITIES) * np.exp(-top)))


@functools.lru_cache(maxsize=1)
def _tables() -> npt.NDArray[np.int64]:
    """Entries of the IJG tables of all qualities, shape (100, 15)."""
    return np.array([ijg_table(int(quality)) for quality in QUALITIES])[:, list(ZIGZAG_1_TO_15)]


@functools.lru_cache(maxsize=1)
def _likelihoods() -> Float:
    """Log likelihood ratio of a bin's coefficient, shape (scatters, entries 0 to 255, bins)."""
    values = np.arange(LARGEST * BINS_PER_LEVEL + 1, dtype=np.float32) / BINS_PER_LEVEL
    entries = np.arange(1, 256, dtype=np.float32)[:, None]
    beside = np.abs(values - np.rint(values / entries) * entries)
    found = np.zeros((len(SCATTERS), 256, len(values)), np.float32)
    for index, (deviation, outliers) in enumerate(SCATTERS):
        density = np.zeros_like(beside)
        for multiple in (-2, -1, 0, 1, 2):
            density += np.exp(-0.5 * ((beside + multiple * entries) / deviation) ** 2)
        density *= entries / np.float32(deviation * np.sqrt(2 * np.pi))
        found[index, 1:] = np.log((1 - outliers) * density + outliers)
    found[:, 1:][:, (values <= entries / 2) | (values < LEAST)] = 0.0
    found[..., -1] = 0.0  # holds all that is larger
    return found
