"""Reference inference of a model file: one operator at a time, without a runtime's optimisations.

A runtime fuses operators, keeps values in other types between them, and picks kernels by
the processor; on x86 without VNNI some INT8 kernels saturate. Here every operator of a file
runs by itself, on one thread.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Protocol

import numpy as np

from edgeqe.codecs.strength import Strength
from edgeqe.engine.blocks import enhance_blocks
from edgeqe.engine.geometry import geometry_of
from edgeqe.engine.tiling import plan
from edgeqe.errors import ModelError
from edgeqe.model.fades import share_below_one
from edgeqe.model.file import ModelFile
from edgeqe.model.serving import check_serves
from edgeqe.typing import Float, Uint8
from edgeqe.views.flat_chroma import NATIVE, may_change, rounded
from edgeqe.views.full_size import VIEWS
from edgeqe.views.margin import read_mirrored
from edgeqe.views.subsampled import Depth
from edgeqe.views.window import Window

#: Memory that windows are cut for, bytes, and numbers of 8 bytes alive at once for each that a
#: runtime keeps: reference inference reuses little.
MEMORY, MORE_ALIVE = 1 << 30, 4


class ReferenceSession(Protocol):
    """A network at one strength."""

    def run(self, planes: Float) -> Float:
        """Residual (C, h, w) in 8-bit levels of planes (C, h, w), 8-bit sample values, level-shifted by 128."""


def reference_session(file: ModelFile, key: int) -> ReferenceSession:
    """Reference session of a model file at a key of its strengths.

    Raises
    ------
    ModelError
        If the file's runtime refuses it.
    """
    if file.format == "tflite":
        return _PlainLitert(file.at(key))
    return _PlainOnnx(file.at(key))


class ReferenceInference:
    """Enhances pictures as an `Enhancer` does, by reference inference.

    Parameters
    ----------
    file : ModelFile
    """

    def __init__(self, file: ModelFile) -> None:
        self._file = file
        self._sessions: dict[int, ReferenceSession] = {}

    def enhance(self, image: Uint8, /, *, step: float, codec: str) -> Uint8:
        """Enhance a picture, shape (H, W) or (H, W, 3), of a step in 8-bit levels."""
        (out,) = self._enhance("gray" if image.ndim == 2 else "rgb", [image], step, codec)
        return out

    @property
    def takes_planes(self) -> bool:
        """Whether `enhance_planes` works: not with networks of RGB."""
        return (self._file.card.planes, "planes") in VIEWS

    def enhance_planes(
        self, y: Uint8, u: Uint8, v: Uint8, /, *, step: float, codec: str
    ) -> tuple[Uint8, Uint8, Uint8]:
        """Enhance I420 planes; a network of luma copies U and V."""
        y, u, v = self._enhance("planes", [y, u, v], step, codec)
        return y, u, v

    def _enhance(self, kind: str, arrays: list[Uint8], step: float, codec: str) -> list[Uint8]:
        """New arrays of the same shapes, seen by a view of this kind."""
        card, out = self._file.card, [array.copy() for array in arrays]
        check_serves([card], Strength(step, codec))
        amount = share_below_one(step)
        view = VIEWS[card.planes, kind](arrays, out, Depth(8), amount=amount)
        session = self._session(step, codec)
        reach = card.halo // card.pixels_per_sample
        height, width = arrays[0].shape[:2]
        geometry = geometry_of([card])
        filled = geometry.filled(height, width)

        def residual(window: Window) -> Float:
            unit = card.pixels_per_sample
            shape = (card.channels, window.height // unit, window.width // unit)
            planes = np.empty(shape, np.float32)
            read_mirrored(view, window, filled, planes, card.channels)
            if not (view.colour and card.planes == NATIVE):
                return session.run(planes)
            changes = may_change(rounded(planes[4:6]), reach)
            found = session.run(planes)
            found[4:] *= changes
            return found

        if card.tiling == "blocks":
            enhance_blocks(
                view,
                height,
                width,
                block=card.block,
                channels=card.channels,
                residual_of=residual,
                each=_one_by_one,
            )
            return out
        chosen = plan(
            height,
            width,
            halo=geometry.halo,
            alignment=geometry.alignment,
            margin=geometry.margin,
            bytes_per_pixel=8 * MORE_ALIVE * card.peak_floats_per_pixel,
            limit=MEMORY,
            threads=1,
            whole=card.tiling == "whole",
        )
        for window in chosen.windows():
            view.write(window, residual(window))
        return out

    def _session(self, step: float, codec: str) -> ReferenceSession:
        key = self._file.key(step, codec)
        if key not in self._sessions:
            self._sessions[key] = reference_session(self._file, key)
        return self._sessions[key]


def _one_by_one(function: Callable[[Any], None], items: Iterable[Any]) -> None:
    for item in items:
        function(item)


class _PlainOnnx:
    """ONNX Runtime without any optimisation of the graph: QDQ stays float between integers."""

    def __init__(self, content: bytes) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        options.log_severity_level = 4
        try:
            self._session: Any = onnxruntime.InferenceSession(
                content, options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # ONNX Runtime's own exceptions share no public base
            raise ModelError(f"ONNX Runtime refuses the model: {str(error)[:200]}.") from error

    def run(self, planes: Float) -> Float:
        result: Float = self._session.run(None, {"planes": planes[None]})[0][0]
        return result


class _PlainLitert:
    """LiteRT's own kernels, one for each operator, without XNNPACK."""

    def __init__(self, content: bytes) -> None:
        from ai_edge_litert import interpreter

        kernels = interpreter.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
        try:
            self._interpreter: Any = interpreter.Interpreter(
                model_content=content, num_threads=1, experimental_op_resolver_type=kernels
            )
        except (RuntimeError, ValueError) as error:
            raise ModelError(f"LiteRT refuses the model: {str(error)[:200]}.") from error

    def run(self, planes: Float) -> Float:
        (given,) = self._interpreter.get_input_details()
        values = planes.transpose(1, 2, 0)[None]
        if tuple(given["shape"]) != values.shape:
            self._interpreter.resize_tensor_input(given["index"], values.shape)
        self._interpreter.allocate_tensors()
        self._interpreter.set_tensor(given["index"], values)
        self._interpreter.invoke()
        (found,) = self._interpreter.get_output_details()
        result: Float = self._interpreter.get_tensor(found["index"])[0].transpose(2, 0, 1)
        return np.ascontiguousarray(result)
