"""Strength of a picture that does not say how it was coded, with a confidence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy.typing as npt

from edgeqe.estimation.content import drawn_share
from edgeqe.estimation.jpeg_history import JpegCoding, jpeg_codings

#: Least confidence that is acted on. Where most is drawn more is asked for: repeated shapes look
#: like a codec's grid, and the networks gain least there.
CONFIDENT, CONFIDENT_IN_DRAWN = 0.9, 0.999


@dataclass(frozen=True)
class StrengthEstimate:
    """What was found in a picture's luma."""

    codings: tuple[JpegCoding, ...]
    """Codings as JPEG that it shows, the coarsest first."""
    drawn: float
    """Share of the picture that is drawn, not photographed, 0 to 1."""

    @property
    def coding(self) -> JpegCoding | None:
        """The coarsest coding that is certain enough to be acted on; None if there is none."""
        least = CONFIDENT if self.drawn < 0.5 else CONFIDENT_IN_DRAWN
        certain = (coding for coding in self.codings if coding.confidence >= least)
        return next(certain, None)


def estimate_strength(luma: npt.NDArray[Any]) -> StrengthEstimate:
    """Estimate how strongly a picture was compressed as JPEG, at any time, on any grid.

    Parameters
    ----------
    luma : ndarray, shape (H, W)
        Full-range luma, 0 to 255; of RGB unrounded, ``0.299 R + 0.587 G + 0.114 B``.

    Returns
    -------
    StrengthEstimate
        Its `coding` is None where nothing is found, or nothing certain.

    Raises
    ------
    InputError
        If the luma has another shape or values that are not finite.

    Examples
    --------
    >>> import numpy as np
    >>> from PIL import Image
    >>> from edgeqe.codecs import jpeg
    >>> from edgeqe.estimation import estimate_strength
    >>> noise = np.random.default_rng(1).normal(128, 40, (128, 128)).clip(0, 255)
    >>> coded = jpeg.encode(Image.fromarray(noise.astype(np.uint8)), 40)
    >>> estimate = estimate_strength(jpeg.decode_luma(coded))
    >>> estimate.coding.quality, estimate.coding.offset
    (40, (0, 0))
    """
    return StrengthEstimate(
        tuple(jpeg_codings(luma)), drawn_share(luma) if min(luma.shape) >= 8 else 0.0
    )
