"""The calls of `Enhancer` that take a picture as arrays: gray, colour, or I420 planes."""

from __future__ import annotations

from collections.abc import Sequence

from edgeqe.codecs.strength import Strength, resolve_strength
from edgeqe.engine.arrays import Runner, enhance_arrays
from edgeqe.engine.engine import Engine
from edgeqe.engine.opening import OpenedEngine
from edgeqe.errors import InputError
from edgeqe.model.serving import check_serves
from edgeqe.views.arrays import Image, depth_of
from edgeqe.views.full_size import VIEWS
from edgeqe.views.options import EnhanceOptions

__all__ = ["ArrayCalls"]


class ArrayCalls:
    """Base of `Enhancer`, which makes the engine, and of `FrameSequence`."""

    _opened: OpenedEngine

    @property
    def _engine(self) -> Engine:
        return self._opened.engine

    @property
    def _runner(self) -> Runner:
        """What runs the pictures of these calls."""
        return self._engine

    @property
    def takes_planes(self) -> bool:
        """Whether `enhance_planes` and its like work: not with networks of RGB."""
        return (self._engine.geometry.layout, "planes") in VIEWS

    @property
    def takes_residual(self) -> bool:
        """Whether a model has the decoder's prediction residual as a second input."""
        return self._engine.geometry.takes_residual

    def enhance(
        self,
        image: Image,
        *,
        quality: int | None = None,
        qp: float | None = None,
        rate: float | None = None,
        step: float | None = None,
        codec: str | None = None,
        amount: float = 1.0,
        ensemble: int = 1,
        channels: str = "rgb",
        bit_depth: int | None = None,
        prediction_residual: Image | None = None,
        out: Image | None = None,
    ) -> Image:
        """Enhance a gray or colour picture.

        Parameters
        ----------
        image : ndarray of uint8 or uint16, shape (H, W), (H, W, 3) or (H, W, 4)
            A fourth channel is alpha and is copied. Strided views are fine. A packed frame of a
            camera, Y with the chroma below it in one array, has the shape of a gray picture too:
            that goes to `enhance_nv12`.
        quality, qp, rate, step
            Strength, exactly one: JPEG quality 1 to 100, HEVC QP 0 to 63, rate of JPEG 2000
            in bits per pixel, or the codec's quantization step in 8-bit sample values, above 0
            and up to 4096.
        codec : str, optional
            What compressed the picture, as the model's card names it: ``h264``, ``vvc``,
            ``av1``, ``bpg`` or ``heif`` with `qp`, ``webp`` with `quality`, any with `step`. If
            left out, ``jpeg`` with `quality`, ``hevc`` with `qp`, ``jpeg2000`` with `rate`, and
            with `step` the first that the model serves.
        amount : float
            How much of the change is made, from 0, which gives the picture as it is, to 1.
        ensemble : {1, 8}
            8 is the mean of the network's residual over the eight flips and rotations: a little
            better, at eight times the work.
        channels : {"rgb", "bgr"}
            Order of the colours.
        bit_depth : int, optional
            Significant low bits of uint16, 8 to 16; 16 if left out.
        prediction_residual : ndarray of int8, int16, int32 or float32, shape (H, W)
            Decoded prediction residual, for models that have it as second input: signed,
            in sample values of `bit_depth` bits, 0 where there is none.
        out : ndarray, optional
            Where to write, shape and dtype of `image`; may be `image` itself.

        Returns
        -------
        ndarray
            `out`, or a new array of the shape and dtype of `image`.

        Raises
        ------
        InputTypeError
            If an argument has a wrong type, such as a picture of float.
        InputError
            If an argument is out of range, no strength is given, or the model does not serve
            the codec.
        MemoryLimitError
            If a picture of this width cannot be enhanced in place inside the limit.
        ClosedError
            After `close`.

        Examples
        --------
        >>> import numpy as np
        >>> from edgeqe import Enhancer
        >>> frame = np.full((40, 60, 3), 90, np.uint8)
        >>> with Enhancer("edgeqe-nano") as enhancer:
        ...     better = enhancer.enhance(frame, quality=20)
        ...     same = enhancer.enhance(frame, quality=20, amount=0.0)
        >>> better.shape, better.dtype, bool((same == frame).all())
        ((40, 60, 3), dtype('uint8'), True)
        """
        strength, options = (
            self._strength(quality, qp, rate, step, codec),
            EnhanceOptions(amount, ensemble),
        )
        depth = depth_of(image, bit_depth)
        if not (image.ndim == 2 or (image.ndim == 3 and image.shape[2] in (3, 4))):
            raise InputError(
                f"a picture has shape (H, W), (H, W, 3) or (H, W, 4), not {image.shape}."
            )
        if channels not in ("rgb", "bgr"):
            raise InputError(f"channels {channels!r}: use 'rgb' or 'bgr'.")
        kind = "gray" if image.ndim == 2 else channels
        given = None if out is None else [out]
        (target,) = enhance_arrays(
            self._runner, kind, [image], given, depth, strength, options, prediction_residual
        )
        return target

    def enhance_planes(
        self,
        y: Image,
        u: Image,
        v: Image,
        *,
        quality: int | None = None,
        qp: float | None = None,
        rate: float | None = None,
        step: float | None = None,
        codec: str | None = None,
        amount: float = 1.0,
        ensemble: int = 1,
        bit_depth: int | None = None,
        prediction_residual: Image | None = None,
        out: Sequence[Image] | None = None,
    ) -> tuple[Image, Image, Image]:
        """Enhance I420 planes; a network of luma copies U and V.

        Parameters
        ----------
        y : ndarray of uint8 or uint16, shape (H, W)
        u, v : ndarray of the same dtype, shape (ceil(H / 2), ceil(W / 2))
            Cb and Cr. Strided views are fine.
        quality, qp, rate, step, codec, amount, ensemble, bit_depth, prediction_residual
            As of `enhance`; the residual is that of Y.
        out : (y, u, v), optional
            Where to write; may be the planes themselves.

        Returns
        -------
        (y, u, v)
            `out`, or new arrays of the planes' shapes and dtype.

        Raises
        ------
        InputTypeError, InputError, MemoryLimitError, ClosedError
            As of `enhance`; an InputError too if the network is one of RGB (`takes_planes`).

        Examples
        --------
        >>> import numpy as np
        >>> from edgeqe import Enhancer
        >>> y, u, v = (np.full(size, 128, np.uint8) for size in ((41, 60), (21, 30), (21, 30)))
        >>> with Enhancer("edgeqe-nano") as enhancer:
        ...     planes = enhancer.enhance_planes(y, u, v, quality=40)
        >>> [plane.shape for plane in planes]
        [(41, 60), (21, 30), (21, 30)]
        """
        strength, options = (
            self._strength(quality, qp, rate, step, codec),
            EnhanceOptions(amount, ensemble),
        )
        depth = depth_of(y, bit_depth)
        made = enhance_arrays(
            self._runner, "planes", [y, u, v], out, depth, strength, options, prediction_residual
        )
        return made[0], made[1], made[2]

    def _strength(
        self,
        quality: int | None,
        qp: float | None,
        rate: float | None,
        step: float | None,
        codec: str | None,
    ) -> Strength:
        """Strength whose codec the models serve."""
        strength = resolve_strength(quality=quality, qp=qp, rate=rate, step=step, codec=codec)
        check_serves(self._engine.cascade.cards, strength)
        return strength
