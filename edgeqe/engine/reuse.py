"""Frames of one stream: what did not change since the frame before keeps its result.

The samples of the last frame and their result are kept, two frames of memory. A new frame is
compared with the first; where a window's whole input, halo included, is the same, its result is too.

What is computed is cut in one of two ways. The plan's own windows always serve: the same shape at
the same place gives the same bits. Integer networks give the same bits in windows of any shape, so
there boxes around what changed are computed where those cost less (`cover.py`). Floats may be summed
in another order where a window has another shape, and a sum on the edge between two levels be rounded
the other way.

A frame in which little was the same costs the comparison and two copies for nothing. So one row of
each cell is compared first, which tells most such frames; and after two of them in a row some frames
are enhanced as by `Engine.run`, and then it is tried again.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from math import lcm

import numpy as np

from edgeqe.codecs.strength import Strength
from edgeqe.engine.cascade import OpenSessions
from edgeqe.engine.changes import Cells, glance, take_over
from edgeqe.engine.cover import CellGrid, KeptCover, cover, window_cost
from edgeqe.engine.engine import Engine
from edgeqe.engine.tiling import Plan
from edgeqe.errors import MemoryLimitError
from edgeqe.model.arithmetic import convolves_integers
from edgeqe.views.subsampled import Samples, View
from edgeqe.views.window import Window

#: Side of a cell, pixels: half of an 8x8 block, the smallest block that codecs transform.
CELL = 4
#: Share of a frame that must be reused to be worth the comparison.
WORTHWHILE = 0.1
#: Share of a frame above which what changed is not covered by boxes.
MOSTLY = 0.75
#: Share of the cost of the plan's windows below which boxes are computed instead, out of an arena and
#: by interpreters, which they may resize. They are looked for only where the least that they could cost,
#: the search counted, is below it.
CLEARLY, CLEARLY_RESIZED = 0.85, 0.6
#: Windows of a plan, all of them listed at once; with more, which are the smallest of a tight limit, nothing is kept.
MOST_WINDOWS = 2000
#: Frames that are not compared after two that were not worth it: at first, and at most.
REST, LONGEST_REST = 8, 32


@dataclass
class Reused:
    """Counts over the frames of a stream."""

    frames: int = 0
    pixels: int = 0
    """Of all frames."""
    pixels_reused: int = 0
    """Whose result was kept."""
    frames_without_memory: int = 0
    """Frames for which the memory limit had no room for what is kept."""


class FrameMemory:
    """The last frame and its result.

    It belongs to one stream, and is touched by one call at a time.
    """

    def __init__(self) -> None:
        self.samples: list[Samples] = []
        """The view's sources, and a prediction residual behind them."""
        self.results: list[Samples] = []
        self.key: object = None
        """What must be the same for the result to be of use; None while it is not whole."""
        self.cover = KeptCover()

    def drop(self) -> None:
        """Free both frames."""
        self.samples, self.results, self.key, self.cover = [], [], None, KeptCover()


