"""A picture that is handed over strip by strip as its windows are finished, and never lies there whole.

A strip is the rows that one row of windows writes. Windows are computed as for a whole picture, so
the samples are the same.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

import numpy as np

from edgeqe.typing import Float
from edgeqe.views.subsampled import Samples, View
from edgeqe.views.window import Window

#: Gets the first row of a strip, and its planes: of half-size chroma half as many rows.
Take = Callable[[int, tuple[Samples, ...]], None]
#: Strips under way from which on a further one waits while an earlier is being taken.
AHEAD = 2


class _Strip:
    """Rows of the picture, as far as they are written."""

    def __init__(self, view: View, rows: tuple[int, int], width: int) -> None:
        first, self.last = rows
        self.targets = tuple(
            np.empty((-(-self.last // factor) - first // factor, *source.shape[1:]), source.dtype)
            for source, factor in zip(view.sources, view.factors, strict=True)
        )
        self.view = view.onto_rows(self.targets, first)
        self.columns_left = width


class StripView(View):
    """Another view's picture, whose target is whoever takes the strips.

    They are taken in order, one at a time, by the thread that finishes a strip; the other threads
    compute on meanwhile.

    Parameters
    ----------
    view : View
        Its targets are not used.
    take : callable
    """

    def __init__(self, view: View, take: Take) -> None:
        super().__init__(view.sources, (), view.depth, 0, view.prediction, view.amount)
        self.factors, self.colour = view.factors, view.colour
        self.pixels_per_sample = view.pixels_per_sample
        self._view, self._take = view, take
        self._height, self._width = view.sources[0].shape[:2]
        self._strips: dict[int, _Strip] = {}
        """By first row."""
        self._next_row = 0
        self._changing, self._taking = threading.Lock(), threading.Lock()

    def read(self, window: Window, planes: Float) -> None:
        """Fill planes with a window."""
        self._view.read(window, planes)

    def write(self, window: Window, residual: Float) -> None:
        """Write a window's own result to its strip, and hand over what that finishes."""
        strip = self._strip(window)
        strip.view.write(window, residual)
        left, right = (min(column, self._width) for column in window.columns)
        with self._changing:
            strip.columns_left -= right - left
            finished = not strip.columns_left
        if finished:
            self._hand_over()

    def copy(self) -> None:
        """Hand the sources over as they are."""
        self._take(0, self.sources)

    def _strip(self, window: Window) -> _Strip:
        """Strip of a window, made for the first."""
        first = window.rows[0]
        with self._changing:
            wait = first not in self._strips and len(self._strips) >= AHEAD
        if wait:
            with self._taking:  # who encodes is slower than who computes
                pass
        with self._changing:
            if first not in self._strips:
                rows = (first, min(window.rows[1], self._height))
                self._strips[first] = _Strip(self._view, rows, self._width)
            return self._strips[first]

    def _hand_over(self) -> None:
        """Give the strips that are next and finished to who takes them."""
        with self._taking:
            while (strip := self._strips.get(self._next_row)) and not strip.columns_left:
                first, self._next_row = self._next_row, -1  # after an error none is given
                self._take(first, strip.targets)
                with self._changing:
                    del self._strips[first]
                self._next_row = strip.last


def rows_of(planes: Sequence[Samples], first: int, last: int) -> tuple[Samples, ...]:
    """Rows of luma, from one to before another, of planes whose others have half its size."""
    return tuple(
        plane[first // 2 : -(-last // 2)] if index else plane[first:last]
        for index, plane in enumerate(planes)
    )
