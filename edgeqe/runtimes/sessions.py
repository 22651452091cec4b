"""Sessions of model files, each on the backend that a target's profile chose for it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from edgeqe.errors import ClosedError
from edgeqe.model.file import ModelFile
from edgeqe.targets.profile import Backend, Profile

if TYPE_CHECKING:
    from edgeqe.runtimes import Session
    from edgeqe.runtimes.accelerator import Accelerator


class SessionFactory:
    """Makes sessions of model files.

    Parameters
    ----------
    files : sequence of ModelFile
    backends : sequence of Backend
        What runs each.
    profile : Profile
        The target's.
    side : int
        Side of the windows, picture pixels, where all of them have the same; else 0.
    """

    def __init__(
        self,
        files: Sequence[ModelFile],
        backends: Sequence[Backend],
        profile: Profile,
        side: int = 0,
    ) -> None:
        self._files, self._backends, self._profile = files, backends, profile
        self.side = side
        self._accelerators: dict[int, Accelerator] = {}

    def anew(self) -> SessionFactory:
        """Make another that shares no session with this one, for a forked process.

        Raises
        ------
        ClosedError
            If a backend is an accelerator, whose driver a forked process cannot use.
        """
        for backend in self._backends:
            if backend.on_accelerator:
                raise ClosedError(
                    f"this Enhancer runs on {backend.provider}, which cannot be used after a fork: "
                    "make the Enhancer in the new process, or start processes by spawn."
                )
        return SessionFactory(self._files, self._backends, self._profile, self.side)

    def open(self, index: int, key: int) -> Session:
        """Session of a file at a key of its strengths; see `runtimes.open_session`."""
        from edgeqe.runtimes import open_session

        file, backend = self._files[index], self._backends[index]
        if not self.side or file.format != "onnx":
            return open_session(file, key, backend)
        if index not in self._accelerators:
            from edgeqe.runtimes.accelerator import Accelerator

            self._accelerators[index] = Accelerator(file, backend, self._profile, self.side)
        return self._accelerators[index].open(key)
