"""PSNR of luma against a reference clip, frame by frame, before and after enhancement."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from edgeqe.errors import ImageError
from edgeqe.metrics import psnr_of_mse
from edgeqe.video.planes import luma
from edgeqe.video.reading import ClipFrame, ClipReader

#: PSNR of a frame that equals its reference, dB.
CEILING = 100.0


class Gain:
    """Compares frames in display order with those of a reference.

    Parameters
    ----------
    reference : ClipReader
        The clip before it was coded; its frames are taken one by one, by their place.
    """

    def __init__(self, reference: ClipReader) -> None:
        self._name = reference.name
        self._frames = self._lumas(reference)
        self._waiting: deque[npt.NDArray[np.float32] | None] = deque()
        self.frames = 0
        """Those that were compared; a reference that ends first is not an error."""
        self._before = self._after = 0.0

    @property
    def before(self) -> float | None:
        """Mean PSNR-Y of the decoded frames, dB; None where none was compared."""
        return self._before / self.frames if self.frames else None

    @property
    def after(self) -> float | None:
        """Mean PSNR-Y of the enhanced frames, dB; None where none was compared."""
        return self._after / self.frames if self.frames else None

    def see_decoded(self, frame: Any) -> None:
        """Compare a frame before it is enhanced.

        Raises
        ------
        ImageError
            If the reference cannot be read, or has frames of another size.
        """
        wanted = next(self._frames, None)
        self._waiting.append(wanted)
        if wanted is None:
            return
        if wanted.shape != (frame.height, frame.width):
            raise ImageError(
                f"the reference '{self._name}' has frames of {wanted.shape[1]}x{wanted.shape[0]}, "
                f"the clip of {frame.width}x{frame.height}: give the clip that was coded."
            )
        self._before += _psnr(wanted, frame)

    def see_enhanced(self, frame: Any) -> None:
        """Compare the next frame when it is enhanced."""
        wanted = self._waiting.popleft()
        if wanted is not None:
            self._after += _psnr(wanted, frame)
            self.frames += 1

    @staticmethod
    def _lumas(reference: ClipReader) -> Iterator[npt.NDArray[np.float32]]:
        for item in reference.items():
            if isinstance(item, ClipFrame):
                yield luma(item.frame)


def _psnr(reference: npt.NDArray[np.float32], frame: Any) -> float:
    error = float(np.mean(np.square(luma(frame) - reference), dtype=np.float64))
    return psnr_of_mse(error, ceiling=CEILING)
