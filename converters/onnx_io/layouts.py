"""Reshape, Transpose and strided Slice, followed until what they move is a picture again.

Axes are split into atoms: a reshape to (1, C, H/2, 2, W/2, 2) splits rows into pairs, a transpose
moves the atoms, another reshape joins them. Where four axes are left, they are one of::

    rows and columns as before, channels in another order     a selection of channels
    every b-th row and column, channels from all of a block    SpaceToDepth and a selection
    b rows and columns of each pixel from its channels         a selection and DepthToSpace

PixelUnshuffle and PixelShuffle in all their forms, the slices of a "focus" layer, channel shuffle
and NHWC are these.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

#: Axes of a picture, NCHW.
CHANNELS, ROWS, COLUMNS = 1, 2, 3


@dataclass(frozen=True)
class Atom:
    """A part of an axis of the source: every `stride`-th index, `size` of them."""

    axis: int
    size: int
    stride: int


@dataclass(frozen=True)
class AxisLayout:
    """Where the elements of a value lie in the picture that it is made of."""

    source: str
    """Value of the graph, (1, C, H, W)."""
    sizes: tuple[int, int, int]
    """C, H and W, at the size that is traced."""
    axes: tuple[tuple[Atom, ...], ...]
    """Atoms of each axis, the outermost first; the batch has none."""
    offsets: tuple[int, int, int] = (0, 0, 0)
    """First channel, row and column."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Sides, 1 for an axis without atoms."""
        return tuple(math.prod(atom.size for atom in axis) for axis in self.axes)

    def reshaped(self, shape: Sequence[int]) -> AxisLayout:
        """Layout of another shape.

        Raises
        ------
        ValueError
            If an axis would have to be cut between two of its parts.
        """
        pool = [atom for axis in self.axes for atom in axis]
        axes = []
        for side in shape:
            taken: list[Atom] = []
            while side > 1:
                atom = pool.pop(0) if pool else Atom(0, 0, 0)
                if atom.size and side % atom.size == 0:
                    taken.append(atom)
                    side //= atom.size
                elif atom.size and atom.size % side == 0:
                    inner = atom.size // side
                    taken.append(Atom(atom.axis, side, atom.stride * inner))
                    pool.insert(0, Atom(atom.axis, inner, atom.stride))
                    side = 1
                else:
                    raise ValueError(f"{list(self.shape)} does not fit {list(shape)}")
            axes.append(tuple(taken))
        if pool:
            raise ValueError(f"{list(self.shape)} does not fit {list(shape)}")
        return replace(self, axes=tuple(axes))

    def transposed(self, order: Sequence[int]) -> AxisLayout:
        """Layout with its axes in another order."""
        return replace(self, axes=tuple(self.axes[axis] for axis in order))

    def taken(self, axis: int, first: int, last: int, step: int) -> AxisLayout:
        """Layout of every `step`-th index of an axis.

        Raises
        ------
        ValueError
            If the axis is made of several parts.
        """
        if (first, last, step) == (0, self.shape[axis], 1):
            return self
        atoms = self.axes[axis]
        count = -(-(last - first) // step)
        if len(atoms) != 1 or count < 1:
            raise ValueError(f"cuts {first} to {last} of axis {axis}")
        (atom,) = atoms
        offsets = list(self.offsets)
        offsets[atom.axis - 1] += first * atom.stride
        part = (Atom(atom.axis, count, atom.stride * step),) if count > 1 else ()
        axes = (*self.axes[:axis], part, *self.axes[axis + 1 :])
        return replace(self, axes=axes, offsets=(offsets[0], offsets[1], offsets[2]))

    def merged(self) -> AxisLayout:
        """The same with neighbouring parts of one axis as one atom."""
        axes = []
        for axis in self.axes:
            atoms: list[Atom] = []
            for atom in axis:
                last = atoms[-1] if atoms else None
                if last and (last.axis, last.stride) == (atom.axis, atom.size * atom.stride):
                    atoms[-1] = Atom(atom.axis, last.size * atom.size, atom.stride)
                else:
                    atoms.append(atom)
            axes.append(tuple(atoms))
        return replace(self, axes=tuple(axes))

    def order_of_axes(self) -> tuple[int, ...] | None:
        """Axes of NCHW in this layout's order, if all it does is to reorder them."""
        merged = self.merged()
        found = [0] * len(merged.axes)
        for place, axis in enumerate(merged.axes):
            whole = [Atom(a, self.sizes[a - 1], 1) for a in (CHANNELS, ROWS, COLUMNS)]
            if len(axis) > 1 or (axis and axis[0] not in whole):
                return None
            if axis:
                found[place] = axis[0].axis
        missing = [a for a in (CHANNELS, ROWS, COLUMNS) if a not in found]
        free = [place for place, axis in enumerate(merged.axes) if not axis]
        if len(found) != 4 or any(self.sizes[a - 1] > 1 for a in missing) or any(self.offsets):
            return None
        # an axis of size 1 is anywhere: take NCHW or NHWC, whichever fits
        for order in ((0, 1, 2, 3), (0, 2, 3, 1)):
            if all(found[p] in (0, order[p]) for p in range(4)) and len(free) == 4 - sum(
                bool(f) for f in found
            ):
                return order
        return tuple(found) if not missing else None


@dataclass(frozen=True)
class Rearrangement:
    """Operators that make a picture of a layout: blocks to channels, a selection, and back."""

    to_depth: int
    """Block of SpaceToDepth, 1 for none."""
    channels: tuple[int, ...]
    """Channels to select, in their order."""
    to_space: int
    """Block of DepthToSpace behind it, 1 for none."""


def plan(layout: AxisLayout) -> Rearrangement:
    """Operators that make a layout of four axes a value of the graph.

    Raises
    ------
    ValueError
        If there are none.
    """
    layout = layout.merged()
    count, height, width = layout.sizes
    if len(layout.axes) != 4 or layout.axes[0]:
        raise ValueError(f"{list(layout.shape)} is no picture")
    rows, columns = (_first(layout, axis) for axis in (ROWS, COLUMNS))
    block = rows.stride
    whole = (rows.size * block, columns.size * columns.stride) == (height, width)
    if not whole or columns.stride != block or rows.axis != ROWS or columns.axis != COLUMNS:
        raise ValueError(f"{list(layout.shape)} is not made of whole rows and columns")
    inner = [axis[1:] if axis[:1] == (lead,) else axis for axis, lead in
             ((layout.axes[ROWS], rows), (layout.axes[COLUMNS], columns))]  # fmt: skip
    spread = [math.prod(atom.size for atom in part) for part in inner]
    atoms = (*inner[0], *inner[1], *layout.axes[CHANNELS])
    if spread[0] != spread[1]:
        raise ValueError(f"{list(layout.shape)} spreads rows and columns differently")
    parts = np.zeros((3, 1), np.int64)
    for atom in atoms:
        step = np.zeros((3, 1, atom.size), np.int64)
        step[atom.axis - 1] = atom.stride * np.arange(atom.size)
        parts = (parts[:, :, None] + step).reshape(3, -1)
    channel, row, column = parts + np.array(layout.offsets)[:, None]
    if max(row.max(initial=0), column.max(initial=0)) >= block:
        raise ValueError(f"{list(layout.shape)} shifts rows or columns")
    order = (row * block + column) * count + channel
    return Rearrangement(block, tuple(int(number) for number in order), spread[0])


def _first(layout: AxisLayout, axis: int) -> Atom:
    """Outermost atom of rows or columns; one of size 1 where the axis has none."""
    atoms = layout.axes[axis]
    if atoms and atoms[0].axis == axis:
        return atoms[0]
    return Atom(axis, 1, layout.sizes[axis - 1])
