"""Transposed convolution as one convolution per output phase (sub-pixel decomposition).

Output row ``s * i + r`` of a transposed convolution of stride s reads only the kernel's
rows ``t`` with ``t = r + padding (mod s)``. So each of the s * s phases (row and column
modulo s) is a convolution of the small input with the part of the kernel that it reads;
the parts are disjoint, and their channels, phase by phase, are what DepthToSpace spreads.
Kernel 3, stride 2, cut 0 before and 1 behind, along one axis::

    phase 0: taps 2, 0 on inputs i - 1, i        phase 1: tap 1 on input i
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby

import numpy as np

from edgeqe.converters.graph.graph import Node
from edgeqe.errors import InputError
from edgeqe.typing import Float


@dataclass(frozen=True)
class Run:
    """One convolution: neighbouring phases that read the same window of the input."""

    kernel: Float
    """(phases * out, in, rows, columns)."""
    phases: int
    """Phases side by side in it."""
    before: tuple[int, int]
    """Zeros above the input and to its left."""
    after: tuple[int, int]
    """Zeros below and to its right."""
    gap: tuple[int, int]
    """Phases before the first run, and behind this one, that read nothing and are zero."""


def runs(node: Node, kernel: Float) -> list[Run]:
    """Convolutions that a ConvTranspose decomposes into, in the order of their phases.

    Parameters
    ----------
    node : Node
    kernel : ndarray, shape (in, out, rows, columns)

    Raises
    ------
    InputError
        If the output is not `stride` times as large as the input, or the node has groups.
    """
    k, s, cut = node.kernel, node.stride, node.padding
    if node.groups != 1 or k - s != cut + node.padding_end or not 0 <= cut <= max(k - s, 0):
        raise InputError(
            f"node '{node.name}': a ConvTranspose with kernel {k}, stride {s}, padding {cut} and "
            f"{node.padding_end} and {node.groups} groups has no counterpart in TFLite; it needs "
            "one group and an output of stride times the input."
        )
    axis = [_taps(k, s, (r + cut) % s, (r + cut) // s) for r in range(s)]
    plane = [(rows, columns) for rows in axis for columns in axis]
    found: list[Run] = []
    position = 0
    for window, group in groupby(plane, key=lambda pair: (_window(pair[0]), _window(pair[1]))):
        members = list(group)
        position += len(members)
        (above, below, height), (left, right, width) = window
        if not height or not width:
            if found:
                last = found.pop()
                gap = (last.gap[0], last.gap[1] + len(members))
                found.append(Run(last.kernel, last.phases, last.before, last.after, gap))
            continue
        parts = [kernel[:, :, rows[0]][:, :, :, columns[0]] for rows, columns in members]
        joined = np.concatenate([part.transpose(1, 0, 2, 3) for part in parts])
        leading = 0 if found else position - len(members)
        found.append(Run(joined, len(members), (above, left), (below, right), (leading, 0)))
    return found


def _taps(kernel: int, stride: int, first: int, ahead: int) -> tuple[list[int], int]:
    """Kernel taps of a phase in the order of their inputs, and the last input's offset."""
    return list(range(first, kernel, stride))[::-1], ahead


def _window(phase: tuple[list[int], int]) -> tuple[int, int, int]:
    """Padding before and behind, and number of inputs read."""
    taps, ahead = phase
    return len(taps) - 1 - ahead, ahead, len(taps)
