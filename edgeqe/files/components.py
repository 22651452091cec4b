"""JPEGs that code R, G and B themselves: each is enhanced by itself, as gray at its own step.

A network that was trained on Y, Cb, Cr takes the error of such a file for one of luma and chroma
and makes it larger. A component by itself looks to it like the luma of a gray picture.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np

from edgeqe.codecs.strength import Strength
from edgeqe.files.picture import Picture, Samples

if TYPE_CHECKING:
    from edgeqe.files.enhance import ArrayEnhancer


def coded_components(picture: Picture, strength: Strength, origin: str) -> Picture:
    """Picture that is enhanced by components only if the strength is that of its own coding.

    Parameters
    ----------
    picture : Picture
    strength : Strength
    origin : str
        Of the strength, as of `StatedStrength`. What pixels show was an earlier coding, most
        often of Y, Cb, Cr.
    """
    if picture.component_steps is None or origin != "pixels" and strength.codec in ("jpeg", ""):
        return picture
    return dataclasses.replace(picture, component_steps=None)


def enhance_components(
    enhancer: ArrayEnhancer, picture: Picture, step: float, how: dict[str, Any]
) -> Samples:
    """Enhance R, G and B of a picture with `component_steps`, in turn.

    Parameters
    ----------
    enhancer : ArrayEnhancer
    picture : Picture
    step : float
        Of the first component, 8-bit sample values; the others follow as their tables do. A
        component of less than full size stays as it is.
    how : dict
        Further arguments of `ArrayEnhancer.enhance`.

    Returns
    -------
    ndarray of uint8, shape (H, W, 3)
    """
    assert picture.component_steps is not None
    (image,) = picture.planes
    made = np.empty_like(image)
    first = next(own for own in picture.component_steps if own)
    for channel, own in enumerate(picture.component_steps):
        component = np.ascontiguousarray(image[..., channel])
        if own:
            component = enhancer.enhance(component, step=step * own / first, **how)
        made[..., channel] = component
    return made
