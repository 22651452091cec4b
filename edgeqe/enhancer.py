"""`Enhancer`: the runtime API that device teams embed."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import IO, TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from edgeqe.catalogue import find_model
from edgeqe.engine import Engine, available_threads
from edgeqe.errors import InputError, ProviderError
from edgeqe.info import Info, SelfTest
from edgeqe.memory import parse_size
from edgeqe.model_file import ModelFile
from edgeqe.planes import NEUTRAL
from edgeqe.strength import resolve_step
from edgeqe.views import BgrView, Depth, GrayView, PlanesView, RgbView, Samples, View

if TYPE_CHECKING:
    from edgeqe.files import FileReport

Image = npt.NDArray[Any]

#: Targets that run on the processor, and those that want an accelerator.
CPU_TARGETS = ("auto", "cpu", "x86-cpu", "arm-cpu")
ACCELERATOR_TARGETS = ("jetson", "cuda", "trt")
#: Largest difference from the golden output that a float runtime may show, grey levels.
SELF_TEST_TOLERANCE = 0.01


class Enhancer:
    """Removes compression artefacts from pictures, in a bounded amount of memory.

    Thread-safe: calls of several threads share sessions, threads and memory limit,
    and wait where the limit is in use. A context manager.

    Parameters
    ----------
    model : str or path
        Name of a shipped model (``edgeqe models`` lists them) or a model file.
    target : str
        Where to run: ``auto`` or ``cpu``. A target that is not there is an error.
    memory_limit : int or str
        Most that all calls together allocate after their sessions are made; the
        caller's own pictures are not counted. Such as ``"64MiB"``.
    threads : int, optional
        Threads; all processors if left out.
    allow_fallback : bool
        Run on the processor where the target is not there; `info` then says so.

    Raises
    ------
    ModelError
        If the model is missing, damaged or foreign.
    ProviderError
        If the runtime or the target is not there.
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
        model: str | os.PathLike[str] = "edgeqe-small",
        *,
        target: str = "auto",
        memory_limit: int | str = "64MiB",
        threads: int | None = None,
        allow_fallback: bool = False,
    ) -> None:
        if target not in CPU_TARGETS + ACCELERATOR_TARGETS:
            raise InputError(f"unknown target '{target}': use one of {', '.join(CPU_TARGETS)}.")
        if target in ACCELERATOR_TARGETS and not allow_fallback:
            raise ProviderError(
                f"target '{target}' needs an accelerator's provider, and this version has "
                "CPUExecutionProvider only: use target 'cpu', or allow falling back."
            )
        if threads is None:
            threads = available_threads()
        if isinstance(threads, bool) or not isinstance(threads, int) or not 1 <= threads <= 256:
            raise InputError(f"threads {threads!r} is not a whole number from 1 to 256.")
        self._fallback = "cpu" if target in ACCELERATOR_TARGETS else ""
        self._file = ModelFile(find_model(model))
        self._engine = Engine(self._file, parse_size(memory_limit), threads)
        self._engine.session(self._file.card.default_step)  # a broken runtime fails here

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
        from edgeqe.runtimes import ort

        card, large = self._file.card, self._engine.plan(4096, 4096)
        return Info(
            model=card.name,
            path=str(self._file.path),
            precision=card.precision,
            runtime="onnxruntime",
            runtime_version=ort.version(),
            provider=self._engine.session(card.default_step).provider,
            fallback=self._fallback,
            threads=self._engine.threads,
            memory_limit=self._engine.limit,
            window=large.window,
            halo=card.halo,
            alignment=card.alignment,
            planned_bytes=large.planned_bytes,
            kmac_per_pixel=card.kmac_per_pixel,
            parameters=card.parameters,
            file_bytes=len(self._file.data),
            card=card,
        )

    def enhance(
        self,
        image: Image,
        *,
        quality: int | None = None,
        qp: float | None = None,
        step: float | None = None,
        channels: str = "rgb",
        bit_depth: int | None = None,
        out: Image | None = None,
    ) -> Image:
        """Enhance a gray or colour picture.

        Parameters
        ----------
        image : ndarray of uint8 or uint16, shape (H, W), (H, W, 3) or (H, W, 4)
            A fourth channel is alpha and is copied. Strided views are fine.
        quality, qp, step
            Strength, exactly one: JPEG quality 1 to 100, HEVC or VVC QP 0 to 63, or
            the quantization step in 8-bit grey levels.
        channels : {"rgb", "bgr"}
            Order of the colours.
        bit_depth : int, optional
            Significant bits of uint16, 8 to 16; 16 if left out.
        out : ndarray, optional
            Where to write, shape and dtype of `image`; may be `image` itself.

        Returns
        -------
        ndarray
            `out`, or a new array of the shape and dtype of `image`.

        Raises
        ------
        InputError
            If an argument is wrong, or no strength is given.
        MemoryLimitError
            If a picture of this width cannot be enhanced in place inside the limit.
        """
        strength = resolve_step(quality=quality, qp=qp, step=step)
        if not isinstance(image, np.ndarray) or not (
            image.ndim == 2 or (image.ndim == 3 and image.shape[2] in (3, 4))
        ):
            shape = getattr(image, "shape", type(image).__name__)
            raise InputError(f"a picture has shape (H, W), (H, W, 3) or (H, W, 4), not {shape}.")
        if channels not in ("rgb", "bgr"):
            raise InputError(f"channels {channels!r}: use 'rgb' or 'bgr'.")
        depth = _depth(image, bit_depth)
        kind = GrayView if image.ndim == 2 else RgbView if channels == "rgb" else BgrView
        (target,) = self._run(kind, [image], None if out is None else [out], depth, strength)
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
        bit_depth: int | None = None,
        out: Sequence[Image] | None = None,
    ) -> tuple[Image, Image, Image]:
        """Enhance I420 planes.

        Parameters
        ----------
        y : ndarray of uint8 or uint16, shape (H, W)
        u, v : ndarray of the same dtype, shape (ceil(H / 2), ceil(W / 2))
            Cb and Cr. Strided views are fine.
        quality, qp, step, bit_depth
            As of `enhance`.
        out : (y, u, v), optional
            Where to write; may be the planes themselves.

        Returns
        -------
        (y, u, v)
        """
        strength = resolve_step(quality=quality, qp=qp, step=step)
        depth = _depth(y, bit_depth)
        made = self._run(PlanesView, [y, u, v], out, depth, strength)
        return made[0], made[1], made[2]

    def enhance_nv12(
        self,
        y: Image,
        uv: Image,
        *,
        quality: int | None = None,
        qp: float | None = None,
        step: float | None = None,
        out: Sequence[Image] | None = None,
    ) -> tuple[Image, Image]:
        """Enhance NV12: Y and interleaved U, V.

        Parameters
        ----------
        y : ndarray of uint8, shape (H, W)
        uv : ndarray of uint8, shape (ceil(H / 2), ceil(W / 2), 2)
        quality, qp, step
            As of `enhance`.
        out : (y, uv), optional
            Where to write; may be the planes themselves.

        Returns
        -------
        (y, uv)
        """
        strength = resolve_step(quality=quality, qp=qp, step=step)
        return self._semi_planar(y, uv, Depth(8), np.uint8, strength, out)

    def enhance_p010(
        self,
        y: Image,
        uv: Image,
        *,
        quality: int | None = None,
        qp: float | None = None,
        step: float | None = None,
        out: Sequence[Image] | None = None,
    ) -> tuple[Image, Image]:
        """Enhance P010: as NV12, 10 bits at the top of uint16."""
        strength = resolve_step(quality=quality, qp=qp, step=step)
        return self._semi_planar(y, uv, Depth(10, 6), np.uint16, strength, out)

    def _semi_planar(
        self,
        y: Image,
        uv: Image,
        depth: Depth,
        dtype: type[Any],
        step: float,
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
        self._run(PlanesView, planes, [out[0], out[1][..., 0], out[1][..., 1]], depth, step)
        return out[0], out[1]

    def enhance_file(
        self,
        source: str | os.PathLike[str] | bytes | IO[bytes],
        destination: str | os.PathLike[str] | IO[bytes],
        *,
        quality: int | None = None,
        qp: float | None = None,
        step: float | None = None,
        overwrite: bool = False,
    ) -> FileReport:
        """Enhance a picture file; a JPEG's strength is read from its own tables.

        See `edgeqe.files.enhance_file`.
        """
        from edgeqe.files import enhance_file

        return enhance_file(
            self, source, destination, quality=quality, qp=qp, step=step, overwrite=overwrite
        )

    def self_test(self) -> SelfTest:
        """Run the card's golden tile on this device and compare."""
        planes, expected = self._file.golden
        session = self._engine.session(self._file.card.default_step)
        given = planes.astype(np.float32) - np.float32(NEUTRAL)
        error = float(np.abs(session.run(given) - expected).max())
        return SelfTest(error <= SELF_TEST_TOLERANCE, error, SELF_TEST_TOLERANCE)

    def network_pass(self, height: int, width: int, *, step: float) -> None:
        """Run the network alone over all windows of a picture of this size, for timing."""
        self._engine.network_pass(height, width, step)

    def _run(
        self,
        kind: type[View],
        sources: Sequence[Image],
        out: Sequence[Image] | None,
        depth: Depth,
        step: float,
    ) -> list[Samples]:
        """Check the arrays and run."""
        shape = sources[0].shape
        if len(sources) > 1 and len(shape) != 2:
            raise InputError(f"y must have shape (H, W), not {shape}.")
        if 0 in shape:
            raise InputError(f"the picture is empty: its shape is {shape}.")
        targets = [np.empty_like(s) for s in sources] if out is None else list(out)
        if len(targets) != len(sources):
            raise InputError(f"out must hold {len(sources)} arrays, not {len(targets)}.")
        in_place = False
        for index, (source, target) in enumerate(zip(sources, targets, strict=True)):
            half = ((shape[0] + 1) // 2, (shape[1] + 1) // 2)
            expected = half if index else shape
            for name, array in (("the picture", source), ("out", target)):
                if array.shape != expected or array.dtype != sources[0].dtype:
                    raise InputError(
                        f"{name}: plane {index} must have shape {expected} and dtype "
                        f"{sources[0].dtype}, not {array.shape} and {array.dtype}."
                    )
            if not target.flags.writeable:
                raise InputError("out is read-only: give an array that can be written.")
            in_place |= _is_in_place(source, target)
        view = kind(sources, targets, depth)
        self._engine.run(view, shape[0], shape[1], step, in_place)
        return targets


def _depth(image: Image, bit_depth: int | None) -> Depth:
    """Depth of an array, checked."""
    if image.dtype == np.uint8:
        if bit_depth not in (None, 8):
            raise InputError(f"bit_depth {bit_depth} does not fit in uint8: give uint16.")
        return Depth(8)
    if image.dtype == np.uint16:
        if bit_depth is None:
            return Depth(16)
        if isinstance(bit_depth, int) and 8 <= bit_depth <= 16:
            return Depth(bit_depth)
        raise InputError(f"bit_depth {bit_depth!r} is not from 8 to 16.")
    raise InputError(f"pictures are uint8 or uint16, not {image.dtype}: scale and convert first.")


def _is_in_place(source: Image, target: Image) -> bool:
    """Whether both are the same samples; InputError where they overlap otherwise."""
    if not np.may_share_memory(source, target):
        return False
    if (
        source.__array_interface__["data"][0] == target.__array_interface__["data"][0]
        and source.strides == target.strides
    ):
        return True
    if np.shares_memory(source, target):
        raise InputError("out overlaps the picture without being it: give another array.")
    return False
