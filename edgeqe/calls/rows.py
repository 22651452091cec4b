"""The call of `Enhancer` that hands a picture over in strips of rows, while it is enhanced."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from edgeqe.calls.semi_planar import SemiPlanarCalls
from edgeqe.engine.arrays import enhance_strips
from edgeqe.errors import InputError
from edgeqe.views.arrays import Image, depth_of
from edgeqe.views.options import EnhanceOptions

__all__ = ["RowCalls"]


class RowCalls(SemiPlanarCalls):
    """Base of `Enhancer`: pictures of which no second copy is to be held."""

    def enhance_rows(
        self,
        planes: Sequence[Image],
        take: Callable[[int, tuple[Image, ...]], None],
        *,
        quality: int | None = None,
        qp: float | None = None,
        rate: float | None = None,
        step: float | None = None,
        codec: str | None = None,
        amount: float = 1.0,
        ensemble: int = 1,
        bit_depth: int | None = None,
    ) -> None:
        """Enhance a picture, and hand its rows over as they are finished.

        The samples are those of `enhance` and `enhance_planes`; only a few strips of them are held
        at a time.

        Parameters
        ----------
        planes : sequence of ndarray
            A gray or RGB picture, as of `enhance`, or the three planes of `enhance_planes`.
        take : callable
            Called with the first row of a strip and its planes, as `planes` has them, strip after
            strip from the top. It is never called twice at once, but from threads of the
            `Enhancer`, which computes on meanwhile; it may keep the arrays, but not write to them.
            What it raises ends the call.
        quality, qp, rate, step, codec, amount, ensemble, bit_depth
            As of `enhance`.

        Raises
        ------
        InputTypeError, InputError, MemoryLimitError, ClosedError
            As of `enhance` and `enhance_planes`.

        Examples
        --------
        >>> import numpy as np
        >>> from edgeqe import Enhancer
        >>> frame, strips = np.full((700, 60), 90, np.uint8), []
        >>> with Enhancer("edgeqe-nano", memory_limit="12MiB") as enhancer:
        ...     enhancer.enhance_rows([frame], lambda row, planes: strips.append(planes[0]), quality=20)
        >>> np.concatenate(strips).shape
        (700, 60)
        """
        strength = self._strength(quality, qp, rate, step, codec)
        options = EnhanceOptions(amount, ensemble)
        if len(planes) not in (1, 3):
            raise InputError(f"a picture is one array, or three planes, not {len(planes)}.")
        depth = depth_of(planes[0], bit_depth)
        enhance_strips(self._engine, planes, take, depth, strength, options)
