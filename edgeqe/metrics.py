"""How near a picture is to its reference: MSE, PSNR, PSNR-B and SSIM, in numpy alone.

Every function takes gray pictures, shape (H, W), or colour pictures, shape
(H, W, C), and computes in float64.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from edgeqe.errors import InputError
from edgeqe.typing import Array

__all__ = ["mse", "psnr", "psnr_b", "ssim"]
Float64 = npt.NDArray[np.float64]

#: Side of a JPEG block.
BLOCK = 8

#: SSIM's Gaussian: sigma 1.5, cut at 3.5 sigma, which is 11 taps.
SSIM_SIGMA, SSIM_RADIUS = 1.5, 5


def _pair(reference: Array, picture: Array) -> tuple[Float64, Float64]:
    """Both pictures as float64, shape (H, W, C)."""
    if reference.shape != picture.shape:
        raise InputError(
            f"the reference has shape {reference.shape} and the picture {picture.shape}: "
            "compare pictures of one size and one number of channels."
        )
    if reference.ndim not in (2, 3) or reference.size == 0:
        raise InputError(
            f"a picture of shape {reference.shape} cannot be measured: "
            "give (H, W) or (H, W, C) with at least one pixel."
        )
    shape = (*reference.shape[:2], -1)
    return (
        reference.astype(np.float64).reshape(shape),
        picture.astype(np.float64).reshape(shape),
    )


def psnr_of_mse(error: float, *, peak: float = 255.0, ceiling: float = math.inf) -> float:
    """PSNR of a mean squared error: ``10 log10(peak ** 2 / error)``.

    Parameters
    ----------
    error : float
        Mean squared error, 0 or more, in the unit squared.
    peak : float
        Largest value of the unit: 255 for 8 bits.
    ceiling : float
        Most that is given, dB: a mean over pictures needs a number where one is equal to its
        reference, or should not be decided by one that nearly is.

    Returns
    -------
    float
        In dB; the ceiling, which is infinity unless stated, for an error of 0.
    """
    return min(ceiling, math.inf if error == 0 else 10 * math.log10(peak * peak / error))


def mse_of_psnr(decibels: float, *, peak: float = 255.0) -> float:
    """Mean squared error of a PSNR in dB, the inverse of `psnr_of_mse`."""
    return float(peak * peak / 10 ** (decibels / 10))


def mse(reference: Array, picture: Array) -> float:
    """Mean squared error over all pixels and channels.

    Parameters
    ----------
    reference, picture : ndarray, shape (H, W[, C])
        Two pictures of one shape, in the same unit.

    Returns
    -------
    float
        In that unit squared, 0 for equal pictures.

    Raises
    ------
    InputError
        If the shapes differ or are no picture's.

    Examples
    --------
    >>> import numpy as np
    >>> from edgeqe import metrics
    >>> reference = np.full((16, 16), 90, np.uint8)
    >>> metrics.mse(reference, reference + 2)
    4.0
    """
    a, b = _pair(reference, picture)
    return float(np.square(a - b).mean())


def psnr(
    reference: Array, picture: Array, *, peak: float = 255.0, ceiling: float = math.inf
) -> float:
    """Peak signal-to-noise ratio: ``10 log10(peak ** 2 / mse)``.

    Parameters
    ----------
    reference, picture : ndarray, shape (H, W[, C])
        Two pictures of one shape; colour counts all channels in one MSE.
    peak : float
        Largest value of the unit: 255 for 8 bits, 65535 for 16.
    ceiling : float
        As of `psnr_of_mse`.

    Returns
    -------
    float
        In dB; the ceiling, which is infinity unless stated, for equal pictures.

    Raises
    ------
    InputError
        If the shapes differ or are no picture's.

    Examples
    --------
    >>> import numpy as np
    >>> from edgeqe import metrics
    >>> reference = np.full((16, 16), 90, np.uint8)
    >>> round(metrics.psnr(reference, reference + 2), 2)
    42.11
    >>> metrics.psnr(reference, reference)
    inf
    """
    return psnr_of_mse(mse(reference, picture), peak=peak, ceiling=ceiling)


def _blocking_effect_factor(plane: Float64) -> float:
    boundary = other = 0.0
    boundaries = others = 0
    for axis in (0, 1):
        squared = np.square(np.diff(plane, axis=axis))
        total = float(squared.sum())
        at_edge = squared[BLOCK - 1 :: BLOCK] if axis == 0 else squared[:, BLOCK - 1 :: BLOCK]
        edge = float(at_edge.sum())
        boundary += edge
        other += total - edge
        boundaries += at_edge.size
        others += squared.size - at_edge.size
    if not boundaries:
        return 0.0
    excess = boundary / boundaries - other / others
    if excess <= 0:
        return 0.0
    return excess * math.log2(BLOCK) / math.log2(max(BLOCK, min(plane.shape)))


def psnr_b(reference: Array, picture: Array, *, peak: float = 255.0) -> float:
    r"""PSNR with the blocking effect factor, PSNR-B, for blocks of 8x8.

    With :math:`D_B` the mean squared difference of neighbouring pixels across
    the block edges of `picture` and :math:`D_C` that of all other neighbours,
    rows and columns together,

    .. math::

        BEF &= \frac{\log_2 8}{\log_2 \min(H, W)} \max(0, D_B - D_C)

        PSNR\text{-}B &= 10 \log_{10} \frac{peak^2}{MSE + BEF}

    Parameters
    ----------
    reference, picture : ndarray, shape (H, W[, C])
        Two pictures of one shape. The measure is not symmetric: only the
        blocking of `picture` counts. Its blocks start at row 0 and column 0.
        In colour, MSE and BEF are means over the channels.
    peak : float
        Largest value of the unit: 255 for 8 bits.

    Returns
    -------
    float
        In dB, at most the PSNR; infinity where MSE and BEF are 0.

    Raises
    ------
    InputError
        If the shapes differ or are no picture's.

    Notes
    -----
    A block edge counts wherever it has pixels on both sides, so sizes that are
    no multiple of 8 are measured without cropping. A picture of at most one
    block each way has no edge, and its BEF is 0; for a side under 8 the formula's
    minimum is taken as 8.

    References
    ----------
    C. Yim and A. C. Bovik, "Quality assessment of deblocked images", IEEE
    Transactions on Image Processing 20(1), 2011, doi:10.1109/TIP.2010.2061859.

    Examples
    --------
    >>> import numpy as np
    >>> from edgeqe import metrics
    >>> reference = np.full((16, 16), 90, np.uint8)
    >>> blocks = reference + np.uint8([0] * 8 + [4] * 8)  # an edge where two blocks meet
    >>> metrics.psnr_b(reference, blocks) < metrics.psnr(reference, blocks)
    True
    """
    a, b = _pair(reference, picture)
    factors = [_blocking_effect_factor(b[..., channel]) for channel in range(b.shape[2])]
    error = float(np.square(a - b).mean()) + sum(factors) / len(factors)
    return psnr_of_mse(error, peak=peak)


def _gaussian_taps() -> Float64:
    offsets = np.arange(-SSIM_RADIUS, SSIM_RADIUS + 1, dtype=np.float64)
    taps: Float64 = np.exp(-0.5 * np.square(offsets / SSIM_SIGMA))
    taps /= taps.sum()
    return taps


def _smooth(plane: Float64, taps: Float64) -> Float64:
    """Separable filter, only where all taps lie inside the picture."""
    rows = plane.shape[0] - len(taps) + 1
    columns = plane.shape[1] - len(taps) + 1
    vertical = np.zeros((rows, plane.shape[1]))
    for index, tap in enumerate(taps):
        vertical += tap * plane[index : index + rows]
    smooth = np.zeros((rows, columns))
    for index, tap in enumerate(taps):
        smooth += tap * vertical[:, index : index + columns]
    return smooth


def ssim(reference: Array, picture: Array, *, peak: float = 255.0) -> float:
    """Mean structural similarity with a Gaussian window of sigma 1.5.

    Parameters
    ----------
    reference, picture : ndarray, shape (H, W[, C])
        Two pictures of one shape, at least 11 pixels each way. In colour the
        mean over the channels.
    peak : float
        Largest value of the unit: 255 for 8 bits.

    Returns
    -------
    float
        At most 1, which equal pictures reach.

    Raises
    ------
    InputError
        If the shapes differ, or the pictures are smaller than the window.

    Notes
    -----
    The same as scikit-image's ``structural_similarity`` with
    ``gaussian_weights=True, sigma=1.5, use_sample_covariance=False,
    data_range=255``, which leaves out a border of 5 pixels and so never sees
    the padding of its filter.

    References
    ----------
    Z. Wang, A. C. Bovik, H. R. Sheikh and E. P. Simoncelli, "Image quality
    assessment: from error visibility to structural similarity", IEEE
    Transactions on Image Processing 13(4), 2004, doi:10.1109/TIP.2003.819861.

    Examples
    --------
    >>> import numpy as np
    >>> from edgeqe import metrics
    >>> reference = np.full((16, 16), 90, np.uint8)
    >>> metrics.ssim(reference, reference)
    1.0
    """
    a, b = _pair(reference, picture)
    window = 2 * SSIM_RADIUS + 1
    if min(a.shape[:2]) < window:
        raise InputError(
            f"SSIM needs {window} pixels each way for its window; the picture has "
            f"{a.shape[0]}x{a.shape[1]}: measure a larger picture, or use psnr."
        )
    channels = [_ssim_plane(a[..., c], b[..., c], peak) for c in range(a.shape[2])]
    return sum(channels) / len(channels)


def _ssim_plane(a: Float64, b: Float64, peak: float) -> float:
    taps = _gaussian_taps()
    c1, c2 = (0.01 * peak) ** 2, (0.03 * peak) ** 2
    mean_a, mean_b = _smooth(a, taps), _smooth(b, taps)
    variance_a = _smooth(a * a, taps) - mean_a * mean_a
    variance_b = _smooth(b * b, taps) - mean_b * mean_b
    covariance = _smooth(a * b, taps) - mean_a * mean_b
    numerator = (2 * mean_a * mean_b + c1) * (2 * covariance + c2)
    denominator = (mean_a * mean_a + mean_b * mean_b + c1) * (variance_a + variance_b + c2)
    return float((numerator / denominator).mean())
