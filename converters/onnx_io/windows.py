"""Kernel, stride and padding of ONNX's Conv, MaxPool and ConvTranspose, checked for tiling.

At a size n that the stride s divides, a window of side k gives n / s outputs if and only
if k - s <= p + q < k, for p zeros before and q behind. The last of those q are then not
read, except as many as make p + q = k - s; the graph keeps only these.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from edgeqe.errors import InputError


def square(given: Mapping[str, Any], shape: tuple[int, ...], where: str) -> tuple[int, int]:
    """Kernel size and stride of a square window.

    Raises
    ------
    InputError
        If they differ between rows and columns, or the window is dilated.
    """
    sides = tuple(given.get("kernel_shape", shape))
    strides, dilations = tuple(given.get("strides", (1, 1))), tuple(given.get("dilations", (1, 1)))
    fits = len(shape) == 2 and sides == tuple(shape) and sides[0] == sides[1]
    if not fits or len(strides) != 2 or strides[0] != strides[1] or dilations != (1, 1):
        raise InputError(
            f"{where} has kernel {list(shape)}, strides {list(strides)}, dilations "
            f"{list(dilations)}: only square windows without dilation convert."
        )
    return int(sides[0]), int(strides[0])


def pads(given: Mapping[str, Any], side: int, stride: int, where: str) -> tuple[int, int]:
    """Padding before and behind, the same for rows and columns.

    Raises
    ------
    InputError
        If they differ between rows and columns.
    """
    total, mode = max(side - stride, 0), given.get("auto_pad", b"NOTSET").decode()
    if mode == "SAME_UPPER":
        return total // 2, total - total // 2
    if mode == "SAME_LOWER":
        return total - total // 2, total // 2
    top, left, bottom, right = given.get("pads", (0, 0, 0, 0)) if mode == "NOTSET" else (0,) * 4
    if top != left or bottom != right or min(top, bottom) < 0:
        raise InputError(
            f"{where} pads {[top, left, bottom, right]} (top, left, bottom, right): only as many "
            "above as on the left, and below as on the right, converts."
        )
    return int(top), int(bottom)


def window(side: int, stride: int, before: int, behind: int, where: str) -> tuple[int, int]:
    """Padding before and behind that is read at sizes which the stride divides.

    Raises
    ------
    InputError
        If the size is not kept, or divided by the stride.
    """
    if not side - stride <= before + behind < side:
        raise InputError(
            f"{where} with kernel {side}, stride {stride} pads {before} and {behind}, so it does "
            f"not give 1/{stride} of the size: pad {max(side - stride, 0)} in all."
        )
    return before, max(side - stride - before, 0)


def transposed_window(
    given: Mapping[str, Any], side: int, stride: int, where: str
) -> tuple[int, int]:
    """Rows cut before and behind by a ConvTranspose; below 0, rows added.

    Raises
    ------
    InputError
        If the size is not multiplied by the stride.
    """
    if given.get("auto_pad", b"NOTSET") not in (b"NOTSET", b"VALID") or "output_shape" in given:
        raise InputError(f"{where} has auto_pad or output_shape: export it with pads.")
    before, behind = pads(given, side, stride, where)
    more = tuple(given.get("output_padding", (0, 0)))
    if more[0] != more[1] or before + behind - more[0] != side - stride:
        raise InputError(
            f"{where} with kernel {side}, stride {stride} cuts {before} and {behind} and adds "
            f"{list(more)}, so it does not give {stride} times the size."
        )
    return before, behind - int(more[0])
