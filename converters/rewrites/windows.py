"""Windows whose rows and columns differ, laid into square ones.

The graph's windows are square. One of other sides, or with other padding above than on the left, is
laid into the smallest square one that covers it, whose other weights are 0.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edgeqe.typing import Array, Float

#: Rows and columns.
Pair = tuple[int, int]


@dataclass(frozen=True)
class KernelWindow:
    """A window as ONNX has it, rows and columns by themselves."""

    sides: Pair
    stride: int
    dilations: Pair
    before: Pair
    """Padding above and on the left."""
    behind: Pair
    """Padding below and on the right."""

    @property
    def zeros(self) -> tuple[int, ...]:
        """Padding on all four sides."""
        return (*self.before, *self.behind)

    @property
    def square(self) -> bool:
        """Whether rows and columns are alike."""
        return all(
            pair[0] == pair[1] for pair in (self.sides, self.dilations, self.before, self.behind)
        )


def placed(kernel: Array, window: KernelWindow) -> tuple[Float, dict[str, int]]:
    """Kernel (..., rows, columns) of a square window, and the fields of its node.

    A square window keeps its kernel and dilation; any other is laid into the smallest square one that
    covers it.
    """
    rows, columns = window.sides
    if window.square:
        fields = {"kernel": rows, "dilation": window.dilations[0]}
        first, end, plain = window.before[0], window.behind[0], kernel
    else:
        first = max(window.before)
        shifts = [first - before for before in window.before]
        gaps = window.dilations
        reaches = [gap * (side - 1) + 1 for gap, side in zip(gaps, window.sides, strict=True)]
        side = max(reach + shift for reach, shift in zip(reaches, shifts, strict=True))
        plain = np.zeros((*kernel.shape[:2], side, side), np.float32)
        plain[
            :,
            :,
            shifts[0] : shifts[0] + reaches[0] : gaps[0],
            shifts[1] : shifts[1] + reaches[1] : gaps[1],
        ] = kernel
        end = max(side - window.stride - first, 0)
        fields = {"kernel": side}
    fields |= {"stride": window.stride, "padding": first, "padding_end": end}
    return np.ascontiguousarray(plain, np.float32), fields
