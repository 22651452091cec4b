"""JPEGs that code R, G and B themselves: each is enhanced by itself, as gray at its own step.

A network that was trained on Y, Cb, Cr takes the error of such a file for one of luma and chroma
and makes it larger. A component by itself looks to it like the luma of a gray picture.

Of fine steps a part of the change is made. A photograph that had been a JPEG before lost up to
0.4 dB by all of it at quality 90 and gains by 0.7 of it, which costs others 0.1 dB (measured on
scikit-image's).
"""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from edgeqe.codecs.strength import Strength, step_from_quality
from edgeqe.files.picture import Picture, Samples

if TYPE_CHECKING:
    from edgeqe.files.enhance import ArrayEnhancer


#: Steps from which on all of the change is made, and up to which only `FINE_SHARE`; in between
#: the share follows the step's logarithm. Of the IJG's tables at qualities 75 and 90.
COARSE_STEP, FINE_STEP = step_from_quality(75), step_from_quality(90)
FINE_SHARE = 0.7


def share_of_change(step: float) -> float:
    """How much of the change is made at a step, `FINE_SHARE` to 1."""
    place = math.log(step / FINE_STEP) / math.log(COARSE_STEP / FINE_STEP)
    return FINE_SHARE + (1.0 - FINE_SHARE) * min(1.0, max(0.0, place))


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
            fitting = step * own / first
            amount = how["amount"] * share_of_change(fitting)
            component = enhancer.enhance(component, **{**how, "step": fitting, "amount": amount})
        made[..., channel] = component
    return made
