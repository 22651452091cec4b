"""LiteRT, the successor of TensorFlow Lite. Imported when a session is made: it may be absent.

An interpreter has one window shape at a time and serves one call at a time, so a session keeps a
pool of them. Its weights are packed anew for each, and a new one's memory comes from the system
page by page, so an idle one takes any window that is no larger than its first: only its tables of
pointers are then made anew. Larger ones are new, because growing would leave gaps. Where its inputs
and output are int8, planes are rounded to their integers on the way in, and become 8-bit levels on
the way out.
"""

from __future__ import annotations

import importlib.util
import math
import threading
from collections.abc import Hashable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from importlib import metadata
from typing import Any

import numpy as np
import numpy.typing as npt

from edgeqe.errors import MissingRuntimeError, ModelError
from edgeqe.model.card import Card
from edgeqe.model.flatbuffer import TfliteOutline, outline
from edgeqe.runtimes.ends import check_arrays, check_ends, check_integers
from edgeqe.runtimes.forks import in_runtime, never_freed_after_fork
from edgeqe.runtimes.heap import bound_heap, given_back
from edgeqe.runtimes.litert_memory import bytes_per_interpreter, bytes_per_sample
from edgeqe.runtimes.placement import Placement
from edgeqe.runtimes.processor_time import Spent
from edgeqe.runtimes.quiet import silent_stderr
from edgeqe.typing import Float

Int8 = npt.NDArray[np.int8]

XNNPACK, CPU = "XNNPACK", "CPU"
_CONVOLUTIONS = ("CONV_2D", "DEPTHWISE_CONV_2D")
#: A view's temporaries, bytes per picture pixel.
VIEW_BYTES = 6.0
_announced = threading.Event()
"""Set once the process has an interpreter: the first announces its delegate on standard error."""


def interpreter_module() -> Any:
    """Module of the interpreter, whose class `Interpreter` runs a file.

    Raises
    ------
    MissingRuntimeError
        If it is not installed.
    """
    try:
        with in_runtime():
            from ai_edge_litert import interpreter
    except ImportError as error:
        reason = str(error)
    else:
        return interpreter
    if importlib.util.find_spec("tflite_runtime") is not None:
        if int(np.__version__.split(".")[0]) < 2:
            from tflite_runtime import interpreter

            return interpreter
        reason = f"tflite-runtime does not work with numpy {np.__version__}"
    raise MissingRuntimeError(
        f"LiteRT cannot be imported ({reason}): run pip install 'edgeqe[tflite]'."
    )


def version() -> str:
    """Version of the installed LiteRT."""
    return metadata.version(interpreter_module().__name__.split(".")[0].replace("_", "-"))


