"""The engine: sessions by strength, windows on threads, all inside one memory limit."""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from edgeqe.errors import InputError
from edgeqe.memory import Budget
from edgeqe.model_file import ModelFile
from edgeqe.views import Samples, View
from edgeqe.windows import FIXED_BYTES, Plan, Window, plan

if TYPE_CHECKING:
    from edgeqe.runtimes.ort import OrtSession

#: Sessions kept; a session holds the weights once more.
KEPT_SESSIONS = 4
#: What ONNX Runtime takes beside the live tensors (blocked copies of input and
#: output), and what a view's temporaries take, bytes per pixel of a window.
RUNTIME_BYTES_PER_PIXEL = 18.0


class Engine:
    """Runs one model file.

    Parameters
    ----------
    model : ModelFile
    limit : int
        Bytes that all calls together may take after their sessions are made.
    threads : int
        Windows that run at once.
    """

    def __init__(self, model: ModelFile, limit: int, threads: int) -> None:
        self.model, self.limit, self.threads = model, limit, threads
        self._sessions: OrderedDict[int, OrtSession] = OrderedDict()
        self._lock, self._band = threading.Lock(), threading.Lock()
        self._pool: ThreadPoolExecutor | None = None
        self._closed = False
        self.plan = lru_cache(maxsize=32)(self._plan)
        self.plan(4096, 4096)  # an impossible limit fails here, before any work
        self._budget = Budget(limit - FIXED_BYTES, self._shrink)

    def _plan(self, height: int, width: int, band_bytes_per_row: float = 0.0) -> Plan:
        card = self.model.card
        return plan(
            height,
            width,
            halo=card.halo,
            alignment=card.alignment,
            bytes_per_pixel=4.0 * card.peak_floats_per_pixel + RUNTIME_BYTES_PER_PIXEL,
            limit=self.limit,
            threads=self.threads,
            band_bytes_per_row=band_bytes_per_row,
        )

    def session(self, step: float) -> OrtSession:
        """Session of a strength, from the few that are kept."""
        from edgeqe.runtimes.ort import OrtSession

        key = self.model.key(step)
        with self._lock:
            if self._closed:
                raise InputError("this Enhancer is closed: make a new one.")
            if key in self._sessions:
                self._sessions.move_to_end(key)
            else:
                self._sessions[key] = OrtSession(self.model.at(key))
                while len(self._sessions) > KEPT_SESSIONS:
                    self._sessions.popitem(last=False)
            return self._sessions[key]

    def _shrink(self) -> None:
        """Give back what idle windows keep; any session reaches the one arena."""
        with self._lock:
            session = next(reversed(self._sessions.values()), None)
        if session is not None:
            session.shrink()

    def run(self, view: View, height: int, width: int, step: float, in_place: bool) -> None:
        """Enhance a picture through its view.

        In place, a row of windows reads from a saved copy of its rows, because the
        row of windows above has overwritten the halo; one such call runs at a time.
        """
        session = self.session(step)
        if not in_place:
            chosen = self.plan(height, width)
            self._windows(view, session, chosen, [w for _, ws in chosen.bands() for w in ws])
            return
        per_row = sum(
            array[:1].nbytes / factor
            for array, factor in zip(view.sources, view.factors, strict=True)
        )
        chosen = self.plan(height, width, per_row)
        with self._band, self._budget.band(chosen.band_bytes):
            saved: list[Samples] = []
            before = 0
            for top, windows in chosen.bands():
                saved = _save_band(view, saved, before, top, top + chosen.rows.size)
                before = top
                self._windows(view.on_rows(saved, top), session, chosen, windows)

    def _windows(
        self, view: View, session: OrtSession, chosen: Plan, windows: list[Window]
    ) -> None:
        def one(window: Window) -> None:
            with self._budget.window(chosen.window_bytes):
                planes = np.empty((6, window.height // 2, window.width // 2), np.float32)
                view.read(window, planes)
                view.write(window, session.run(planes))

        self._all([self._executor().submit(one, window) for window in windows])

    def network_pass(self, height: int, width: int, step: float) -> None:
        """Run the network alone over all windows of such a picture, on neutral planes."""
        session, chosen = self.session(step), self.plan(height, width)
        rows, columns = chosen.window

        def one() -> None:
            with self._budget.window(chosen.window_bytes):
                session.run(np.zeros((6, rows // 2, columns // 2), np.float32))

        self._all([self._executor().submit(one) for _ in range(chosen.count)])

    def _executor(self) -> ThreadPoolExecutor:
        with self._lock:
            if self._closed:
                raise InputError("this Enhancer is closed: make a new one.")
            if self._pool is None:
                self._pool = ThreadPoolExecutor(self.threads, "edgeqe")
            return self._pool

    @staticmethod
    def _all(futures: list[Future[None]]) -> None:
        """Wait for all; on an error or Ctrl-C drop what has not begun, finish what has."""
        try:
            wait(futures, return_when=FIRST_EXCEPTION)
            for future in futures:
                if future.done():
                    future.result()
        finally:
            for future in futures:
                future.cancel()
            wait(futures)

    def close(self) -> None:
        """Drop sessions and threads; later calls raise."""
        with self._lock:
            self._closed = True
            self._sessions.clear()
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
