"""`Enhancer`: the runtime API that device teams embed."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from edgeqe.codecs.strength import resolve_if_given, resolve_strength
from edgeqe.engine.cascade import LONGEST
from edgeqe.engine.memory import parse_size
from edgeqe.engine.opening import open_on
from edgeqe.engine.options import Manner
from edgeqe.errors import InputError
from edgeqe.info import Info, SelfTest, info_of
from edgeqe.model.serving import check_serves, codecs_of
from edgeqe.views.arrays import Image, check_planes, check_residual, depth_of
from edgeqe.views.full_size import VIEWS
from edgeqe.views.subsampled import Depth

if TYPE_CHECKING:
    from edgeqe.files.enhance import FileReport


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
    fallback : bool
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
        fallback: bool = False,
    ) -> None:
        names = [model] if isinstance(model, (str, os.PathLike)) else list(model)
        if not 1 <= len(names) <= LONGEST:
            raise InputError(f"a cascade has 1 to {LONGEST} models, not {len(names)}.")
        if threads is not None and (
            isinstance(threads, bool) or not isinstance(threads, int) or not 1 <= threads <= 256
        ):
            raise InputError(f"threads {threads!r} is not a whole number from 1 to 256.")
        found = open_on(names, target, parse_size(memory_limit), threads, fallback=fallback)
        self._engine, self._target, self._fallback = found

    def __enter__(self) -> Enhancer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Free sessions and threads. Later calls raise InputError."""
        self._engine.close()

    @property
    def info(self) -> Info:
        """Card, provider as placed, window, halo, planned bytes."""
        return info_of(self._engine, self._target, self._fallback)

    @property
    def codecs(self) -> tuple[str, ...]:
        """Codecs that it serves, those that every model's card names; others are refused."""
        return codecs_of(self._engine.cascade.cards)

    @property
    def takes_planes(self) -> bool:
        """Whether `enhance_planes` and its like work: not with networks of RGB."""
        return (self._engine.cascade.layout, "planes") in VIEWS

    def is_exact(self, height: int, width: int) -> bool:
        """Whether a picture of this size gets what the network gives for it as a whole.

        Not so where the target has windows of one size and the picture is smaller: its mirror
        image lies around it then.
        """
        return self._engine.is_exact(height, width)

    def planned_bytes(self, height: int, width: int, *, ensemble: int = 1) -> int:
        """Bytes that a call on a picture of this size takes at most, its own output not counted.

        A call that writes into its own input may take more, up to the limit.

        Raises
        ------
        MemoryLimitError
            If such a picture does not fit in the limit.
        """
        members = Manner(ensemble=ensemble).ensemble
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
        residual: Image | None = None,
        out: Image | None = None,
    ) -> Image:
        """Enhance a gray or colour picture.

        Parameters
        ----------
        image : ndarray of uint8 or uint16, shape (H, W), (H, W, 3) or (H, W, 4)
            A fourth channel is alpha and is copied. Strided views are fine.
        quality, qp, step
            Strength, exactly one: JPEG quality 1 to 100, HEVC QP 0 to 63, or the
            quantization step in 8-bit grey levels.
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
            Significant bits of uint16, 8 to 16; 16 if left out.
        residual : ndarray of int8, int16, int32 or float32, shape (H, W)
            Decoded prediction residual, for models that have it as second input: signed,
            in steps of a sample of `bit_depth` bits, 0 where there is none.
        out : ndarray, optional
            Where to write, shape and dtype of `image`; may be `image` itself.

        Returns
        -------
        ndarray
            `out`, or a new array of the shape and dtype of `image`.

        Raises
        ------
        InputError
            If an argument is wrong, no strength is given, or the model does not serve the
            codec.
        MemoryLimitError
            If a picture of this width cannot be enhanced in place inside the limit.
        """
        strength, manner = self._step(quality, qp, step, codec), Manner(amount, ensemble)
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
        (target,) = self._run(kind, [image], given, depth, strength, manner, residual)
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
        residual: Image | None = None,
        out: Sequence[Image] | None = None,
    ) -> tuple[Image, Image, Image]:
        """Enhance I420 planes; a network of luma copies U and V.

        Parameters
        ----------
        y : ndarray of uint8 or uint16, shape (H, W)
        u, v : ndarray of the same dtype, shape (ceil(H / 2), ceil(W / 2))
            Cb and Cr. Strided views are fine.
        quality, qp, step, codec, amount, ensemble, bit_depth, residual
            As of `enhance`.
        out : (y, u, v), optional
            Where to write; may be the planes themselves.

        Returns
        -------
        (y, u, v)
        """
        strength, manner = self._step(quality, qp, step, codec), Manner(amount, ensemble)
        depth = depth_of(y, bit_depth)
        made = self._run("planes", [y, u, v], out, depth, strength, manner, residual)
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
        residual: Image | None = None,
        out: Sequence[Image] | None = None,
    ) -> tuple[Image, Image]:
        """Enhance NV12: Y and interleaved U, V.

        Parameters
        ----------
        y : ndarray of uint8, shape (H, W)
        uv : ndarray of uint8, shape (ceil(H / 2), ceil(W / 2), 2)
        quality, qp, step, codec, amount, ensemble, residual
            As of `enhance`.
        out : (y, uv), optional
            Where to write; may be the planes themselves.

        Returns
        -------
        (y, uv)
        """
        strength, manner = self._step(quality, qp, step, codec), Manner(amount, ensemble)
        return self._semi_planar(y, uv, Depth(8), np.uint8, strength, manner, residual, out)

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
        residual: Image | None = None,
        out: Sequence[Image] | None = None,
    ) -> tuple[Image, Image]:
        """Enhance P010: as NV12, 10 bits at the top of uint16; `residual` in 10-bit steps."""
        strength, manner = self._step(quality, qp, step, codec), Manner(amount, ensemble)
        return self._semi_planar(y, uv, Depth(10, 6), np.uint16, strength, manner, residual, out)

    def _semi_planar(
        self,
        y: Image,
        uv: Image,
        depth: Depth,
        dtype: type[Any],
        step: float,
        manner: Manner,
        residual: Image | None,
        out: Sequence[Image] | None,
    ) -> tuple[Image, Image]:
        if out is None:
            out = (np.empty_like(y), np.empty_like(uv))
        for name, array in (("uv", uv), ("out's uv", out[1] if len(out) == 2 else None)):
            if array is None or array.ndim != 3 or array.shape[2] != 2:
                raise InputError(f"{name} must have shape (ceil(H / 2), ceil(W / 2), 2).")
        for array in (y, uv):
            if array.dtype != dtype:
                raise InputError(f"these planes must be {np.dtype(dtype)}, not {array.dtype}.")
        planes = [y, uv[..., 0], uv[..., 1]]
        given = [out[0], out[1][..., 0], out[1][..., 1]]
        self._run("planes", planes, given, depth, step, manner, residual)
        return out[0], out[1]

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
        pixel_limit: int | None = None,
    ) -> FileReport:
        """Enhance a picture file; a JPEG's strength is read from its own tables.

        Models with a prediction residual are refused: a picture file carries none.

        See `edgeqe.files.enhance.enhance_file`.
        """
        from edgeqe.files.enhance import PIXEL_LIMIT, enhance_file

        given = resolve_if_given(quality=quality, qp=qp, step=step, codec=codec)
        if given is not None:
            check_serves(self._engine.cascade.cards, given)
        check_residual(None, self._engine.cascade.takes_residual, (), ())
        return enhance_file(
            self,
            source,
            destination,
            quality=quality,
            qp=qp,
            step=step,
            codec=codec,
            manner=Manner(amount, ensemble),
            overwrite=overwrite,
            pixel_limit=PIXEL_LIMIT if pixel_limit is None else pixel_limit,
        )

    def self_test(self) -> SelfTest:
        """Run the card's golden tile on this device and compare; each model's in a cascade."""
        errors = self._engine.golden_errors()
        error, tolerance = max(errors, key=lambda pair: pair[0] / pair[1])
        return SelfTest(error <= tolerance, error, tolerance)

    def network_pass(self, height: int, width: int, *, step: float) -> None:
        """Run the network alone over all windows of a picture of this size, for timing."""
        self._engine.network_pass(height, width, step)

    def _step(
        self, quality: int | None, qp: float | None, step: float | None, codec: str | None
    ) -> float:
        """Step of a strength whose codec the models serve."""
        strength = resolve_strength(quality=quality, qp=qp, step=step, codec=codec)
        check_serves(self._engine.cascade.cards, strength)
        return strength.step

    def _run(
        self,
        kind: str,
        sources: Sequence[Image],
        out: Sequence[Image] | None,
        depth: Depth,
        step: float,
        manner: Manner,
        residual: Image | None,
    ) -> list[Image]:
        """Check the arrays and run; planes that the view does not enhance are copied."""
        cascade = self._engine.cascade
        view = VIEWS.get((cascade.layout, kind))
        if view is None:
            raise InputError(
                f"this model enhances {cascade.layout.upper()} pictures, not planes of half-size "
                "chroma: convert them and use enhance()."
            )
        targets, in_place = check_planes(sources, out)
        height, width = sources[0].shape[:2]
        check_residual(residual, cascade.takes_residual, (height, width), targets)
        used = len(view.factors)
        for i in range(used, len(sources)):
            if not in_place[i]:
                np.copyto(targets[i], sources[i])
        made = view(
            sources[:used], targets[:used], depth, prediction=residual, amount=manner.amount
        )
        self._engine.run(made, height, width, step, any(in_place[:used]), manner.ensemble)
        return targets
