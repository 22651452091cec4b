"""A caller's arrays, checked before anything runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from edgeqe.errors import InputError, InputTypeError
from edgeqe.views.subsampled import Depth

Image = npt.NDArray[Any]

#: Types of a prediction residual.
SIGNED = (np.int8, np.int16, np.int32, np.float32)


def depth_of(image: Image, bit_depth: int | None) -> Depth:
    """Depth of an array's samples.

    Raises
    ------
    InputTypeError
        If the picture is no array of uint8 or uint16.
    InputError
        If its type and `bit_depth` do not fit.
    """
    check_array("the picture", image)
    if image.dtype == np.uint8:
        if bit_depth not in (None, 8):
            raise InputError(f"bit_depth {bit_depth} does not fit in uint8: give uint16.")
        return Depth(8)
    if image.dtype == np.uint16:
        if bit_depth is None:
            return Depth(16)
        if isinstance(bit_depth, int) and 8 <= bit_depth <= 16:
            return Depth(bit_depth)
        raise InputError(f"bit_depth {bit_depth!r} is not from 8 to 16.")
    raise InputTypeError(
        f"pictures are uint8 or uint16, not {image.dtype}: scale and convert first."
    )


def check_array(name: str, array: object) -> None:
    """Refuse what is no array.

    Raises
    ------
    InputTypeError
        If so.
    """
    if not isinstance(array, np.ndarray):
        raise InputTypeError(f"{name} must be a numpy array, not {type(array).__name__}.")


def check_planes(
    sources: Sequence[Image], out: Sequence[Image] | None
) -> tuple[list[Image], list[bool]]:
    """Targets of a picture's planes, and which of them are their sources.

    Parameters
    ----------
    sources : sequence of ndarray
        The picture, or Y with U and V of half size, rounded up.
    out : sequence of ndarray, optional
        The caller's targets; new arrays if left out.

    Raises
    ------
    InputTypeError
        If one of them is no array.
    InputError
        If a shape or type is wrong, or a target overlaps its source without being it.
    """
    for source in sources:
        check_array("each plane", source)
    shape = sources[0].shape
    if len(sources) > 1 and len(shape) != 2:
        raise InputError(f"y must have shape (H, W), not {shape}.")
    if 0 in shape:
        raise InputError(f"the picture is empty: its shape is {shape}.")
    targets = [np.empty_like(s) for s in sources] if out is None else list(out)
    if len(targets) != len(sources):
        raise InputError(f"out must hold {len(sources)} arrays, not {len(targets)}.")
    for target in targets:
        check_array("out", target)
    in_place = []
    for index, (source, target) in enumerate(zip(sources, targets, strict=True)):
        half = ((shape[0] + 1) // 2, (shape[1] + 1) // 2)
        expected = half if index else shape
        for name, array in (("the picture", source), ("out", target)):
            if array.shape != expected or array.dtype != sources[0].dtype:
                raise InputError(
                    f"{name}: plane {index} must have shape {expected} and dtype "
                    f"{sources[0].dtype}, not {array.shape} and {array.dtype}."
                )
        if not target.flags.writeable:
            raise InputError("out is read-only: give an array that can be written.")
        in_place.append(_is_in_place(source, target))
    return targets, in_place


def check_residual(
    residual: Image | None, needed: bool, shape: tuple[int, ...], targets: Sequence[Image]
) -> None:
    """Refuse a prediction residual that the model lacks, does not take, or cannot use.

    Raises
    ------
    InputTypeError
        If it is no array of a signed type.
    InputError
        If another of these is so.
    """
    if residual is None:
        if needed:
            raise InputError(
                "this model needs the decoded prediction residual: give prediction_residual=, signed, "
                "shape (H, W), from your decoder, or a HEIC or BPG to enhance_file()."
            )
        return
    if not needed:
        raise InputError("this model takes no prediction residual: leave prediction_residual= out.")
    if not isinstance(residual, np.ndarray) or residual.dtype not in SIGNED:
        found = getattr(residual, "dtype", type(residual).__name__)
        raise InputTypeError(
            f"prediction_residual is {found}: give int8, int16, int32 or float32, signed."
        )
    if residual.shape != shape[:2]:
        raise InputError(f"prediction_residual must have shape {shape[:2]}, not {residual.shape}.")
    if residual.dtype == np.float32 and not np.isfinite([residual.min(), residual.max()]).all():
        raise InputError(
            "prediction_residual holds values that are no finite numbers: replace them first."
        )
    if any(np.shares_memory(residual, target) for target in targets):
        raise InputError(
            "out overlaps prediction_residual, which is read meanwhile: give another array."
        )


def _is_in_place(source: Image, target: Image) -> bool:
    """Whether both are the same samples; InputError where they overlap otherwise."""
    if not np.may_share_memory(source, target):
        return False
    if (
        source.__array_interface__["data"][0] == target.__array_interface__["data"][0]
        and source.strides == target.strides
    ):
        return True
    if np.shares_memory(source, target):
        raise InputError("out overlaps the picture without being it: give another array.")
    return False
