"""ONNX Runtime. Imported when a session is made: it may be absent, or broken."""

from __future__ import annotations

import contextlib
import functools
import json
import tempfile
from collections.abc import Collection, Hashable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from edgeqe.errors import MissingRuntimeError, ModelError, ProviderError
from edgeqe.model.card import Card
from edgeqe.runtimes.ends import check_arrays, check_ends
from edgeqe.runtimes.forks import in_runtime, never_freed_after_fork
from edgeqe.runtimes.heap import bound_heap, given_back
from edgeqe.runtimes.nvidia_libraries import preload
from edgeqe.runtimes.placement import Placement, placement_of
from edgeqe.runtimes.processor_time import Spent
from edgeqe.typing import Float

CPU = "CPUExecutionProvider"
#: What a view takes beside the planes, the result and the arena, bytes per picture pixel: a view
#: of full-size luma makes two planes of its result when the window's own are freed. Views of half
#: size make no more than the planes held; windows of edgeqe-tiny, -small and -base took 1 to 4.
VIEW_BYTES = 4.0
#: Optimizers that change results: this one rounds the weights of a real convolution between
#: integers to 8 bits, without a word.
UNWANTED = ["WeightBiasQuantization"]


def _onnxruntime() -> Any:
    try:
        with in_runtime():
            import onnxruntime
    except ImportError as error:
        raise MissingRuntimeError(
            f"ONNX Runtime cannot be imported ({error}): run pip install 'edgeqe[ort]'."
        ) from error
    return onnxruntime


@functools.cache
def _share_arena(ort: Any) -> None:
    """One arena for all sessions of the process, growing by what is asked for.

    Sessions of several strengths then keep no memory each. Measured at 420x620
    windows, float32 values a pixel, where 12 are live: this arena 17; sessions' own
    arenas, which grow by powers of two, 17 to 31, with memory patterns 33; no arena,
    where the C library's heap fragments, 88, with memory patterns 120.
    """
    where = ort.OrtMemoryInfo(
        "Cpu", ort.OrtAllocatorType.ORT_ARENA_ALLOCATOR, 0, ort.OrtMemType.DEFAULT
    )
    as_requested, default = 1, -1
    # A host app that registered its own arena keeps it: registering again changes nothing.
    with contextlib.suppress(RuntimeError):
        ort.create_and_register_allocator(where, ort.OrtArenaCfg(0, as_requested, default, default))


def version() -> str:
    """Version of the installed ONNX Runtime."""
    return str(_onnxruntime().__version__)


def providers() -> list[str]:
    """Providers that the installed ONNX Runtime lists; a session may still lack a driver.

    Raises
    ------
    ProviderError
        If ONNX Runtime is not there.
    """
    return list(_onnxruntime().get_available_providers())


