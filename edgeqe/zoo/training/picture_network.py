"""A Keras network of whole planes as bench's protocols take it."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from edgeqe.errors import InputError
from edgeqe.typing import Uint8
from edgeqe.views.colour import NEUTRAL, SCALE, to_network


class PictureNetwork:
    """A Keras model of luma or RGB as a `MeasuredNetwork`: rounded once.

    Parameters
    ----------
    model : keras.Model
        Inputs ``planes`` and perhaps ``log2_step``; output the picture.
    block : int
        Side of the blocks that the picture is cut into, one pass; 0: the whole picture.
    """

    takes_planes = False

    def __init__(self, model: Any, block: int = 0) -> None:
        self._model, self._block = model, block

    def enhance(
        self,
        image: Uint8,
        /,
        *,
        step: float,
        codec: str,
        prediction_residual: npt.NDArray[np.int16] | None = None,
    ) -> Uint8:
        """Enhanced picture of the same shape, (H, W) or (H, W, 3)."""
        planes = np.atleast_3d(image)
        height, width = planes.shape[:2]
        side = self._block or 4  # strides and poolings of the networks come to 4
        rim = (0, -height % side), (0, -width % side)
        padded = np.pad(planes, (*rim, (0, 0)), mode="edge")
        windows = blocks_of(padded, self._block) if self._block else padded[None]
        log2_step = np.full((len(windows), 1), math.log2(step), np.float32)
        known = {"planes": to_network(windows), "log2_step": log2_step}
        if prediction_residual is not None:
            residual = np.pad(prediction_residual, rim)[None, ..., None]
            known["residual"] = residual.astype(np.float32) / np.float32(SCALE)
        given = [known[tensor.name] for tensor in self._model.inputs]
        made = self._model.predict(given if len(given) > 1 else given[0], batch_size=16, verbose=0)
        whole = picture_of(np.asarray(made), padded.shape) if self._block else np.asarray(made)[0]
        levels = whole[:height, :width] * SCALE + NEUTRAL
        rounded: Uint8 = np.clip(np.rint(levels), 0, 255).astype(np.uint8)
        return rounded.reshape(image.shape)

    def enhance_planes(
        self, y: Uint8, u: Uint8, v: Uint8, /, *, step: float, codec: str
    ) -> tuple[Uint8, Uint8, Uint8]:
        """Refuse: `takes_planes` is False.

        Raises
        ------
        InputError
            Always.
        """
        raise InputError(
            f"'{self._model.name}' takes whole pictures, not planes of half-size chroma: convert them."
        )


def blocks_of(picture: Any, block: int) -> Any:
    """Blocks (N, block, block, C) of a picture whose sides are multiples of one."""
    height, width, channels = picture.shape
    rows = picture.reshape(height // block, block, width // block, block, channels)
    return rows.transpose(0, 2, 1, 3, 4).reshape(-1, block, block, channels)


def picture_of(blocks: Any, shape: tuple[int, ...]) -> Any:
    """Picture of a shape, of the blocks that `blocks_of` gives."""
    block = blocks.shape[1]
    rows = blocks.reshape(shape[0] // block, shape[1] // block, block, block, shape[2])
    return rows.transpose(0, 2, 1, 3, 4).reshape(shape)