class FrameReuse:
    """Runs views of one stream's frames on an engine.

    Parameters
    ----------
    engine : Engine
    compares : bool
        Compare frames; else all are enhanced whole, and counted.
    """

    def __init__(self, engine: Engine, *, compares: bool = True) -> None:
        self.engine, self.geometry, self.cascade = engine, engine.geometry, engine.cascade
        self.counts = Reused()
        self._compares = compares and engine.geometry.tiling != "blocks"
        self._memory = FrameMemory()
        self._rest = self._last_rest = self._misses = 0
        self._any_shape = (
            engine.geometry.tiling == "exact"
            and not engine.side
            and all(
                file.card.precision == "int8" and convolves_integers(file)
                for file in engine.cascade.files
            )
        )
        self._lock = threading.Lock()
        """Of the stream: its calls come one after another."""
        self._cell = lcm(CELL, self.geometry.alignment)
        self._window_cost = window_cost(sum(f.card.kmac_per_pixel for f in engine.cascade.files))

    def run(
        self,
        view: View,
        height: int,
        width: int,
        strength: Strength,
        in_place: bool,
        ensemble: int = 1,
    ) -> None:
        """Enhance the stream's next frame; see `Engine.run`."""
        if self.cascade.changes_nothing(view.amount, strength):  # what is kept stays of use
            self.engine.run(view, height, width, strength, in_place, ensemble)
            self._count(height, width, height * width)
            return
        self.engine.workers.call(
            lambda: self._run(view, height, width, strength, in_place, ensemble)
        )

    def planned_bytes(self, height: int, width: int, ensemble: int, frame_bytes: int) -> int:
        """Bytes that a frame takes at most, with what is kept of two frames of so many bytes each."""
        held = 2 * frame_bytes + height * width if self._compares else 0
        try:
            return self.engine.plan(height, width, 0.0, ensemble, held).planned_bytes + held
        except MemoryLimitError:
            return self.engine.plan(height, width, 0.0, ensemble).planned_bytes

    def close(self) -> None:
        """Free what is kept."""

        def let_go() -> None:
            with self._lock:
                self.engine.budget.let_go(self._memory)

        self.engine.workers.call(let_go)

    def _run(
        self,
        view: View,
        height: int,
        width: int,
        strength: Strength,
        in_place: bool,
        ensemble: int,
    ) -> None:
        """Enhance a frame, on the thread of its call."""
        with self._lock:
            held = _held_bytes(view, height, width)
            chosen = None
            if self._rest:
                self._rest -= 1
            elif self._compares:
                chosen = self._plan(view, height, width, in_place, ensemble, held)
                self.counts.frames_without_memory += chosen is None
            if chosen is None:
                self.engine.run_in_call(view, height, width, strength, in_place, ensemble)
                computed = height * width
            else:
                group = chosen.window_bytes, ensemble
                with self.engine.alone(group, self.engine.budget.kept(self._memory, held)):
                    opened = self.cascade.at(strength, ensemble)
                    computed = self._compare(view, (height, width), opened, chosen)
                self._pace(computed / (height * width))
            self._count(height, width, computed)

    def _plan(
        self, view: View, height: int, width: int, in_place: bool, ensemble: int, held: int
    ) -> Plan | None:
        """Plan beside what is kept; None where the two do not fit."""
        try:
            if self._any_shape:
                chosen = self.engine.plan(height, width, 0.0, ensemble, held)
            else:
                chosen = self.engine.plan_of(view, height, width, in_place, ensemble)
        except MemoryLimitError:
            return None  # what does not fit at all either is told by `Engine.run_in_call`
        fits = self._any_shape or chosen.planned_bytes + held <= self.engine.limit
        return chosen if fits and chosen.count <= MOST_WINDOWS else None

    def _compare(
        self, view: View, shape: tuple[int, int], opened: OpenSessions, chosen: Plan
    ) -> int:
        """Enhance a frame by what is kept of the one before; the pixels that were computed."""
        memory, given = self._memory, _arrays(view)
        key = (
            type(view),
            view.depth,
            view.amount,
            opened.ensemble,
            *((a.shape, a.dtype) for a in given),
        )
        fresh = memory.key != key
        if fresh:
            memory.drop()
            memory.samples = [np.zeros(array.shape, array.dtype) for array in given]
            memory.results = [np.empty(a.shape, a.dtype) for a in view.sources]
        memory.key = None
        if fresh or self._is_hopeless(
            glance(memory.samples[0], given[0], shape, self._cell), shape, chosen, opened
        ):
            for old, now in zip(memory.samples, given, strict=True):
                np.copyto(old, now)
            windows = list(chosen.windows())
        else:
            factors = (*view.factors, 1)[: len(given)]
            changed = take_over(memory.samples, given, factors, shape, self._cell)
            windows = self._windows(changed, shape, chosen, opened)
        before = type(view)(
            memory.samples[: len(view.sources)],
            memory.results,
            view.depth,
            prediction=view.prediction,
            amount=view.amount,
        )
        self.engine.windows(before, opened, chosen, windows, self.engine.filled(*shape))
        memory.key = key
        for result, target in zip(memory.results, view.targets, strict=True):
            np.copyto(target, result)
        return min(shape[0] * shape[1], sum(_own_pixels(window, shape) for window in windows))

    def _is_hopeless(
        self, found: Cells, shape: tuple[int, int], chosen: Plan, opened: OpenSessions
    ) -> bool:
        """Whether all windows of the plan are computed, by some of the changed cells alone."""
        every = list(chosen.windows())
        if not all(found[_cells(window, self._cell)].any() for window in every):
            return False
        return not self._any_shape or self._boxed(found, shape, chosen, opened, len(every)) is None

    def _boxed(
        self,
        changed: Cells,
        shape: tuple[int, int],
        chosen: Plan,
        opened: OpenSessions,
        count: int,
    ) -> tuple[CellGrid, Cells, float] | None:
        """Cells to cover and what boxes may cost a worker, in place of so many windows of the plan.

        None where no boxes can be worth it, which more changed cells never make untrue.
        """
        if changed.mean() > MOSTLY:
            return None
        height, width = self.engine.filled(*shape)
        geometry = self.geometry
        grid = CellGrid(
            height, width, self._cell, geometry.halo, geometry.margin, self._window_cost
        )
        needed = grid.needed(changed)
        area = chosen.window[0] * chosen.window[1]
        clearly = CLEARLY if opened.tag is None else CLEARLY_RESIZED
        most = clearly * -(-count // chosen.workers) * (area + self._window_cost)
        if needed.mean() > MOSTLY or grid.least_cost(needed) > most * chosen.workers:
            return None
        return grid, needed, most

    def _windows(
        self, changed: Cells, shape: tuple[int, int], chosen: Plan, opened: OpenSessions
    ) -> list[Window]:
        """Windows to compute, the largest first."""
        every = list(chosen.windows())
        hit = [window for window in every if changed[_cells(window, self._cell)].any()]
        if not hit or not self._any_shape:
            return hit
        boxed = self._boxed(changed, shape, chosen, opened, len(hit))
        if boxed is None:
            return hit
        grid, needed, most = boxed
        area = chosen.window[0] * chosen.window[1]
        if opened.tag is None:
            # an arena that serves windows of several shapes side by side takes up to 1.7 times theirs
            largest = area // 2
            boxes = cover(grid, needed, largest, chosen.workers)
        else:
            largest = area
            boxes = self._memory.cover.boxes(grid, needed, largest, chosen.workers)
        costs = [grid.cost(box) for box in boxes]
        if costs[0] > largest + self._window_cost:  # a large halo
            return hit
        if max(sum(costs) / chosen.workers, costs[0]) > most:
            return hit
        return [grid.window(box) for box in boxes]

    def _pace(self, computed: float) -> None:
        """Rest from comparing where it does not pay; the share of the frame is given."""
        if computed <= 1 - WORTHWHILE:
            self._misses = self._last_rest = 0
            return
        self._misses += 1
        if self._misses == 2:
            self._last_rest = min(max(REST, 2 * self._last_rest), LONGEST_REST)
            self._rest, self._misses = self._last_rest, 0

    def _count(self, height: int, width: int, computed: int) -> None:
        self.counts.frames += 1
        self.counts.pixels += height * width
        self.counts.pixels_reused += height * width - computed


def _arrays(view: View) -> list[Samples]:
    """What a frame's result depends on."""
    return [*view.sources, *([] if view.prediction is None else [view.prediction])]


def _held_bytes(view: View, height: int, width: int) -> int:
    """Bytes of both frames, and of the map of what changed."""
    kept = sum(array.nbytes for array in (*_arrays(view), *view.sources))
    return kept + height * width


def _cells(window: Window, cell: int) -> tuple[slice, slice]:
    """Cells that a window reads."""
    bottom, right = window.top + window.height, window.left + window.width
    return (
        slice(max(0, window.top) // cell, -(-bottom // cell)),
        slice(max(0, window.left) // cell, -(-right // cell)),
    )


def _own_pixels(window: Window, shape: tuple[int, int]) -> int:
    (top, bottom), (left, right) = window.rows, window.columns
    return (min(bottom, shape[0]) - top) * (min(right, shape[1]) - left)
