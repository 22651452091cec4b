"""`FrameSequence`: the frames of one stream, where what did not change keeps its result."""

from __future__ import annotations

import math
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from edgeqe.calls.semi_planar import SemiPlanarCalls
from edgeqe.engine.engine import Engine
from edgeqe.engine.reuse import FrameReuse
from edgeqe.errors import ClosedError, InputError
from edgeqe.views.options import EnhanceOptions

if TYPE_CHECKING:
    from edgeqe.enhancer import Enhancer

__all__ = ["FrameSequence", "ReuseReport"]

#: What `FrameSequence` takes.
REUSES = ("exact", "off")


@dataclass(frozen=True)
class ReuseReport:
    """How much of a stream kept its result."""

    frames: int
    share: float
    """Of the pixels of all frames, 0 to 1."""
    frames_without_memory: int
    """Frames that were enhanced whole because what is kept does not fit in the memory limit."""


class FrameSequence(SemiPlanarCalls):
    """Enhances the frames of one stream, in their order, with the calls of `Enhancer` for arrays.

    Where a window's whole input is the same as in the frame before, its result is kept and not
    computed again. The bytes are those that `Enhancer` gives. What is kept has the strength of the
    call in which it was computed: a background that is copied from frame to frame keeps the
    strength at which it was coded, and one that is coded anew gets the new one.
    Another `amount` or `ensemble`, size or type of frames starts anew.

    One object serves one stream. Its calls may come from any thread, and run one after another; streams side
    by side have an object each, and may share an `Enhancer`, whose memory limit covers them all.
    A stream's two frames are given up where other calls need the memory. A context manager.

    Parameters
    ----------
    enhancer : Enhancer
        Which runs them, and is not closed by this.
    reuse : {"exact", "off"}
        Off: each frame is enhanced whole.

    Raises
    ------
    InputError
        If `reuse` is neither.

    Examples
    --------
    >>> import numpy as np
    >>> from edgeqe import Enhancer, FrameSequence
    >>> y, uv = np.full((80, 96), 90, np.uint8), np.full((40, 48, 2), 128, np.uint8)
    >>> with Enhancer("edgeqe-nano") as enhancer, FrameSequence(enhancer) as frames:
    ...     first = frames.enhance_nv12(y, uv, quality=40)
    ...     again = frames.enhance_nv12(y, uv, quality=40)
    ...     report = frames.report
    >>> report.frames, report.share, bool((first[0] == again[0]).all())
    (2, 0.5, True)
    """

    def __init__(self, enhancer: Enhancer, *, reuse: str = "exact") -> None:
        if reuse not in REUSES:
            raise InputError(f"reuse {reuse!r}: use 'exact' or 'off'.")
        self._opened = enhancer._opened
        self.reuse = reuse
        self._made: dict[Engine, FrameReuse] = {}
        """By the process' engine: a forked process begins anew."""

    def __enter__(self) -> FrameSequence:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Free both frames. The next call begins anew."""
        with suppress(ClosedError):  # what is closed keeps nothing
            made = self._made.get(self._engine)
            if made is not None:
                made.close()

    @property
    def report(self) -> ReuseReport:
        """How much was reused until now."""
        counts = self._runner.counts
        return ReuseReport(
            counts.frames,
            counts.pixels_reused / counts.pixels if counts.pixels else 0.0,
            counts.frames_without_memory,
        )

    def planned_bytes(
        self, height: int, width: int, *, bytes_per_pixel: float = 1.5, ensemble: int = 1
    ) -> int:
        """Bytes that the stream takes at most, both kept frames counted, the output not.

        Parameters
        ----------
        height, width : int
            Pixels.
        bytes_per_pixel : float
            Of the arrays that are enhanced: 1.5 for I420 and NV12, 3 for P010 and RGB, 1 for gray.
        ensemble : {1, 8}
            As of `enhance`.

        Returns
        -------
        int
            Bytes, at most the memory limit. Without the frames, if they do not fit beside the windows.

        Raises
        ------
        MemoryLimitError
            If such a picture does not fit in the limit.
        InputError
            If `ensemble` is neither 1 nor 8.
        """
        members = EnhanceOptions(ensemble=ensemble).ensemble
        frame_bytes = math.ceil(height * width * bytes_per_pixel)
        return self._runner.planned_bytes(height, width, members, frame_bytes)

    @property
    def _runner(self) -> FrameReuse:
        engine = self._engine
        return self._made.setdefault(engine, FrameReuse(engine, compares=self.reuse == "exact"))
