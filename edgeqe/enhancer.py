"""`Enhancer`: the runtime API that device teams embed."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import IO, TYPE_CHECKING

import numpy as np

from edgeqe.codecs.strength import resolve_if_given, resolve_strength
from edgeqe.engine.arrays import enhance_arrays, enhance_semi_planar
from edgeqe.engine.cascade import LONGEST
from edgeqe.engine.memory import parse_size
from edgeqe.engine.opening import open_on
from edgeqe.errors import InputError
from edgeqe.info import Info, SelfTest, info_of
from edgeqe.model.serving import check_serves, codecs_of
from edgeqe.views.arrays import Image, check_residual, depth_of
from edgeqe.views.full_size import VIEWS
from edgeqe.views.options import EnhanceOptions
from edgeqe.views.subsampled import Depth

if TYPE_CHECKING:
    from edgeqe.files.enhance import FileReport

__all__ = ["Enhancer"]


class Enhancer:
    """Removes compression artefacts from pictures, in a bounded amount of memory.

    Thread-safe: calls of several threads share sessions, threads and memory limit,
    and wait where the limit is in use. A context manager.

    Parameters
    ----------
    model : str, path, or a sequence of 1 to 4 of them
        Name of a shipped model (``edgeqe models`` lists them) or a model file. Several
        are a cascade: they run one after another on each window, at one strength.
    target : str
        Where to run: ``auto``, ``cpu``, a target's name (``edgeqe targets`` lists them) or the
        path of a profile. A target that is not there, or that leaves convolutions elsewhere, is
        an error.
    memory_limit : int or str
        Most that all calls together allocate after their sessions are made; the
        caller's own pictures are not counted. Such as ``"64MiB"``.
    threads : int, optional
        Windows that run at once; if left out the target's, which is all processors on a CPU.
    allow_fallback : bool
        Run on the processor where the target is not there; `info` then says so.

    Raises
    ------
    ModelError
        If the model is missing, damaged or foreign.
    ProviderError
        If the runtime or the target is not there, or runs elsewhere.
    MemoryLimitError
        If the limit is too small for any window.
    InputError
        If an argument is wrong.

    Examples
    --------
    >>> import numpy as np
    >>> from edgeqe import Enhancer
    >>> with Enhancer("edgeqe-tiny", memory_limit="24MiB", threads=1) as enhancer:
    ...     better = enhancer.enhance(np.full((40, 60), 90, np.uint8), quality=20)
    >>> better.shape, better.dtype
    ((40, 60), dtype('uint8'))
    """

    def __init__(
        self,
        model: str | os.PathLike[str] | Sequence[str | os.PathLike[str]] = "edgeqe-small",
        *,
        target: str = "auto",
        memory_limit: int | str = "64MiB",
        threads: int | None = None,
        allow_fallback: bool = False,
    ) -> None:
        names = [model] if isinstance(model, (str, os.PathLike)) else list(model)
        if not 1 <= len(names) <= LONGEST:
            raise InputError(f"a cascade has 1 to {LONGEST} models, not {len(names)}.")
        if threads is not None and (
            isinstance(threads, bool) or not isinstance(threads, int) or not 1 <= threads <= 256
        ):
            raise InputError(f"threads {threads!r} is not a whole number from 1 to 256.")
        limit = parse_size(memory_limit)
        self._opened = open_on(names, target, limit, threads, allow_fallback=allow_fallback)
        self._engine = self._opened.engine

    def __enter__(self) -> Enhancer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Free sessions and threads; calls that follow raise ClosedError. Closing twice is fine."""
        self._engine.close()

    @property
    def info(self) -> Info:
        """What it is and where it runs: card, provider as placed, window, halo, planned bytes."""
        return info_of(self._opened)

    @property
    def codecs(self) -> tuple[str, ...]:
        """Codecs that it serves, those that every model's card names; others are refused.

        Examples
        --------
        >>> from edgeqe import Enhancer
        >>> with Enhancer("edgeqe-nano") as enhancer:
        ...     enhancer.codecs
        ('jpeg',)
        """
        return codecs_of(self._engine.cascade.cards)

    @property
    def takes_planes(self) -> bool:
        """Whether `enhance_planes` and its like work: not with networks of RGB."""
        return (self._engine.geometry.layout, "planes") in VIEWS

    def is_exact(self, height: int, width: int) -> bool:
        """Whether a picture of this size gets what the network gives for it as a whole.

        Not so where the target has windows of one size and the picture is smaller: its mirror
        image lies around it then.

        Parameters
        ----------
        height, width : int
            Pixels.

        Returns
        -------
        bool
        """
        return self._engine.is_exact(height, width)

    def planned_bytes(self, height: int, width: int, *, ensemble: int = 1) -> int:
        """Bytes that a call on a picture of this size takes at most, its own output not counted.

        A call that writes into its own input may take more, up to the limit.

        Parameters
        ----------
        height, width : int
            Pixels.
        ensemble : {1, 8}
            As of `enhance`.

        Returns
        -------
        int
            Bytes, at most `info.memory_limit`.

        Raises
        ------
        MemoryLimitError
            If such a picture does not fit in the limit.
        InputError
            If `ensemble` is neither 1 nor 8.

        Examples
        --------
        >>> from edgeqe import Enhancer
        >>> with Enhancer("edgeqe-nano", memory_limit="32MiB", threads=1) as enhancer:
        ...     enhancer.planned_bytes(1080, 1920) <= 32 * 2**20
        True
        """
        members = EnhanceOptions(ensemble=ensemble).ensemble
        return self._engine.plan(height, width, 0.0, members).planned_bytes

    def enhance(
        self,
        image: Image,
        *,
        quality: int | None = None,
        qp: float | None = None,
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
            A fourth channel is alpha and is copied. Strided views are fine.
        quality, qp, step
            Strength, exactly one: JPEG quality 1 to 100, HEVC QP 0 to 63, or the
            codec's quantization step in 8-bit sample values, above 0 and up to 4096.
        codec : str, optional
            What compressed the picture, as the model's card names it: ``h264``, ``vvc``,
            ``bpg`` or ``heif`` with `qp`, any with `step`. If left out, ``jpeg`` with
            `quality`, ``hevc`` with `qp`, and with `step` what the model serves.
        amount : float
            How much of the change is made, from 0, which gives the picture as it is, to 1.
        ensemble : {1, 8}
            8 is the mean of the network's residual over the eight flips and turns: a little
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
        strength, options = self._step(quality, qp, step, codec), EnhanceOptions(amount, ensemble)
        if not isinstance(image, np.ndarray) or not (
            image.ndim == 2 or (image.ndim == 3 and image.shape[2] in (3, 4))
        ):
            shape = getattr(image, "shape", type(image).__name__)
            raise InputError(f"a picture has shape (H, W), (H, W, 3) or (H, W, 4), not {shape}.")
        if channels not in ("rgb", "bgr"):
            raise InputError(f"channels {channels!r}: use 'rgb' or 'bgr'.")
        depth = depth_of(image, bit_depth)
        kind = "gray" if image.ndim == 2 else channels
        given = None if out is None else [out]
        (target,) = enhance_arrays(
            self._engine, kind, [image], given, depth, strength, options, prediction_residual
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
        quality, qp, step, codec, amount, ensemble, bit_depth, prediction_residual
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
        strength, options = self._step(quality, qp, step, codec), EnhanceOptions(amount, ensemble)
        depth = depth_of(y, bit_depth)
        made = enhance_arrays(
            self._engine, "planes", [y, u, v], out, depth, strength, options, prediction_residual
        )
        return made[0], made[1], made[2]

    def enhance_nv12(
        self,
        y: Image,
        uv: Image,
        *,
        quality: int | None = None,
        qp: float | None = None,
        step: float | None = None,
        codec: str | None = None,
        amount: float = 1.0,
        ensemble: int = 1,
        prediction_residual: Image | None = None,
        out: Sequence[Image] | None = None,
    ) -> tuple[Image, Image]:
        """Enhance NV12: Y and interleaved U, V, 8 bits each.

        Parameters
        ----------
        y : ndarray of uint8, shape (H, W)
        uv : ndarray of uint8, shape (ceil(H / 2), ceil(W / 2), 2)
            Cb and Cr of each 2x2 pixels. Strided views are fine.
        quality, qp, step, codec, amount, ensemble, prediction_residual
            As of `enhance`; the residual is that of Y.
        out : (y, uv), optional
            Where to write; may be the planes themselves.

        Returns
        -------
        (y, uv)
            `out`, or new arrays of the planes' shapes and dtype.

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
        >>> better[0] is y, better[1] is uv
        (True, True)
        """
        strength, options = self._step(quality, qp, step, codec), EnhanceOptions(amount, ensemble)
        return enhance_semi_planar(
            self._engine, y, uv, out, Depth(8), np.uint8, strength, options, prediction_residual
        )

    def enhance_p010(
        self,
        y: Image,
        uv: Image,
        *,
        quality: int | None = None,
        qp: float | None = None,
        step: float | None = None,
        codec: str | None = None,
        amount: float = 1.0,
        ensemble: int = 1,
        prediction_residual: Image | None = None,
        out: Sequence[Image] | None = None,
    ) -> tuple[Image, Image]:
        """Enhance P010: as NV12, with 10 bits at the top of uint16.

        Parameters
        ----------
        y : ndarray of uint16, shape (H, W)
            Sample values of 0 to 1023, times 64: the low 6 bits are 0.
        uv : ndarray of uint16, shape (ceil(H / 2), ceil(W / 2), 2)
            Cb and Cr of each 2x2 pixels, as `y`. Strided views are fine.
        quality, qp, step, codec, amount, ensemble
            As of `enhance`; `step` counts 8-bit sample values here, too.
        prediction_residual : ndarray of int8, int16, int32 or float32, shape (H, W)
            Decoded prediction residual of Y in 10-bit sample values, for models that take it.
        out : (y, uv), optional
            Where to write; may be the planes themselves.

        Returns
        -------
        (y, uv)
            `out`, or new arrays of the planes' shapes, uint16, with the low 6 bits 0.

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
        strength, options = self._step(quality, qp, step, codec), EnhanceOptions(amount, ensemble)
        return enhance_semi_planar(
            self._engine,
            y,
            uv,
            out,
            Depth(10, 6),
            np.uint16,
            strength,
            options,
            prediction_residual,
        )

    def enhance_file(
        self,
        source: str | os.PathLike[str] | bytes | IO[bytes],
        destination: str | os.PathLike[str] | IO[bytes],
        *,
        quality: int | None = None,
        qp: float | None = None,
        step: float | None = None,
        codec: str | None = None,
        amount: float = 1.0,
        ensemble: int = 1,
        overwrite: bool = False,
    ) -> FileReport:
        """Enhance a picture file; a JPEG's strength is read from its own tables.

        Orientation tag, EXIF block, colour profile, resolution, alpha and 16-bit depth are
        kept. The output appears whole or not at all. Models with a prediction residual are
        refused: a picture file carries none.

        Parameters
        ----------
        source : str, path, bytes, or binary stream
            JPEG, PNG, TIFF, WebP, BMP, GIF, PGM or PPM.
        destination : str, path, or binary stream
            PNG, TIFF, WebP (lossless) or JPEG (quality 95) by suffix; PNG into a stream.
        quality, qp, step, codec
            Strength, as of `enhance`. If left out, a JPEG's own luma table says it.
        amount, ensemble
            As of `enhance`.
        overwrite : bool
            Replace an existing file.

        Returns
        -------
        FileReport
            Strength, kind of picture, seconds.

        Raises
        ------
        MissingImageError
            If the file, or the output's folder, is not there.
        ImageError
            If a file cannot be read or written, the output exists, or its format cannot hold
            the picture.
        InputError
            If an argument is wrong, the file carries no strength and none is given, or the
            model does not serve the codec.
        MissingPackageError
            If Pillow is not installed.

        Examples
        --------
        >>> import io
        >>> from PIL import Image
        >>> from edgeqe import Enhancer
        >>> jpeg, png = io.BytesIO(), io.BytesIO()
        >>> Image.new("RGB", (60, 40), (90, 120, 150)).save(jpeg, "JPEG", quality=30)
        >>> with Enhancer("edgeqe-nano") as enhancer:
        ...     report = enhancer.enhance_file(jpeg.getvalue(), png)
        >>> report.kind, report.quality, report.strength_from
        ('4:2:0 planes', 30, 'file')
        """
        from edgeqe.files.enhance import enhance_file

        given = resolve_if_given(quality=quality, qp=qp, step=step, codec=codec)
        if given is not None:
            check_serves(self._engine.cascade.cards, given)
        check_residual(None, self._engine.geometry.takes_residual, (), ())
        return enhance_file(
            self,
            source,
            destination,
            quality=quality,
            qp=qp,
            step=step,
            codec=codec,
            options=EnhanceOptions(amount, ensemble),
            overwrite=overwrite,
        )

    def self_test(self) -> SelfTest:
        """Run the card's golden tile on this device and compare; each model's in a cascade.

        Returns
        -------
        SelfTest
            Of a cascade the model nearest to its tolerance, or farthest above it.

        Examples
        --------
        >>> from edgeqe import Enhancer
        >>> with Enhancer("edgeqe-nano") as enhancer:
        ...     enhancer.self_test().passed
        True
        """
        errors = self._engine.golden_errors()
        error, tolerance = max(errors, key=lambda pair: pair[0] / pair[1])
        return SelfTest(error <= tolerance, error, tolerance)

    def network_pass(self, height: int, width: int, *, step: float) -> None:
        """Run the network alone over all windows of a picture of this size, for timing.

        Parameters
        ----------
        height, width : int
            Pixels.
        step : float
            Quantization step, as of `enhance`.
        """
        self._engine.network_pass(height, width, step)

    def _step(
        self, quality: int | None, qp: float | None, step: float | None, codec: str | None
    ) -> float:
        """Step of a strength whose codec the models serve."""
        strength = resolve_strength(quality=quality, qp=qp, step=step, codec=codec)
        check_serves(self._engine.cascade.cards, strength)
        return strength.step
