"""ONNX Runtime. Imported when a session is made: it may be absent, or broken."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from edgeqe.errors import ModelError, ProviderError

Float = npt.NDArray[np.float32]
CPU = "CPUExecutionProvider"


def _onnxruntime() -> Any:
    try:
        import onnxruntime
    except ImportError as error:
        raise ProviderError(
            f"ONNX Runtime cannot be imported ({error}): run pip install 'edgeqe[ort]'."
        ) from error
    return onnxruntime


def version() -> str:
    """Version of the installed ONNX Runtime."""
    return str(_onnxruntime().__version__)


class OrtSession:
    """A network on one thread of the CPU.

    Windows run side by side on several threads, each in one call of `run`; that
    needs no synchronisation inside a layer. The memory arena is off: what a run
    takes it gives back, so the sessions that are kept hold nothing but weights.

    Parameters
    ----------
    model : bytes
        ONNX file.

    Raises
    ------
    ProviderError
        If ONNX Runtime or its CPU provider is not there.
    ModelError
        If ONNX Runtime refuses the model.
    """

    def __init__(self, model: bytes) -> None:
        ort = _onnxruntime()
        options = ort.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_ALL
        options.enable_cpu_mem_arena = False
        options.log_severity_level = 3
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        try:
            self._session = ort.InferenceSession(model, options, providers=[CPU])
        except Exception as error:  # ONNX Runtime's own exceptions share no public base
            reason = " ".join(str(error).split())[:200]
            raise ModelError(f"ONNX Runtime refuses the model: {reason}.") from error
        self.provider: str = self._session.get_providers()[0]
        if self.provider != CPU:
            raise ProviderError(f"the session runs on {self.provider}, {CPU} was asked for.")
        self._input: str = self._session.get_inputs()[0].name

    def run(self, planes: Float) -> Float:
        """Residual, shape (C, h, w), of planes of that shape."""
        result: Float = self._session.run(None, {self._input: planes[None]})[0][0]
        return result
