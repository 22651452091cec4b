"""Running a float or quantized graph on the host by ONNX Runtime, without a model file."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

import onnxruntime
from onnx import TensorProto, helper

from edgeqe.converters.graph.graph import Graph
from edgeqe.converters.graph.integer import QuantizedGraph
from edgeqe.converters.onnx_io import integer_writer as onnx_integer_writer
from edgeqe.converters.onnx_io import writer as onnx_writer
from edgeqe.errors import InputError
from edgeqe.runtimes.ort import UNWANTED
from edgeqe.typing import Float


class GraphSession:
    """ONNX Runtime session of a graph on the CPU.

    Parameters
    ----------
    network : Graph or IntegerGraph
    outputs : sequence of str, optional
        Values of a graph to compute; its output if left out.

    Raises
    ------
    InputError
        If the network is inconsistent.
    """

    def __init__(self, network: Graph | QuantizedGraph, outputs: Sequence[str] = ()) -> None:
        graph = network if isinstance(network, Graph) else network.graph
        self.name = graph.name
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = os.cpu_count() or 1
        options.log_severity_level = 4
        try:
            if isinstance(network, Graph):
                model = onnx_writer.model_of(network, {})
            else:  # products of 8 bits are exact on every x86, and slower without VNNI
                options.add_session_config_entry("session.x64quantprecision", "1")
                model = onnx_integer_writer.model_of(network, {})
            if outputs:
                channels = graph.channels()
                del model.graph.output[:]
                model.graph.output.extend(
                    helper.make_tensor_value_info(
                        name, TensorProto.FLOAT, [1, channels[name], None, None]
                    )
                    for name in outputs
                )
            self._session: Any = onnxruntime.InferenceSession(
                model.SerializeToString(),
                options,
                providers=["CPUExecutionProvider"],
                disabled_optimizers=UNWANTED,
            )
        except Exception as error:  # neither onnx nor ONNX Runtime has a base of its errors
            raise self._cannot_run(error) from error

    def run(self, given: Mapping[str, Float]) -> list[Float]:
        """Arrays of the outputs for inputs (1, C, h, w) by name.

        Raises
        ------
        InputError
            If the network cannot take them.
        """
        try:
            result: list[Float] = self._session.run(None, dict(given))
        except Exception as error:
            raise self._cannot_run(error) from error
        return result

    def _cannot_run(self, error: Exception) -> InputError:
        reason = " ".join(str(error).split())[:200]
        return InputError(f"network '{self.name}' cannot run ({reason}): export it again.")