class OrtSession:
    """A network on one thread of the CPU, or on an accelerator.

    Windows run side by side on several threads, each in one call of `run`; that
    needs no synchronisation inside a layer.

    Parameters
    ----------
    model : bytes
        ONNX file.
    alignment : int
        Least size of its planes, samples.
    peak_floats : float
        Peak live floats per picture pixel, from the card.
    wanted : sequence of (str, dict)
        Providers in order, each with its options; the CPU is always behind them.
    recorded : bool
        Record the first runs, for `end_recording`.
    vectors : collection of str
        Inputs that are strength vectors.
    card : Card, optional
        What the session's inputs and output must be.

    Raises
    ------
    ProviderError
        If ONNX Runtime or the first provider is not there.
    ModelError
        If ONNX Runtime refuses the model, or its inputs and output are others.
    """

    #: An arena serves windows of all sessions and shapes.
    own_memory = False
    bytes_per_window = 0

    def __init__(
        self,
        model: bytes,
        alignment: int = 1,
        peak_floats: float = 0.0,
        *,
        wanted: Sequence[tuple[str, Mapping[str, object]]] = ((CPU, {}),),
        recorded: bool = False,
        vectors: Collection[str] = (),
        card: Card | None = None,
    ) -> None:
        ort = _onnxruntime()
        _share_arena(ort)
        bound_heap()
        options = ort.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_ALL
        options.enable_mem_pattern = False
        options.add_session_config_entry("session.use_env_allocators", "1")
        options.log_severity_level = 3
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._record = tempfile.TemporaryDirectory(prefix="edgeqe-") if recorded else None
        if self._record is not None:
            options.enable_profiling = True
            options.profile_file_prefix = str(Path(self._record.name) / "run")
        if wanted[0][0] != CPU:
            preload(ort)
        try:
            with in_runtime():
                self._session = ort.InferenceSession(
                    model,
                    options,
                    providers=[(name, _as_text(values)) for name, values in wanted],
                    enable_fallback=False,
                    disabled_optimizers=UNWANTED,
                )
        except Exception as error:  # ONNX Runtime's own exceptions share no public base
            raise _refused(error) from error
        self.bytes_per_pixel: float = 4.0 * peak_floats + VIEW_BYTES
        self.provider: str = self._session.get_providers()[0]
        self.placement = Placement({self.provider: 1.0})
        """Of a recorded session what `end_recording` found, from then on."""
        if self.provider != CPU:
            never_freed_after_fork(self)
        if self.provider != wanted[0][0]:
            raise ProviderError(
                f"a session has {', '.join(self._session.get_providers())}, "
                f"{wanted[0][0]} was asked for"
            )
        given = [one for one in self._session.get_inputs() if one.name not in vectors]
        self._inputs = {one.name: _channels(one) for one in given}
        made = {one.name: _channels(one) for one in self._session.get_outputs()}
        check_ends(self._inputs, tuple(made.values()), card)
        ((self._output, self._channels),) = made.items()
        self._alignment = alignment
        self._shrinking = ort.RunOptions()
        self._shrinking.add_run_config_entry("memory.enable_memory_arena_shrinkage", "cpu:0")

    def run(
        self,
        planes: Float,
        out: Float | None = None,
        place: Hashable = None,
        vectors: Mapping[str, Float] | None = None,
    ) -> Float:
        """Residual (C, h, w) of planes, contiguous float32 of shape (all inputs' C, h, w).

        It is written to `out`, which is contiguous float32 too, or to a new array. Any `place`
        will do: its memory is the arena's. `vectors` are the strength vectors of a model that has
        them as inputs.
        """
        size = planes.shape[1:]
        if out is None:
            out = np.empty((self._channels, *size), np.float32)
        # ONNX Runtime gets bare addresses
        check_arrays(planes, out, (sum(self._inputs.values()), *size), (self._channels, *size))
        with in_runtime():
            self._run(planes, out, vectors or {})
        return out

    def _run(self, planes: Float, out: Float, vectors: Mapping[str, Float]) -> None:
        binding, size = self._session.io_binding(), planes.shape[1:]
        used = 0
        for name, values in vectors.items():
            binding.bind_cpu_input(name, values)
        for name, count in self._inputs.items():
            part = planes[used : used + count]
            used += count
            binding.bind_input(name, "cpu", 0, np.float32, (1, count, *size), part.ctypes.data)
        shape = (1, self._channels, *size)
        binding.bind_output(self._output, "cpu", 0, np.float32, shape, out.ctypes.data)
        try:
            with Spent("runtime"):
                self._session.run_with_iobinding(binding)
        except Exception as error:  # ONNX Runtime's own exceptions share no public base
            raise _refused(error) from error

    def end_recording(self, macs: float) -> None:
        """Set `placement` to where the runs so far went.

        Parameters
        ----------
        macs : float
            MACs of the network in these runs.
        """
        assert self._record is not None, "the session is not recorded"
        events = json.loads(Path(self._session.end_profiling()).read_text(encoding="utf-8"))
        self._record.cleanup()
        self.placement = placement_of(events, macs)

    def shrink(self) -> None:
        """Give back what the arena keeps and no running window uses."""
        if self.provider != CPU:
            return  # the arena is the device's
        tiny = {
            name: np.zeros((1, count, self._alignment, self._alignment), np.float32)
            for name, count in self._inputs.items()
        }
        try:
            with in_runtime(), given_back():
                self._session.run(None, tiny, self._shrinking)
        except Exception as error:
            raise _refused(error) from error


def _channels(end: Any) -> int:
    """Channels of an input or output of a session: float32 of (1, channels, any, any)."""
    shape = end.shape
    sound = end.type == "tensor(float)" and len(shape) == 4 and shape[0] == 1
    if not sound or type(shape[1]) is not int or any(isinstance(side, int) for side in shape[2:]):
        raise ModelError(
            f"the model's '{end.name}' is {end.type} of shape {shape}: floats of shape "
            "[1, channels, any height, any width] are planes."
        )
    return int(shape[1])


def _refused(error: Exception) -> ModelError:
    reason = " ".join(str(error).split())[:200].rstrip(".")
    return ModelError(f"ONNX Runtime refuses the model: {reason}.")


def _as_text(values: Mapping[str, object]) -> dict[str, str]:
    """Options as providers take them: text, truth as 1 and 0."""
    return {
        key: str(int(value)) if isinstance(value, bool) else str(value)
        for key, value in values.items()
    }
