"""One window through the sessions: read from the view, run, written back."""

from __future__ import annotations

from math import prod

import numpy as np
import numpy.typing as npt

from edgeqe.engine.cascade import OpenSessions
from edgeqe.engine.geometry import Geometry
from edgeqe.engine.memory import Place
from edgeqe.runtimes import IntegerSession
from edgeqe.runtimes.processor_time import Spent
from edgeqe.typing import Float
from edgeqe.views.flat_chroma import NATIVE, Levels, Mask, may_change, rounded
from edgeqe.views.integers import holds_bytes, is_inside, read_integers, write_integers
from edgeqe.views.margin import mirror, read_mirrored, samples_inside
from edgeqe.views.subsampled import View
from edgeqe.views.window import Window


class WindowPass:
    """Passes of a network's windows, in the memory of their places.

    8-bit samples of 4:2:0 go to an integer network as they are where its session takes them; all
    else becomes floats. Both give the same samples.

    Parameters
    ----------
    geometry : Geometry
    """

    def __init__(self, geometry: Geometry) -> None:
        self.geometry = geometry

    def enhance(
        self,
        view: View,
        opened: OpenSessions,
        window: Window,
        place: Place,
        filled: tuple[int, int],
    ) -> None:
        """Enhance a window's own result.

        The view fills a picture of a height and width; beyond these it is mirrored.
        """
        with Spent("window"):
            integers, inside = opened.integers, window.clipped(*filled)
            if integers is None or not (holds_bytes(view) and is_inside(view, inside)):
                view.write(window, self.residual(view, opened, window, place, filled))
                return
            samples, residual = self._integers(place, window.height, window.width)
            rows, columns = samples_inside(window, inside, view.pixels_per_sample)
            read_integers(view, inside, samples[slice(*rows), slice(*columns)])
            mirror(samples.transpose(2, 0, 1), rows, columns, phases=True)
            integers.run_integers(samples, residual, place.kind)
            if view.colour:
                chroma = samples.view(np.uint16)[..., 2:].copy().view(np.int8)
                pairs = residual.view(np.uint16)[..., 2]  # Cb and Cr
                pairs *= self._may_change(chroma)
            assert integers.integer_scale is not None
            write_integers(view, window, samples, residual, integers.integer_scale)

    def residual(
        self,
        view: View,
        opened: OpenSessions,
        window: Window,
        place: Place,
        filled: tuple[int, int],
    ) -> Float:
        """Residual of a window, 8-bit levels; see `enhance`."""
        planes, buffer = self._planes_and_buffer(opened, place, window.height, window.width)
        read_mirrored(view, window, filled, planes, self.geometry.channels)
        if not (view.colour and self.geometry.layout == NATIVE):
            return opened.run(planes, buffer, place.kind)
        changes = self._may_change(rounded(planes[4:6]))  # the run may overwrite the planes
        residual = opened.run(planes, buffer, place.kind)
        residual[4:] *= changes
        return residual

    def _may_change(self, chroma: Levels) -> Mask:
        """Where chroma may change: where any that the network sees is not flat."""
        return may_change(chroma, self.geometry.halo // self.geometry.pixels_per_sample)

    def network_alone(self, opened: OpenSessions, place: Place, window: tuple[int, int]) -> None:
        """Run a window of neutral planes, of a height and width, as `enhance` would."""
        integers: IntegerSession | None = opened.integers
        if integers is not None and self.geometry.layout == NATIVE:
            samples, residual = self._integers(place, *window)
            samples[:] = 0
            integers.run_integers(samples, residual, place.kind)
            return
        planes, buffer = self._planes_and_buffer(opened, place, *window)
        planes[:] = 0.0
        opened.run(planes, buffer, place.kind)

    def _planes_and_buffer(
        self, opened: OpenSessions, place: Place, height: int, width: int
    ) -> tuple[Float, Float]:
        """Planes of a window and the buffer for its residual, of its place."""
        pixels, inputs = self.geometry.pixels_per_sample, self.geometry.inputs
        both = place.array(inputs + opened.buffer_planes, height // pixels, width // pixels)
        return both[:inputs], both[inputs:]

    def _integers(
        self, place: Place, height: int, width: int
    ) -> tuple[npt.NDArray[np.int8], npt.NDArray[np.int8]]:
        """Samples of a window and its residual, of its place."""
        pixels, channels = self.geometry.pixels_per_sample, self.geometry.channels
        shape = (height // pixels, width // pixels, channels)
        values = place.array(-(-2 * prod(shape) // 4)).view(np.int8)
        samples, residual = values[: 2 * prod(shape)].reshape(2, *shape)
        return samples, residual
