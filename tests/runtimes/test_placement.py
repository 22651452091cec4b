"""Where a network ran, from records by hand and from this machine's runtimes."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest

from edgeqe.errors import ModelError
from edgeqe.model.catalogue import find_model
from edgeqe.model.file import ModelFile
from edgeqe.model.vector_inputs import with_vector_inputs
from edgeqe.runtimes import open_session
from edgeqe.runtimes.ort import OrtSession
from edgeqe.runtimes.placement import Placement, placement_of

CPU, CUDA, TRT = "CPUExecutionProvider", "CUDAExecutionProvider", "TensorrtExecutionProvider"


def event(provider: str, operator: str, *inputs: list[int], output: list[int]) -> dict[str, Any]:
    """A node's event as ONNX Runtime writes it."""
    return {
        "cat": "Node",
        "args": {
            "provider": provider,
            "op_name": operator,
            "input_type_shape": [{"float": shape} for shape in inputs],
            "output_type_shape": [{"float": output}],
        },
    }


def test_macs_follow_from_the_shapes_of_each_convolution() -> None:
    events = [
        event(CUDA, "Conv", [1, 6, 8, 8], [32, 6, 3, 3], output=[1, 32, 8, 8]),  # 110,592
        event(CPU, "FusedConv", [1, 32, 8, 8], [6, 32, 3, 3], output=[1, 6, 8, 8]),  # 110,592
        event(CUDA, "Relu", [1, 32, 8, 8], output=[1, 32, 8, 8]),
        {"cat": "Session", "args": {}},
    ]
    found = placement_of(events, macs=221_184)
    assert found.macs == {CUDA: 0.5, CPU: 0.5}
    assert found.share_elsewhere([CUDA]) == 0.5 and found.share_elsewhere([CUDA, CPU]) == 0.0


def test_a_compiled_part_has_the_macs_that_the_others_lack() -> None:
    events = [
        event(TRT, "TRTKernel_graph_main_0", [1, 6, 8, 8], output=[1, 32, 8, 8]),
        event(CPU, "Conv", [1, 32, 8, 8], [6, 32, 1, 1], output=[1, 6, 8, 8]),  # 12,288
    ]
    found = placement_of(events, macs=122_880)
    assert found.macs == pytest.approx({TRT: 0.9, CPU: 0.1})
    assert found.provider == TRT


def test_without_a_convolution_the_nodes_tell() -> None:
    events = [event(CPU, "Relu", [1], output=[1]), event(CPU, "Add", [1], output=[1])]
    assert placement_of(events, macs=0.0).macs == {CPU: 1.0}


@pytest.mark.parametrize("form", ["float32", "int8"])
def test_on_this_processor_all_macs_are_its_own(form: str) -> None:
    file = ModelFile(find_model("edgeqe-tiny", form))
    recorded = OrtSession(file.data, recorded=True)
    recorded.run(np.zeros((6, 8, 8), np.float32))
    recorded.end_recording(macs=file.card.kmac_per_pixel * 1e3 * 16**2)
    # what is said without a record, because there is no other provider, is what a record says
    plain = open_session(file, file.key(file.card.default_step))
    assert recorded.placement == plain.placement == Placement({CPU: 1.0})


def test_litert_tells_whether_xnnpack_holds_the_kernels() -> None:
    pytest.importorskip("ai_edge_litert")
    file = ModelFile(find_model("edgeqe-tiny", "float32.tflite"))
    found = open_session(file, file.key(file.card.default_step)).placement
    assert found.provider == "XNNPACK" and found.macs == {"XNNPACK": 1.0}


@pytest.mark.parametrize("form", ["float32", "float16"])
def test_strength_vectors_as_inputs_give_what_the_file_gives(form: str) -> None:
    file = ModelFile(find_model("edgeqe-small", form))
    data = with_vector_inputs(file.data, file.card.vectors)
    model = onnx.load_from_string(data)
    onnx.checker.check_model(model)
    names = {initializer.name for initializer in model.graph.initializer}
    assert names.isdisjoint(file.card.vectors)
    assert {i.name for i in model.graph.input} == {"planes", *file.card.vectors}
    session = onnxruntime.InferenceSession(data, providers=[CPU])
    planes = np.random.default_rng(1).normal(0, 40, (1, 6, 24, 16)).astype(np.float32)
    for key in (file.first_key, 40, 70):
        plain = onnxruntime.InferenceSession(file.at(key), providers=[CPU])
        (expected,) = plain.run(None, {"planes": planes})
        (found,) = session.run(None, {"planes": planes, **file.vectors_at(key)})
        # float32: sums in another order; float16: the vectors' last bit, 1/2048 of a result
        off = 1e-5 if form == "float32" else 2e-3
        assert np.abs(found - expected).max() <= off * np.abs(expected).max()


def test_a_vector_that_the_file_lacks_is_named() -> None:
    file = ModelFile(find_model("edgeqe-tiny", "float32"))
    with pytest.raises(ModelError, match="nothing.bias"):
        with_vector_inputs(file.data, ["nothing.bias"])
    with pytest.raises(ModelError, match="breaks off"):
        with_vector_inputs(file.data[:-20], file.card.vectors)
