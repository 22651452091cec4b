"""The calls of `Enhancer` that take NV12 and P010: Y with interleaved chroma, as cameras give them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, overload

import numpy as np

from edgeqe.calls.arrays import ArrayCalls
from edgeqe.codecs.strength import Strength
from edgeqe.engine.arrays import enhance_semi_planar
from edgeqe.errors import InputError
from edgeqe.views.arrays import Image
from edgeqe.views.options import EnhanceOptions
from edgeqe.views.packed import unpacked
from edgeqe.views.subsampled import Depth

__all__ = ["SemiPlanarCalls"]


class SemiPlanarCalls(ArrayCalls):
    """Base of `Enhancer`: the layouts of cameras and hardware decoders."""

    @overload
    def enhance_nv12(
        self,
        y: Image,
        uv: None = None,
        *,
        quality: int | None = ...,
        qp: float | None = ...,
        rate: float | None = ...,
        step: float | None = ...,
        codec: str | None = ...,
        amount: float = ...,
        ensemble: int = ...,
        prediction_residual: Image | None = ...,
        out: Image | None = ...,
    ) -> Image: ...

    @overload
    def enhance_nv12(
        self,
        y: Image,
        uv: Image,
        *,
        quality: int | None = ...,
        qp: float | None = ...,
        rate: float | None = ...,
        step: float | None = ...,
        codec: str | None = ...,
        amount: float = ...,
        ensemble: int = ...,
        prediction_residual: Image | None = ...,
        out: Sequence[Image] | None = ...,
    ) -> tuple[Image, Image]: ...

    def enhance_nv12(
        self,
        y: Image,
        uv: Image | None = None,
        *,
        quality: int | None = None,
        qp: float | None = None,
        rate: float | None = None,
        step: float | None = None,
        codec: str | None = None,
        amount: float = 1.0,
        ensemble: int = 1,
        prediction_residual: Image | None = None,
        out: Image | Sequence[Image] | None = None,
    ) -> Image | tuple[Image, Image]:
        """Enhance NV12: Y and interleaved U, V, 8 bits each, in two arrays or packed in one.

        Parameters
        ----------
        y : ndarray of uint8, shape (H, W)
            Or, without `uv`, the packed frame, shape (H * 3 / 2, W): Y with U and V below it, H and
            W even. Strided views are fine.
        uv : ndarray of uint8, shape (ceil(H / 2), ceil(W / 2), 2), optional
            Cb and Cr of each 2x2 pixels.
        quality, qp, rate, step, codec, amount, ensemble, prediction_residual
            As of `enhance`; the residual is that of Y.
        out : (y, uv), or ndarray where the frame is packed, optional
            Where to write, as the input; may be the input itself.

        Returns
        -------
        (y, uv), or ndarray where the frame is packed
            `out`, or new arrays of the input's shapes and dtype.

        Raises
        ------
        InputTypeError, InputError, MemoryLimitError, ClosedError
            As of `enhance_planes`.

        Examples
        --------
        >>> import numpy as np
        >>> from edgeqe import Enhancer
        >>> y, uv = np.full((40, 60), 90, np.uint8), np.full((20, 30, 2), 128, np.uint8)
        >>> with Enhancer("edgeqe-nano") as enhancer:
        ...     better = enhancer.enhance_nv12(y, uv, quality=40, out=(y, uv))
        ...     frame = enhancer.enhance_nv12(np.full((60, 60), 128, np.uint8), quality=40)
        >>> better[0] is y, better[1] is uv, frame.shape
        (True, True, (60, 60))
        """
        how = (Depth(8), np.uint8, self._strength(quality, qp, rate, step, codec))
        return self._semi_planar(
            y, uv, out, *how, EnhanceOptions(amount, ensemble), prediction_residual
        )

    @overload
    def enhance_p010(
        self,
        y: Image,
        uv: None = None,
        *,
        quality: int | None = ...,
        qp: float | None = ...,
        rate: float | None = ...,
        step: float | None = ...,
        codec: str | None = ...,
        amount: float = ...,
        ensemble: int = ...,
        prediction_residual: Image | None = ...,
        out: Image | None = ...,
    ) -> Image: ...

    @overload
    def enhance_p010(
        self,
        y: Image,
        uv: Image,
        *,
        quality: int | None = ...,
        qp: float | None = ...,
        rate: float | None = ...,
        step: float | None = ...,
        codec: str | None = ...,
        amount: float = ...,
        ensemble: int = ...,
        prediction_residual: Image | None = ...,
        out: Sequence[Image] | None = ...,
    ) -> tuple[Image, Image]: ...

    def enhance_p010(
        self,
        y: Image,
        uv: Image | None = None,
        *,
        quality: int | None = None,
        qp: float | None = None,
        rate: float | None = None,
        step: float | None = None,
        codec: str | None = None,
        amount: float = 1.0,
        ensemble: int = 1,
        prediction_residual: Image | None = None,
        out: Image | Sequence[Image] | None = None,
    ) -> Image | tuple[Image, Image]:
        """Enhance P010: as NV12, with 10 bits at the top of uint16.

        Parameters
        ----------
        y : ndarray of uint16, shape (H, W)
            Sample values of 0 to 1023, times 64: the low 6 bits are 0. Or, without `uv`, the
            packed frame, shape (H * 3 / 2, W). Strided views are fine.
        uv : ndarray of uint16, shape (ceil(H / 2), ceil(W / 2), 2), optional
            Cb and Cr of each 2x2 pixels, as `y`.
        quality, qp, rate, step, codec, amount, ensemble
            As of `enhance`; `step` counts 8-bit sample values here, too.
        prediction_residual : ndarray of int8, int16, int32 or float32, shape (H, W)
            Decoded prediction residual of Y in 10-bit sample values, for models that take it.
        out : (y, uv), or ndarray where the frame is packed, optional
            Where to write, as the input; may be the input itself.

        Returns
        -------
        (y, uv), or ndarray where the frame is packed
            `out`, or new arrays of the input's shapes, uint16, with the low 6 bits 0.

        Raises
        ------
        InputTypeError, InputError, MemoryLimitError, ClosedError
            As of `enhance_planes`.

        Examples
        --------
        >>> import numpy as np
        >>> from edgeqe import Enhancer
        >>> y, uv = (np.full(size, 512 << 6, np.uint16) for size in ((40, 60), (20, 30, 2)))
        >>> with Enhancer("edgeqe-nano") as enhancer:
        ...     better_y, better_uv = enhancer.enhance_p010(y, uv, quality=40)
        >>> better_y.dtype, bool((better_y & 63).any())
        (dtype('uint16'), False)
        """
        how = (Depth(10, 6), np.uint16, self._strength(quality, qp, rate, step, codec))
        return self._semi_planar(
            y, uv, out, *how, EnhanceOptions(amount, ensemble), prediction_residual
        )

    def _semi_planar(
        self,
        y: Image,
        uv: Image | None,
        out: Image | Sequence[Image] | None,
        depth: Depth,
        dtype: type[Any],
        strength: Strength,
        options: EnhanceOptions,
        prediction_residual: Image | None,
    ) -> Image | tuple[Image, Image]:
        """Enhance two arrays, or the two views of a packed one."""
        how = (depth, dtype, strength, options, prediction_residual)
        if uv is not None:
            if isinstance(out, np.ndarray):
                raise InputError("out must be (y, uv), as the input is; a packed frame has no uv.")
            return enhance_semi_planar(self._runner, y, uv, out, *how)
        y, uv = unpacked(y)
        frame = np.empty((len(y) * 3 // 2, y.shape[1]), y.dtype) if out is None else out
        if not isinstance(frame, np.ndarray):
            raise InputError("out of a packed frame is one array, shaped as the frame.")
        enhance_semi_planar(self._runner, y, uv, unpacked(frame), *how)
        return frame
