"""Sessions against the card and the arrays that they are given: no buffer of another size is bound."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper

from edgeqe.errors import ModelError
from edgeqe.model.file import ModelFile
from edgeqe.runtimes import open_session
from edgeqe.runtimes.litert import LitertSession
from edgeqe.runtimes.ort import OrtSession
from tests.small_models import strong_graph, write


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, ModelFile]:
    folder = tmp_path_factory.mktemp("ends")
    for name in ("m.onnx", "m.tflite"):
        write(strong_graph(), folder / name)
    return {name: ModelFile(folder / name) for name in ("m.onnx", "m.tflite")}


@pytest.mark.parametrize("name", ["m.onnx", "m.tflite"])
def test_a_session_of_other_channels_than_the_card_is_refused(
    files: dict[str, ModelFile], name: str
) -> None:
    """The last check, behind the file's: what the runtime itself says of the model."""
    file = files[name]
    for changes in ({"planes": "rgb"}, {"inputs": ("planes", "residual")}):
        card = replace(file.card, **changes)
        with pytest.raises(ModelError, match="the card says"):
            if name == "m.onnx":
                OrtSession(file.data, card=card)
            else:
                LitertSession(file.data, card=card)


@pytest.mark.parametrize("name", ["m.onnx", "m.tflite"])
def test_arrays_of_another_size_are_refused(files: dict[str, ModelFile], name: str) -> None:
    session = open_session(files[name], 40)
    planes = np.ones((1, 16, 20), np.float32)
    expected = session.run(planes)
    wrong: list[tuple[Any, Any]] = [
        (planes[:, :, ::2], None),  # not contiguous
        (planes.astype(np.float64), None),
        (np.ones((2, 16, 20), np.float32), None),  # planes that no input reads
        (np.ones((0, 16, 20), np.float32), None),
        (planes, np.empty((1, 16, 19), np.float32)),
        (planes, np.empty((6, 16, 20), np.float32)),
        (planes, np.empty((1, 16, 20), np.float16)),
        (planes, np.empty((1, 16, 40), np.float32)[:, :, ::2]),
    ]
    for given, out in wrong:
        with pytest.raises(ValueError, match="a session takes contiguous float32"):
            session.run(given, out)
    assert np.array_equal(session.run(planes), expected)


@pytest.mark.parametrize(
    "shape", [[3], [1, 6, "h", "w", "d"], ["n", 6, "h", "w"], [1, "c", "h", "w"], [1, 6, 16, "w"]]
)
@pytest.mark.parametrize("kind", [onnx.TensorProto.FLOAT, onnx.TensorProto.UINT8])
def test_a_session_whose_ends_are_no_planes_is_refused(shape: list[Any], kind: int) -> None:
    value = helper.make_tensor_value_info
    graph = helper.make_graph([helper.make_node("Identity", ["x"], ["y"])], "g",
                              [value("x", kind, shape)], [value("y", kind, shape)])  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    with pytest.raises(ModelError, match="are planes"):
        OrtSession(model.SerializeToString())


def test_what_fails_while_it_runs_is_a_model_error(tmp_path: Path) -> None:
    """A network that halves, on planes of an odd side: ONNX Runtime's own error is not ours."""
    value = helper.make_tensor_value_info
    nodes = [helper.make_node("SpaceToDepth", ["x"], ["d"], blocksize=2),
             helper.make_node("DepthToSpace", ["d"], ["y"], blocksize=2)]  # fmt: skip
    ends = [value(name, 1, [1, 1, "h", "w"]) for name in "xy"]
    graph = helper.make_graph(nodes, "g", ends[:1], ends[1:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    session = OrtSession(model.SerializeToString(), alignment=2)
    with pytest.raises(ModelError, match="ONNX Runtime refuses") as caught:
        session.run(np.ones((1, 3, 3), np.float32))
    assert "\n" not in str(caught.value)
    assert session.run(np.ones((1, 2, 2), np.float32)).sum() == 4
