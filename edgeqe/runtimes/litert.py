"""LiteRT, the successor of TensorFlow Lite. Imported when a session is made: it may be absent.

An interpreter has one window shape and serves one call at a time, so a session keeps a
pool of them. Its weights are packed anew for each.
"""

from __future__ import annotations

import importlib
import threading
from importlib import metadata
from typing import Any

import numpy as np
import numpy.typing as npt

from edgeqe.errors import ModelError, ProviderError
from edgeqe.flatbuffer import outline

Float = npt.NDArray[np.float32]
XNNPACK, CPU = "XNNPACK", "CPU"
#: Distributions in order of preference, and the modules of their interpreters.
_MODULES = {"ai-edge-litert": "ai_edge_litert", "tflite-runtime": "tflite_runtime"}
_CONVOLUTIONS = ("CONV_2D", "DEPTHWISE_CONV_2D")


def _distribution() -> str:
    """Distribution that is installed and works with this numpy."""
    reason = "it is not installed"
    for name, module in _MODULES.items():
        try:
            importlib.import_module(f"{module}.interpreter")
        except ImportError as error:
            if name == "ai-edge-litert" and not isinstance(error, ModuleNotFoundError):
                reason = str(error)
            continue
        if name == "tflite-runtime" and int(np.__version__.split(".")[0]) >= 2:
            reason = f"tflite-runtime fails with numpy {np.__version__}"
            continue
        return name
    raise ProviderError(f"LiteRT cannot be used ({reason}): run pip install 'edgeqe[tflite]'.")


def version() -> str:
    """Version of the installed LiteRT."""
    return metadata.version(_distribution())


class LitertSession:
    """A network on one thread of the CPU for each window that runs.

    Parameters
    ----------
    model : bytes
        TFLite file; checked before LiteRT sees it.
    pixels_per_sample : int
        Picture pixels per sample of a plane along an axis.

    Raises
    ------
    ProviderError
        If LiteRT is not there.
    ModelError
        If the bytes are no model of edgeqe, or LiteRT refuses them.
    """

    fixed_window = True

    def __init__(self, model: bytes, pixels_per_sample: int = 1) -> None:
        found = outline(model)
        self._model = model
        self._module = importlib.import_module(f"{_MODULES[_distribution()]}.interpreter")
        self._lock = threading.Lock()
        self._idle: dict[tuple[int, ...], list[_Interpreter]] = {}
        first = _Interpreter(self._module, model, None)
        self.provider: str = first.provider()
        constants = sum(tensor.stop - tensor.start for tensor in found.initializers.values())
        self.bytes_per_pixel: float = BYTES_PER_SAMPLE / pixels_per_sample**2
        self.bytes_per_window: int = BYTES_PER_INTERPRETER + int(PACKED * constants)

    def run(self, planes: Float) -> Float:
        """Residual (C, h, w) of planes, contiguous float32 of shape (all inputs' C, h, w)."""
        size = planes.shape[1:]
        with self._lock:
            idle = self._idle.get(size)
            interpreter = idle.pop() if idle else None
        if interpreter is None:
            interpreter = _Interpreter(self._module, self._model, size)
        result = interpreter.run(planes)
        with self._lock:
            self._idle.setdefault(size, []).append(interpreter)
        return result

    def shrink(self) -> None:
        """Drop the interpreters that no running window uses."""
        with self._lock:
            self._idle.clear()


class _Interpreter:
    """One interpreter, resized once.

    Parameters
    ----------
    module : module
    model : bytes
    size : (int, int), optional
        Height and width of its planes; the file's own if left out.
    """

    def __init__(self, module: Any, model: bytes, size: tuple[int, ...] | None) -> None:
        try:
            self._interpreter = module.Interpreter(model_content=model, num_threads=1)
            inputs = self._interpreter.get_input_details()
            if size is not None:
                for given in inputs:
                    shape = (1, *size, int(given["shape"][-1]))
                    self._interpreter.resize_tensor_input(given["index"], shape)
            self._interpreter.allocate_tensors()
        except (RuntimeError, ValueError) as error:
            raise _refused(error) from error
        # A tensor's view is made anew for each call: one that lives stops the interpreter.
        self._inputs = [self._interpreter.tensor(given["index"]) for given in inputs]
        self._output = self._interpreter.tensor(self._interpreter.get_output_details()[0]["index"])

    def run(self, planes: Float) -> Float:
        used = 0
        for view in self._inputs:
            target = view()[0].transpose(2, 0, 1)
            target[...] = planes[used : used + len(target)]
            used += len(target)
            del target
        try:
            self._interpreter.invoke()
        except (RuntimeError, ValueError) as error:
            raise _refused(error) from error
        return np.ascontiguousarray(self._output()[0].transpose(2, 0, 1))

    def provider(self) -> str:
        """Who runs the convolutions: XNNPACK if a delegate holds all of them, else the CPU.

        Read from the operators after allocation: a delegate appears as one more operator,
        whose inputs are those of the operators that it replaced, weights included.
        """
        operators = self._interpreter._get_ops_details()
        widened = {
            o["outputs"][0]: o["inputs"][0] for o in operators if o["op_name"] == "DEQUANTIZE"
        }
        held = {i for o in operators if o["op_name"] == "DELEGATE" for i in o["inputs"]}
        kernels = {o["inputs"][1] for o in operators if o["op_name"] in _CONVOLUTIONS}
        return XNNPACK if {widened.get(k, k) for k in kernels} <= held else CPU


def _refused(error: Exception) -> ModelError:
    reason = " ".join(str(error).split())[:200].rstrip(".")
    return ModelError(f"LiteRT refuses the model: {reason}.")


#: Filled in from measurements, see below.
BYTES_PER_SAMPLE, BYTES_PER_INTERPRETER, PACKED = 0.0, 0, 0.0