class LitertSession:
    """A network on one thread of the CPU for each window that runs.

    Parameters
    ----------
    model : bytes
        TFLite file; checked before LiteRT sees it.
    pixels_per_sample : int
        Picture pixels per sample of a plane along an axis.
    threads : int
        Threads of each interpreter.
    card : Card, optional
        What the file's inputs and output must be.
    found : TfliteOutline, optional
        What `outline` gave for the very same bytes, to spare parsing them again.

    Raises
    ------
    ProviderError
        If LiteRT is not there.
    ModelError
        If the bytes are no model of edgeqe, its inputs and output are others, or LiteRT refuses
        them.
    """

    own_memory = True

    def __init__(
        self,
        model: bytes,
        pixels_per_sample: int = 1,
        threads: int = 1,
        card: Card | None = None,
        found: TfliteOutline | None = None,
    ) -> None:
        found = found or outline(model)
        check_ends(found.network.inputs, found.network.outputs, card)
        bound_heap()
        self._given, self._made = sum(found.network.inputs.values()), found.network.outputs[0]
        self._model, self._threads = model, threads
        self._module = interpreter_module()
        self._lock = threading.Lock()
        self._idle: dict[Hashable, list[_Interpreter]] = {}
        """By kind of place."""
        if threads > 1:
            never_freed_after_fork(self)
        with in_runtime(), nullcontext() if _announced.is_set() else silent_stderr():
            first = _Interpreter(self._module, model, None, threads)
        _announced.set()
        self.provider: str = provider_of(first.interpreter)
        held = share_of_delegate(first.interpreter)
        # LiteRT tells no MACs by operator, so kernels count alike
        shares = {XNNPACK: held, CPU: 1.0 - held}
        self.placement = Placement({name: share for name, share in shares.items() if share})
        self.bytes_per_pixel: float = bytes_per_sample(found) / pixels_per_sample**2 + VIEW_BYTES
        self.bytes_per_window: int = bytes_per_interpreter(found)
        self.integer_scale: np.float32 | None = first.integer_scale

    def run(self, planes: Float, out: Float | None = None, place: Hashable = None) -> Float:
        """Residual (C, h, w) of planes, contiguous float32 of shape (all inputs' C, h, w).

        It is written to `out`, or to a new array. An interpreter stays with the kind of `place`
        that it was made for, because that is what the budget counts.
        """
        size = planes.shape[1:]
        if out is None:
            out = np.empty((self._made, *size), np.float32)
        check_arrays(planes, out, (self._given, *size), (self._made, *size))
        with self._interpreter(place, size) as interpreter:
            return interpreter.run(planes, out)

    def run_integers(self, samples: Int8, out: Int8, place: Hashable) -> None:
        """Residual of samples, both int8, contiguous and of shape (h, w, C); see `IntegerSession`."""
        size = samples.shape[:2]
        check_integers(samples, out, (*size, self._given), (*size, self._made))
        with self._interpreter(place, size) as interpreter:
            interpreter.run_integers(samples, out)

    @contextmanager
    def _interpreter(self, place: Hashable, size: tuple[int, ...]) -> Iterator[_Interpreter]:
        """Interpreter of a place for planes of a size; one that failed is not kept."""
        interpreter = self._take_idle(place, size)
        with in_runtime():
            if interpreter is None:
                interpreter = _Interpreter(self._module, self._model, size, self._threads)
            yield interpreter
        with self._lock:
            self._idle.setdefault(place, []).append(interpreter)

    def _take_idle(self, place: Hashable, size: tuple[int, ...]) -> _Interpreter | None:
        """An idle interpreter of a place, at best one of this size; one that is too small goes."""
        with self._lock:
            idle = self._idle.get(place)
            if not idle:
                return None
            found = next((one for one in idle if one.size == size), idle[-1])
            idle.remove(found)
            if math.prod(size) <= found.most:
                return found
            with in_runtime(), given_back():
                del found
            return None

    def shrink(self) -> None:
        """Drop the interpreters that no running window uses."""
        with self._lock, in_runtime(), given_back():
            self._idle.clear()


