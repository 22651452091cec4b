"""One call for one picture, and the names of the shipped models."""

from __future__ import annotations

import os

from edgeqe.enhancer import Enhancer
from edgeqe.model.catalogue import shipped_models
from edgeqe.views.arrays import Image

__all__ = ["available_models", "enhance"]


def enhance(
    image: Image,
    *,
    quality: int | None = None,
    qp: float | None = None,
    rate: float | None = None,
    step: float | None = None,
    codec: str | None = None,
    model: str | os.PathLike[str] = "edgeqe-small",
) -> Image:
    """Enhance one picture: array and strength in, array out.

    The model is opened for this call alone. For several pictures, a memory limit, a target,
    planes or files make one `Enhancer`.

    Parameters
    ----------
    image : ndarray of uint8 or uint16, shape (H, W), (H, W, 3) or (H, W, 4)
        Gray, RGB, or RGB with alpha, which is copied. uint16 has 16 significant bits.
    quality, qp, rate, step
        Strength, exactly one: JPEG quality 1 to 100, HEVC QP 0 to 63, rate of JPEG 2000 in bits
        per pixel, or the codec's quantization step in 8-bit sample values, above 0 and up to
        4096.
    codec : str, optional
        What compressed the picture, as of `Enhancer.enhance`.
    model : str or path
        Name of a shipped model (`available_models` lists them) or a model file.

    Returns
    -------
    ndarray
        New, of the shape and dtype of `image`.

    Raises
    ------
    InputError
        If an argument is wrong, no strength is given, or the model does not serve the codec.
    ModelError
        If the model is missing, damaged or foreign.
    ProviderError
        If no runtime is installed.

    Examples
    --------
    >>> import numpy as np
    >>> import edgeqe
    >>> picture = np.full((40, 60, 3), 90, np.uint8)
    >>> better = edgeqe.enhance(picture, quality=20, model="edgeqe-nano")
    >>> better.shape, better.dtype
    ((40, 60, 3), dtype('uint8'))
    """
    with Enhancer(model) as enhancer:
        return enhancer.enhance(image, quality=quality, qp=qp, rate=rate, step=step, codec=codec)


def available_models() -> list[str]:
    """Names of the shipped models, smallest first.

    Each is shipped in several precisions and formats: ``edgeqe-small:float32`` and
    ``edgeqe-small:int8.tflite`` are names, too; ``edgeqe models`` lists them all.

    Returns
    -------
    list of str

    Examples
    --------
    >>> import edgeqe
    >>> edgeqe.available_models()
    ['edgeqe-nano', 'edgeqe-tiny', 'edgeqe-small', 'edgeqe-base', 'edgeqe-base-video']
    """
    return shipped_models()
