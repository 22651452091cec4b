"""Kernel, stride and padding of ONNX's Conv, MaxPool and ConvTranspose, checked for tiling.

At a size n that the stride s divides, a window of side k gives n / s outputs if and only
if k - s <= p + q < k, for p zeros before and q behind. The last of those q are then not
read, except as many as make p + q = k - s; the graph keeps only these.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from edgeqe.converters.rewrites.windows import KernelWindow, Pair
from edgeqe.errors import InputError


def window_of(
    given: Mapping[str, Any],
    shape: tuple[int, ...],
    where: str,
    before: Pair = (0, 0),
    behind: Pair = (0, 0),
) -> KernelWindow:
    """KernelWindow of attributes and kernel shape, with padding that a Pad put in front of it.

    Raises
    ------
    InputError
        If the attributes do not fit, the strides of rows and columns differ, or the size is not
        kept or divided by the stride.
    """
    sides = tuple(given.get("kernel_shape", shape))
    strides, gaps = tuple(given.get("strides", (1, 1))), tuple(given.get("dilations", (1, 1)))
    fits = len(shape) == len(strides) == len(gaps) == 2 and sides == tuple(shape)
    if not fits or strides[0] != strides[1] or min(*sides, *strides, *gaps) < 1:
        raise InputError(
            f"{where} has kernel {list(shape)}, strides {list(strides)}, dilations "
            f"{list(gaps)}: only two axes of the same stride convert."
        )
    ends = []
    for axis in (0, 1):
        reach = gaps[axis] * (sides[axis] - 1) + 1
        first, last = pads(given, reach, strides[0], where, axis)
        ends.append(window(reach, strides[0], first + before[axis], last + behind[axis], where))
    (top, bottom), (left, right) = ends
    return KernelWindow(
        (sides[0], sides[1]), strides[0], (gaps[0], gaps[1]), (top, left), (bottom, right)
    )


def pads(given: Mapping[str, Any], side: int, stride: int, where: str, axis: int = 0) -> Pair:
    """Padding before and behind of rows (axis 0) or columns (1).

    Raises
    ------
    InputError
        If it is below 0.
    """
    total, mode = max(side - stride, 0), given.get("auto_pad", b"NOTSET").decode()
    if mode == "SAME_UPPER":
        return total // 2, total - total // 2
    if mode == "SAME_LOWER":
        return total - total // 2, total // 2
    ends = given.get("pads", (0, 0, 0, 0)) if mode == "NOTSET" else (0,) * 4
    if len(ends) != 4 or min(ends) < 0:
        raise InputError(f"{where} pads {list(ends)}: four sides of 0 or more convert.")
    return int(ends[axis]), int(ends[axis + 2])


def window(side: int, stride: int, before: int, behind: int, where: str) -> Pair:
    """Padding before and behind that is read at sizes which the stride divides.

    Raises
    ------
    InputError
        If the size is not kept, or divided by the stride.
    """
    if not side - stride <= before + behind < max(side, 1):
        raise InputError(
            f"{where} with kernel {side}, stride {stride} pads {before} and {behind}, so it does "
            f"not give 1/{stride} of the size: pad {max(side - stride, 0)} in all."
        )
    return before, max(side - stride - before, 0)


def square(given: Mapping[str, Any], shape: tuple[int, ...], where: str) -> tuple[int, int]:
    """Kernel size and stride of a window that must be square and without dilation.

    Raises
    ------
    InputError
        If it is not.
    """
    sides, strides = tuple(given.get("kernel_shape", shape)), tuple(given.get("strides", (1, 1)))
    fits = len(shape) == len(strides) == 2 and sides == tuple(shape) and sides[0] == sides[1]
    if not fits or strides[0] != strides[1] or {*given.get("dilations", (1, 1))} != {1}:
        raise InputError(
            f"{where} has kernel {list(shape)}, strides {list(strides)}, dilations "
            f"{list(given.get('dilations', (1, 1)))}: only square windows without dilation convert."
        )
    return int(sides[0]), int(strides[0])


def same_ends(given: Mapping[str, Any], side: int, stride: int, where: str) -> Pair:
    """Padding before and behind that must be the same for rows and columns.

    Raises
    ------
    InputError
        If it is not.
    """
    rows, columns = (pads(given, side, stride, where, axis) for axis in (0, 1))
    if rows != columns:
        raise InputError(
            f"{where} pads {rows} above and below, {columns} on the left and right: only as many "
            "above as on the left, and below as on the right, converts."
        )
    return rows


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
    before, behind = same_ends(given, side, stride, where)
    more = tuple(given.get("output_padding", (0, 0)))
    if more[0] != more[1] or before + behind - more[0] != side - stride:
        raise InputError(
            f"{where} with kernel {side}, stride {stride} cuts {before} and {behind} and adds "
            f"{list(more)}, so it does not give {stride} times the size."
        )
    return before, behind - int(more[0])
