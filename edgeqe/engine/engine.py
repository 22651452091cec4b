"""The engine: windows on threads, all inside one memory limit."""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import contextmanager
from functools import lru_cache, partial
from typing import Any, TypeVar

from edgeqe.engine.blocks import SHIFT, block_plan, enhance_blocks, grid
from edgeqe.engine.cascade import Cascade, Opened
from edgeqe.engine.ensemble import SIZE
from edgeqe.engine.memory import Budget, Place, Turns
from edgeqe.engine.self_test import golden_error, window_error
from edgeqe.engine.tiling import FIXED_BYTES, Plan, Window, fixed_plan, plan
from edgeqe.errors import InputError, MemoryLimitError
from edgeqe.model.file import ModelFile
from edgeqe.runtimes.heap import trim_heap
from edgeqe.runtimes.sessions import Openers
from edgeqe.typing import Float
from edgeqe.views.colour import mirror
from edgeqe.views.subsampled import Samples, View

T = TypeVar("T")

#: Side of the picture that `Engine.large` plans, pixels.
LARGE = 4096


class Engine:
    """Runs one model file, or several one after another.

    Parameters
    ----------
    files : sequence of ModelFile
        See `Cascade`.
    limit : int
        Bytes that all calls together may take after their sessions are made.
    threads : int
        Windows that run at once.
    openers : Openers, optional
        How the target opens them; on the processor if left out.

    Raises
    ------
    ProviderError
        If a runtime is not there, or does not run where it says.
    InputError
        If no window fits: the memory limit or the target's bounds are too small.
    """

    def __init__(
        self, files: Sequence[ModelFile], limit: int, threads: int, openers: Openers | None = None
    ) -> None:
        self.limit, self.threads = limit, threads
        self.openers = openers = openers or Openers(files)
        self.cascade = cascade = Cascade(
            files, [partial(openers.open, index) for index in range(len(files))]
        )
        openers.fix(cascade.halo, cascade.alignment, cascade.tiling, cascade.block, limit)
        self._lock, self._band = threading.Lock(), threading.Lock()
        self._pool: ThreadPoolExecutor | None = None
        self._closed = False
        self.plan = lru_cache(maxsize=32)(self._plan)
        self.placements = lru_cache(maxsize=1)(openers.placements)
        default = self.cascade.cards[0].default_step
        opened = [self.cascade.at(default, n) for n in (1, SIZE)]  # a broken runtime fails here
        self._window_bytes = {one.ensemble: self.cascade.window_bytes(one) for one in opened}
        # an impossible limit fails here, before any work: tiled, all large pictures are alike
        side = LARGE if self.cascade.tiling == "exact" else 1
        self.plan(side, side)
        self._budget, self._turns = Budget(limit - FIXED_BYTES, self.cascade.shrink), Turns()
        trim_heap()  # what opening freed: of edgeqe-base 3 MiB

    def _plan(
        self, height: int, width: int, band_bytes_per_row: float = 0.0, ensemble: int = 1
    ) -> Plan:
        cascade = self.cascade
        per_pixel, beside = self._window_bytes[ensemble]
        if cascade.tiling == "blocks":
            return block_plan(
                height,
                width,
                block=cascade.block,
                pixels_per_sample=cascade.pixels_per_sample,
                channels=cascade.channels,
                window_bytes=int(cascade.block**2 * per_pixel) + beside,
                limit=self.limit,
                threads=self.threads,
            )
        cutting = dict[str, Any](
            halo=cascade.halo,
            alignment=cascade.alignment,
            bytes_per_pixel=per_pixel,
            limit=self.limit,
            threads=self.threads,
            band_bytes_per_row=band_bytes_per_row,
            bytes_per_window=beside,
        )
        if self.openers.side:
            return fixed_plan(height, width, self.openers.side, **cutting)
        bounds = self.openers.bounds
        return plan(
            height,
            width,
            whole=cascade.tiling == "whole",
            smallest_side=bounds.smallest,
            largest_side=bounds.largest,
            **cutting,
        )

    def is_exact(self, height: int, width: int) -> bool:
        """Whether a picture's tiles equal the whole: not where a window is larger than it."""
        side, alignment = self.openers.side, self.cascade.alignment
        return (
            self.cascade.tiling == "blocks"
            or side <= -(-min(height, width) // alignment) * alignment
        )

    def large(self) -> Plan:
        """Plan of a large square picture: 4096 pixels, or the first half of that to fit."""
        side = LARGE
        while True:
            try:
                return self.plan(side, side)
            except MemoryLimitError:
                side //= 2
                if not side:
                    raise

    def run(
        self,
        view: View,
        height: int,
        width: int,
        step: float,
        in_place: bool,
        ensemble: int = 1,
    ) -> None:
        """Enhance a picture through its view.

        An amount of 0 is the picture itself, and the network has no part in it. In place, a
        row of windows reads from a saved copy of its rows, because the row of windows above
        has overwritten the halo; one such call runs at a time, and one call of those that go
        by blocks.
        """
        opened = self.cascade.at(step, ensemble)
        if view.amount == 0.0:
            view.copy()
            return
        if self.cascade.tiling == "blocks":
            self._blocks(view, opened, height, width)
            return
        if not in_place or self.cascade.tiling == "whole":
            chosen = self.plan(height, width, 0.0, ensemble)
            size = None if self.is_exact(height, width) else (height, width)
            windows = [window for _, band in chosen.bands() for window in band]
            with self._turns.turn((chosen.window_bytes, ensemble)):
                self._windows(view, opened, chosen, windows, size)
            return
        per_row = sum(
            array[:1].nbytes / factor
            for array, factor in zip(view.sources, view.factors, strict=True)
        )
        chosen = self.plan(height, width, per_row, ensemble)
        with self._alone(chosen, ensemble):
            saved: list[Samples] = []
            before = 0
            for top, windows in chosen.bands():
                saved = _save_band(view, saved, before, top, top + chosen.rows.size)
                before = top
                size = None if self.is_exact(height, width) else (height, width)
                self._windows(view.on_rows(saved, top), opened, chosen, windows, size)

    @contextmanager
    def _alone(self, chosen: Plan, ensemble: int) -> Iterator[None]:
        """One call with a band at a time, and the band's bytes."""
        with (
            self._band,
            self._turns.turn((chosen.window_bytes, ensemble)),
            self._budget.band(chosen.band_bytes),
        ):
            yield

    def _windows(
        self,
        view: View,
        opened: Opened,
        chosen: Plan,
        windows: list[Window],
        size: tuple[int, int] | None,
    ) -> None:
        tag = opened.tag

        def one(window: Window) -> None:
            with self._budget.window(chosen.window_bytes, tag, opened.ensemble) as place:
                view.write(window, self._residual(view, opened, window, place, size))

        self._each(one, windows, chosen.workers)

    def _blocks(self, view: View, opened: Opened, height: int, width: int) -> None:
        chosen = self.plan(height, width, 0.0, opened.ensemble)
        tag = opened.tag

        def each(function: Callable[[T], None], items: Iterable[T]) -> None:
            def one(item: T) -> None:
                with self._budget.window(chosen.window_bytes, tag, opened.ensemble):
                    function(item)

            self._each(one, items, chosen.workers)

        with self._alone(chosen, opened.ensemble):
            enhance_blocks(
                view,
                height,
                width,
                block=self.cascade.block,
                channels=self.cascade.channels,
                residual_of=lambda window: self._residual(
                    view, opened, window, Place(chosen.window_bytes, tag)
                ),
                each=each,
            )

    def _residual(
        self,
        view: View,
        opened: Opened,
        window: Window,
        place: Place,
        size: tuple[int, int] | None = None,
    ) -> Float:
        """Residual of a window, grey levels; of a smaller picture its size is given."""
        planes, room = self._numbers(opened, place, window.height, window.width)
        view.read(window, planes[: self.cascade.channels])
        if self.cascade.takes_residual:
            view.read_prediction(window, planes[-1])
        if size is not None:
            pixels = self.cascade.pixels_per_sample
            held = (
                min(window.height, size[0] - window.top),
                min(window.width, size[1] - window.left),
            )
            mirror(planes, *(-(-side // pixels) for side in held))
        return opened.run(planes, room, place.kind)

    def _numbers(
        self, opened: Opened, place: Place, height: int, width: int
    ) -> tuple[Float, Float]:
        """Planes of a window and room for its residual, in its place."""
        pixels, inputs = self.cascade.pixels_per_sample, self.cascade.inputs
        both = place.array(inputs + opened.room, height // pixels, width // pixels)
        return both[:inputs], both[inputs:]

    def network_pass(self, height: int, width: int, step: float) -> None:
        """Run the network alone over all windows of such a picture, on neutral planes."""
        opened, chosen = self.cascade.at(step), self.plan(height, width)
        count, tag = chosen.count, opened.tag
        if self.cascade.tiling == "blocks":
            count += sum(len(row) for row in grid(height, width, self.cascade.block, SHIFT))

        def one(_: int) -> None:
            with self._budget.window(chosen.window_bytes, tag) as place:
                planes, room = self._numbers(opened, place, *chosen.window)
                planes[:] = 0.0
                opened.run(planes, room, place.kind)

        with self._turns.turn((chosen.window_bytes, opened.ensemble)):
            self._each(one, range(count), chosen.workers)

    def golden_errors(self) -> list[tuple[float, float]]:
        """Difference from the golden output of each model, and its tolerance, grey levels."""
        from edgeqe.runtimes import open_session

        errors = []
        for index, file in enumerate(self.cascade.files):
            session = self.cascade.one(index)
            if self.openers.side and file.format == "onnx":
                plain = open_session(file, file.key(file.card.default_step))
                errors.append(golden_error(file, plain))
                errors.append(window_error(file, session, plain, self.openers.side))
                continue
            errors.append(golden_error(file, session))
            if session.own_memory:
                session.shrink()  # no window of the budget's
        return errors

    def _each(self, function: Callable[[T], None], items: Iterable[T], workers: int) -> None:
        """Run a function on every item, on as many of the pool's threads as there are workers.

        Threads that a plan has no use for stay unborn: each would keep a heap of its own. On an
        error or Ctrl-C what has not begun is dropped and what has is finished.
        """
        left = deque(items)

        def work() -> None:
            while True:
                try:
                    item = left.popleft()
                except IndexError:
                    return
                function(item)

        executor = self._executor()
        futures = [executor.submit(work) for _ in range(min(workers, len(left)))]
        try:
            wait(futures, return_when=FIRST_EXCEPTION)
            for future in futures:
                if future.done():
                    future.result()
        finally:
            left.clear()
            for future in futures:
                future.cancel()
            wait(futures)

    def _executor(self) -> ThreadPoolExecutor:
        with self._lock:
            if self._closed:
                raise InputError("this Enhancer is closed: make a new one.")
            if self._pool is None:
                self._pool = ThreadPoolExecutor(self.threads, "edgeqe")
            return self._pool

    def close(self) -> None:
        """Drop sessions and threads; later calls raise."""
        self.cascade.close()
        with self._lock:
            self._closed = True
            pool, self._pool = self._pool, None
        if pool is not None:
            pool.shutdown()


def _save_band(
    view: View, saved: list[Samples], before: int, top: int, bottom: int
) -> list[Samples]:
    """Copy of a view's rows top to bottom, those already copied taken from `saved`."""
    result: list[Samples] = []
    for index, (array, factor) in enumerate(zip(view.sources, view.factors, strict=True)):
        first, last = top // factor, -(-bottom // factor)
        if not saved:
            result.append(array[first:last].copy())
            continue
        band, shift = saved[index], first - before // factor
        kept = len(band) - shift
        band[:kept] = band[shift:]
        fresh = array[first + kept : last]
        band[kept : kept + len(fresh)] = fresh
        result.append(band[: kept + len(fresh)])
    return result


def available_threads() -> int:
    """Processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