class _Interpreter:
    """One interpreter, which runs windows of no more samples than its first.

    Parameters
    ----------
    module : module
    model : bytes
    size : (int, int), optional
        Height and width of its first planes; the file's own if left out, which then never run.
    threads : int
    """

    most: int
    """Samples of its first planes."""

    def __init__(
        self, module: Any, model: bytes, size: tuple[int, ...] | None, threads: int
    ) -> None:
        try:
            self.interpreter = module.Interpreter(model_content=model, num_threads=threads)
        except (RuntimeError, ValueError) as error:
            raise _refused(error) from error
        inputs = self.interpreter.get_input_details()
        self._channels = [(given["index"], int(given["shape"][-1])) for given in inputs]
        self._allocate(size)
        self.size, self.most = size, math.prod(size or (0,))
        # A tensor's view is made anew for each call: one that lives stops the interpreter.
        self._inputs = [
            (self.interpreter.tensor(given["index"]), _quantization(given)) for given in inputs
        ]
        output = self.interpreter.get_output_details()[0]
        self._output, self._output_scale = (
            self.interpreter.tensor(output["index"]),
            _quantization(output),
        )
        integers = any(step for _, step in self._inputs)
        self._values = np.empty(self.most if integers else 0, np.float32)

    def _allocate(self, size: tuple[int, ...] | None) -> None:
        """Allocate for planes of a size, or of the file's own."""
        try:
            if size is not None:
                for index, channels in self._channels:
                    self.interpreter.resize_tensor_input(index, (1, *size, channels))
            self.interpreter.allocate_tensors()
        except (RuntimeError, ValueError) as error:
            raise _refused(error) from error

    @property
    def integer_scale(self) -> np.float32 | None:
        """See `IntegerSession`."""
        given, made = self._inputs[0][1], self._output_scale
        if len(self._inputs) > 1 or given is None or made is None:
            return None
        return made[0] if given[0] == 1.0 and not given[1] and not made[1] else None

    def run_integers(self, samples: Int8, out: Int8) -> None:
        self._resize(samples.shape[:2])
        self._inputs[0][0]()[0] = samples
        self._invoke()
        lying = self._output()[0]
        if lying.shape != out.shape:
            raise ModelError(f"LiteRT gives {lying.shape} for planes of {samples.shape}.")
        out[...] = lying

    def _resize(self, size: tuple[int, ...]) -> None:
        if size != self.size:
            with given_back():
                self._allocate(size)
            self.size = size

    def _invoke(self) -> None:
        try:
            with Spent("runtime"):
                self.interpreter.invoke()
        except (RuntimeError, ValueError) as error:
            raise _refused(error) from error

    def run(self, planes: Float, out: Float) -> Float:
        self._resize(planes.shape[1:])
        used = 0
        for view, step in self._inputs:
            target = view()[0].transpose(2, 0, 1)
            given = planes[used : used + len(target)]
            if step is None:
                target[...] = given
            else:
                self._quantize(given, target, *step)
            used += len(target)
            del target
        self._invoke()
        lying = self._output()[0].transpose(2, 0, 1)
        if lying.shape != out.shape:
            raise ModelError(f"LiteRT gives {lying.shape} for planes of {planes.shape}.")
        if self._output_scale is None:
            out[...] = lying
        else:
            scale, zero = self._output_scale
            if zero:
                np.subtract(lying, zero, out=out)
                out *= scale
            else:  # as of all residuals that edgeqe quantizes
                np.multiply(lying, scale, out=out)
        return out

    def _quantize(self, planes: Float, target: Int8, scale: np.float32, zero: np.float32) -> None:
        """Integers of planes, one plane at a time; 8-bit levels are their own integers."""
        scratch = self._values[: planes[0].size].reshape(planes.shape[1:])
        for plane, integers in zip(planes, target, strict=True):
            scaled = plane if scale == 1.0 else np.divide(plane, scale, out=scratch)
            np.rint(scaled, out=scratch)
            np.clip(scratch, -128 - zero, 127 - zero, out=scratch)
            if zero:
                scratch += zero
            np.copyto(integers, scratch, casting="unsafe")


def _quantization(details: Mapping[str, Any]) -> tuple[np.float32, np.float32] | None:
    """Scale and zero point of an int8 tensor; None for floats."""
    if details["dtype"] is not np.int8:
        return None
    scale, zero = details["quantization"]
    return np.float32(scale), np.float32(zero)


def provider_of(interpreter: Any) -> str:
    """Who runs the convolutions: XNNPACK if a delegate holds all of them, else the CPU."""
    return XNNPACK if share_of_delegate(interpreter) == 1.0 else CPU


def share_of_delegate(interpreter: Any) -> float:
    """Share of the convolutions' kernels that a delegate holds; 1 where there are none.

    Read from an interpreter's operators after it allocated: a delegate is one more
    operator, whose inputs are those of the operators that it replaced, weights included.
    """
    operators = interpreter._get_ops_details()
    widened = {o["outputs"][0]: o["inputs"][0] for o in operators if o["op_name"] == "DEQUANTIZE"}
    held = {i for o in operators if o["op_name"] == "DELEGATE" for i in o["inputs"]}
    kernels = {o["inputs"][1] for o in operators if o["op_name"] in _CONVOLUTIONS}
    kernels = {widened.get(kernel, kernel) for kernel in kernels}
    return len(kernels & held) / len(kernels) if kernels else 1.0


def _refused(error: Exception) -> ModelError:
    reason = " ".join(str(error).split())[:200].rstrip(".")
    return ModelError(f"LiteRT refuses the model: {reason}.")
