"""JPEGs that code R, G and B themselves: each is enhanced by itself, as gray at its own step.

A network that was trained on Y, Cb, Cr takes the error of such a file for one of luma and chroma
and makes it larger. A component by itself looks to it like the luma of a gray picture.

Of fine steps a part of the change is made. The rest of it takes away what an earlier coding, most
often of Y, Cb, Cr, has left in a photograph: of scikit-image's the one that had been a JPEG lost
0.4 dB by all of the change at quality 90, 0.2 dB by 0.7 of it at 92 and 0.1 dB at 95. With these
shares it gains up to 92, and nothing loses by more than 0.001 dB at 95 and above.
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


#: Shares of the change at the steps of the IJG's tables at qualities 98, 92 and 75; in between
#: they follow the step's logarithm.
SHARES = {98: 0.0, 92: 0.5, 75: 1.0}
_PLACES = [math.log(step_from_quality(quality)) for quality in SHARES]


def share_of_change(step: float) -> float:
    """How much of the change is made at a step, 0 to 1."""
    return float(np.interp(math.log(step), _PLACES, list(SHARES.values())))


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
