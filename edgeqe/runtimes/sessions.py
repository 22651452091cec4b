"""How a target opens sessions of model files, and where they turn out to run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from edgeqe.engine.tiling import FIXED_BYTES, least_side
from edgeqe.errors import InputError
from edgeqe.model.file import ModelFile
from edgeqe.targets.profile import Profile, Runtime, WindowBounds

if TYPE_CHECKING:
    from edgeqe.runtimes import Session
    from edgeqe.runtimes.accelerator import Accelerator
    from edgeqe.runtimes.placement import Placement

#: Share of the memory limit for a window; the rest is for rows of a picture enhanced in place.
_SHARE = 0.75


class Openers:
    """Opens sessions of files, each its profile's way.

    Parameters
    ----------
    files : sequence of ModelFile
    ways : sequence of Runtime, optional
        How each runs; on the processor if left out.
    profile : Profile, optional
        The target's.
    """

    def __init__(
        self,
        files: Sequence[ModelFile],
        ways: Sequence[Runtime] = (),
        profile: Profile | None = None,
    ) -> None:
        self._files, self._ways, self._profile = files, ways, profile
        self.bounds = WindowBounds() if profile is None else profile.window
        self.side = 0
        """Side of the windows where all pictures have the same; else 0."""
        self._accelerators: dict[int, Accelerator] = {}

    @property
    def profile_file(self) -> str:
        """File of the target's profile; empty without one."""
        return "" if self._profile is None else self._profile.source

    def fix(self, halo: int, alignment: int, tiling: str, block: int, limit: int) -> None:
        """Choose the one window of a target that wants one, the largest that fits the limit.

        Raises
        ------
        InputError
            If the network needs the picture whole, or the bounds are too small for its halo.
        """
        from edgeqe.runtimes.ort import VIEW_BYTES

        if not self.bounds.fixed:
            return
        if tiling == "whole":
            raise InputError(
                "the network needs the whole picture at once, this target has windows of one size: "
                "use target 'cpu', or 'edgeqe convert --freeze-gates'."
            )
        if tiling == "blocks":
            self.side = block
            return
        least = max(least_side(halo, alignment), self.bounds.smallest)
        most = self.bounds.largest // alignment * alignment
        if most < least_side(halo, alignment):
            raise InputError(
                f"windows of at most {self.bounds.largest} pixels a side are too small for a halo "
                f"of {halo}: give window.largest at least {least_side(halo, alignment)}."
            )
        per_pixel = max(4.0 * f.card.peak_floats_per_pixel for f in self._files) + VIEW_BYTES
        room = max(0.0, _SHARE * (limit - FIXED_BYTES))
        fitting = int((room / per_pixel) ** 0.5) // alignment * alignment
        self.side = min(most, max(fitting, -(-least // alignment) * alignment))

    def open(self, index: int, key: int) -> Session:
        """Session of a file at a key of its strengths; see `runtimes.open_session`."""
        from edgeqe.runtimes import open_session

        file, way = self._files[index], self._ways[index] if self._ways else None
        if way is None:
            return open_session(file, key)
        if not self.side or self._profile is None or file.format != "onnx":
            return open_session(file, key, way)
        if index not in self._accelerators:
            from edgeqe.runtimes.accelerator import Accelerator

            self._accelerators[index] = Accelerator(file, way, self._profile, self.side)
        return self._accelerators[index].open(key)

    def placements(self) -> list[Placement]:
        """Where each file's network runs, from the record of a run of it."""
        from edgeqe.runtimes import placement_of

        found = []
        for index, file in enumerate(self._files):
            placement = None
            if index in self._accelerators:
                placement = self._accelerators[index].placement
            found.append(placement or placement_of(file))
        return found
