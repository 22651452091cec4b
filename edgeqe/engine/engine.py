"""The engine: windows on threads, all inside one memory limit."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import lru_cache
from typing import Any, TypeVar

from edgeqe.codecs.strength import Strength
from edgeqe.engine.bands import save_band
from edgeqe.engine.blocks import SHIFT, block_plan, enhance_blocks, grid
from edgeqe.engine.cascade import Cascade, OpenSessions
from edgeqe.engine.geometry import Geometry
from edgeqe.engine.memory import Budget, GroupLock, Place
from edgeqe.engine.passes import WindowPass
from edgeqe.engine.self_test import golden_error, window_error
from edgeqe.engine.tiling import FIXED_BYTES, Plan, fixed_plan, no_window, plan
from edgeqe.engine.workers import Workers
from edgeqe.errors import MemoryLimitError
from edgeqe.model.file import ModelFile
from edgeqe.runtimes.heap import trim_heap
from edgeqe.runtimes.sessions import SessionFactory
from edgeqe.targets.profile import WindowBounds
from edgeqe.views.ensemble import SIZE
from edgeqe.views.subsampled import Samples, View
from edgeqe.views.window import Window

T = TypeVar("T")

#: Side of the picture that `Engine.large` plans, pixels.
LARGE = 4096


class Engine:
    """Runs one model file, or several one after another.

    Parameters
    ----------
    files : sequence of ModelFile
    geometry : Geometry
        Of their cards.
    sessions : SessionFactory
        Makes their sessions.
    bounds : WindowBounds
        Of the target's windows.
    limit : int
        Bytes that all calls together may take after their sessions are made.
    threads : int
        Windows that run at once.

    Raises
    ------
    ProviderError
        If a runtime is not there, or does not run where it says.
    MemoryLimitError
        If no window fits.
    """

    def __init__(
        self,
        files: Sequence[ModelFile],
        geometry: Geometry,
        sessions: SessionFactory,
        bounds: WindowBounds,
        limit: int,
        threads: int,
    ) -> None:
        self.limit, self.threads, self._sessions = limit, threads, sessions
        self.geometry, self._bounds, self.side = geometry, bounds, sessions.side
        self.cascade = cascade = Cascade(files, geometry, sessions)
        self._band, self.workers = threading.Lock(), Workers(threads)
        self.plan = lru_cache(maxsize=32)(self._plan)
        default = Strength(cascade.cards[0].default_step)
        opened = [cascade.at(default, n) for n in (1, SIZE)]  # a broken runtime fails here
        self.placements = tuple(session.placement for session in opened[0].sessions)
        """Where each model runs, as placed."""
        self._window_bytes = {one.ensemble: cascade.window_bytes(one) for one in opened}
        try:  # an impossible limit fails here, before any work: tiled, all large pictures are alike
            self.plan(*[LARGE if geometry.tiling == "exact" else 1] * 2)
        except MemoryLimitError as error:
            raise no_window(limit, error.required_bytes) from error
        self.budget = Budget(limit - FIXED_BYTES, cascade.shrink)
        self._passes = WindowPass(geometry)
        self._window_lock = GroupLock()  # of calls by the bytes and the ensemble of their windows
        trim_heap()  # what opening freed: of edgeqe-base 3 MiB

    def _plan(
        self,
        height: int,
        width: int,
        band_bytes_per_row: float = 0.0,
        ensemble: int = 1,
        held_bytes: int = 0,
    ) -> Plan:
        geometry, limit = self.geometry, self.limit - held_bytes
        per_pixel, beside = self._window_bytes[ensemble]
        if geometry.tiling == "blocks":
            return block_plan(
                height,
                width,
                block=geometry.block,
                pixels_per_sample=geometry.pixels_per_sample,
                channels=geometry.channels,
                window_bytes=int(geometry.block**2 * per_pixel) + beside,
                limit=limit,
                threads=self.threads,
            )
        cutting = dict[str, Any](
            halo=geometry.halo,
            alignment=geometry.alignment,
            margin=geometry.margin,
            bytes_per_pixel=per_pixel,
            limit=limit,
            threads=self.threads,
            band_bytes_per_row=band_bytes_per_row,
            bytes_per_window=beside,
        )
        if self.side:
            return fixed_plan(height, width, self.side, **cutting)
        return plan(
            height,
            width,
            whole=geometry.tiling == "whole",
            smallest_side=self._bounds.smallest,
            largest_side=self._bounds.largest,
            **cutting,
        )

    def is_exact(self, height: int, width: int) -> bool:
        """Whether a picture's tiles equal the whole: not where a window shows more of its mirror image."""
        geometry = self.geometry
        sees_no_further = geometry.tiling == "exact" and geometry.margin == geometry.halo
        within = self.side <= min(geometry.filled(height, width)) + 2 * geometry.margin
        return within or sees_no_further or geometry.tiling == "blocks"

    def filled(self, height: int, width: int) -> tuple[int, int]:
        """Height and width that the views of a picture fill; in a larger window no more than its samples."""
        if self.is_exact(height, width):
            return self.geometry.filled(height, width)
        unit = self.geometry.pixels_per_sample
        return -(-height // unit) * unit, -(-width // unit) * unit

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
        strength: Strength,
        in_place: bool,
        ensemble: int = 1,
    ) -> None:
        """Enhance a picture through its view.

        An amount of 0, or a strength at which no model has a residual, is the picture itself, and
        the network has no part in it. In place, a row of windows reads from a saved copy of its
        rows, because the row of windows above has overwritten the halo; one such call runs at a
        time, and one call of those that go by blocks.

        Raises
        ------
        ClosedError
            If the engine is closed.
        """
        if self.cascade.changes_nothing(view.amount, strength):
            self.workers.call(lambda: self.cascade.at(strength, ensemble))
            view.copy()
            return
        self.workers.call(
            lambda: self.run_in_call(view, height, width, strength, in_place, ensemble)
        )

    def run_in_call(
        self,
        view: View,
        height: int,
        width: int,
        strength: Strength,
        in_place: bool,
        ensemble: int,
    ) -> None:
        """Enhance a picture, on the thread of its call."""
        opened = self.cascade.at(strength, ensemble)
        if self.geometry.tiling == "blocks":
            self._blocks(view, opened, height, width)
            return
        chosen = self.plan_of(view, height, width, in_place, ensemble)
        filled = self.filled(height, width)
        if not in_place or self.geometry.tiling == "whole":
            with self._window_lock.hold((chosen.window_bytes, ensemble)):
                self.windows(view, opened, chosen, chosen.windows(), filled)
            return
        with self.alone((chosen.window_bytes, ensemble), self.budget.band(chosen.band_bytes)):
            saved, before = list[Samples](), 0
            for first, windows in chosen.bands():
                top = max(0, first)
                saved = save_band(view, saved, before, top, top + chosen.rows.size)
                before = top
                self.windows(view.on_rows(saved, top), opened, chosen, windows, filled)

    def plan_of(self, view: View, height: int, width: int, in_place: bool, ensemble: int) -> Plan:
        """Plan of a call; in place, with a band of rows that are saved."""
        banded = in_place and self.geometry.tiling != "whole"
        pairs = zip(view.sources, view.factors, strict=True)
        per_row = sum(array[:1].nbytes / factor for array, factor in pairs)
        return self.plan(height, width, per_row if banded else 0.0, ensemble)

    @contextmanager
    def alone(self, group: tuple[int, int], beside: AbstractContextManager[None]) -> Iterator[None]:
        """One call at a time that has bytes beside its windows; their bytes and ensemble are given."""
        with self._band, self._window_lock.hold(group), beside:
            yield

    def windows(
        self,
        view: View,
        opened: OpenSessions,
        chosen: Plan,
        windows: Iterable[Window],
        filled: tuple[int, int],
    ) -> None:
        """Enhance windows of a view, no larger than the plan's; part of a call."""
        tag, (per_pixel, beside) = opened.tag, self._window_bytes[opened.ensemble]

        def one(window: Window) -> None:
            # of a stream another shape: an arena has places of one size, interpreters of their own
            own_size = tag is not None and (window.height, window.width) != chosen.window
            own = int(window.height * window.width * per_pixel) + beside
            held = own if own_size else chosen.window_bytes
            with self.budget.window(held, tag, opened.ensemble, own_size) as place:
                self._passes.enhance(view, opened, window, place, filled)

        self.workers.each(one, windows, chosen.workers)

    def _blocks(self, view: View, opened: OpenSessions, height: int, width: int) -> None:
        chosen, tag = self.plan(height, width, 0.0, opened.ensemble), opened.tag
        filled = self.filled(height, width)

        def each(function: Callable[[T], None], items: Iterable[T]) -> None:
            def one(item: T) -> None:
                with self.budget.window(chosen.window_bytes, tag, opened.ensemble):
                    function(item)

            self.workers.each(one, items, chosen.workers)

        band = self.budget.band(chosen.band_bytes)
        with self.alone((chosen.window_bytes, opened.ensemble), band):
            enhance_blocks(
                view,
                height,
                width,
                block=self.geometry.block,
                channels=self.geometry.channels,
                residual_of=lambda window: self._passes.residual(
                    view, opened, window, Place(chosen.window_bytes, tag), filled
                ),
                each=each,
            )

    def network_pass(self, height: int, width: int, strength: Strength) -> None:
        """Run the network alone over all windows of such a picture, on neutral planes."""
        self.workers.call(lambda: self._network_pass(height, width, strength))

    def _network_pass(self, height: int, width: int, strength: Strength) -> None:
        opened, chosen = self.cascade.at(strength), self.plan(height, width)
        count, tag = chosen.count, opened.tag
        if self.geometry.tiling == "blocks":
            count += sum(len(row) for row in grid(height, width, self.geometry.block, SHIFT))

        def one(_: int) -> None:
            with self.budget.window(chosen.window_bytes, tag) as place:
                self._passes.network_alone(opened, place, chosen.window)

        with self._window_lock.hold((chosen.window_bytes, opened.ensemble)):
            self.workers.each(one, range(count), chosen.workers)

    def golden_errors(self) -> list[tuple[float, float]]:
        """Difference from the golden output of each model, and its tolerance, 8-bit levels."""
        return self.workers.call(self._golden_errors)

    def _golden_errors(self) -> list[tuple[float, float]]:
        from edgeqe.runtimes import open_session

        errors = []
        for index, file in enumerate(self.cascade.files):
            session = self.cascade.one(index)
            if self.side and file.format == "onnx":
                plain = open_session(file, file.key(file.card.default_step))
                errors.append(golden_error(file, plain))
                errors.append(window_error(file, session, plain, self.side))
                continue
            errors.append(golden_error(file, session))
            if session.own_memory:
                session.shrink()  # no window of the budget's
        return errors

    def anew(self) -> Engine:
        """Make an engine of the same files with nothing of this one, for a forked process.

        Raises
        ------
        ClosedError
            If it runs on an accelerator, whose driver a forked process cannot use.
        """
        sessions = self._sessions.anew()
        return Engine(
            self.cascade.files, self.geometry, sessions, self._bounds, self.limit, self.threads
        )

    def close(self) -> None:
        """Wait for the calls under way, drop sessions and threads; later calls raise."""
        self.workers.close()
        self.cascade.close()
