"""How a network begins and ends: bytes in and out, a last Clip, Round and Cast, ONNX Runtime's fused nodes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from edgeqe.converters.export import export
from edgeqe.converters.onnx_io.sources import from_onnx
from edgeqe.model.file import ModelFile
from edgeqe.runtimes import open_session
from edgeqe.typing import Array, Float
from tests.onnx_files import make, model, random, run

BYTE, FLOAT = TensorProto.UINT8, TensorProto.FLOAT
SIDES = (16, 24)
CONSTANTS: dict[str, Any] = {
    "k": random(4, 1, 3, 3), "t": random(1, 4, 3, 3, seed=2) * 0.1, "b": random(4),
    "0": np.float32(0), "1": np.float32(1), "half": np.float32(0.5), "255": np.float32(255),
    "-1": np.float32(-1), "n4": np.array([1, 1, 2, 2], np.int64),
}  # fmt: skip
ROUND: dict[str, Any] = {"pads": [1, 1, 1, 1]}
#: A sum with its input, of and to pictures of 0 to 1, from u to s.
BODY = [
    make("Conv", ["u", "k", "b"], ["h"], **ROUND), make("Relu", ["h"], ["a"]),
    make("Conv", ["a", "t"], ["r"], **ROUND), make("Add", ["u", "r"], ["s"]),
]  # fmt: skip
UNIT = [make("Cast", ["x"], ["f"], to=FLOAT), make("Div", ["f", "255"], ["u"])]
CLIP = make("Clip", ["s", "0", "1"], ["c"])
TO_BYTES = [make("Mul", ["c", "255"], ["m"]), make("Round", ["m"], ["o"])]
FROM_LAST = make("Transpose", ["f0"], ["u"], perm=[0, 3, 1, 2])

#: Input's and output's type, whether channels come last, range of black and white, nodes.
ENDS: dict[str, tuple[int, int, bool, tuple[float, float], list[onnx.NodeProto]]] = {
    "bytes": (BYTE, BYTE, False, (0, 255), [
        *UNIT, *BODY, CLIP, *TO_BYTES, make("Cast", ["o"], ["y"], to=BYTE)]),
    "bytes, channels last": (BYTE, BYTE, True, (0, 255), [
        make("Cast", ["x"], ["f"], to=FLOAT), make("Div", ["f", "255"], ["f0"]), FROM_LAST, *BODY, CLIP,
        *TO_BYTES, make("Transpose", ["o"], ["q"], perm=[0, 2, 3, 1]), make("Cast", ["q"], ["y"], to=BYTE)]),
    "bytes in": (BYTE, FLOAT, False, (0, 255), [*UNIT, *BODY, CLIP, make("Mul", ["c", "255"], ["y"])]),
    "rounded floats": (FLOAT, FLOAT, False, (0, 1), [
        make("Identity", ["x"], ["u"]), *BODY, CLIP, *TO_BYTES, make("Div", ["o", "255"], ["y"])]),
    "a clip under a scale": (FLOAT, FLOAT, False, (0, 1), [
        make("Sub", ["x", "half"], ["d"]), make("Div", ["d", "half"], ["u"]), *BODY,
        make("Clip", ["s", "-1", "1"], ["c"]), make("Mul", ["c", "half"], ["m"]),
        make("Add", ["m", "half"], ["y"])]),
    "a clip of channels last": (FLOAT, FLOAT, True, (0, 1), [
        make("Identity", ["x"], ["f0"]), FROM_LAST, *BODY,
        make("Transpose", ["s"], ["q"], perm=[0, 2, 3, 1]), make("Clip", ["q", "0", "1"], ["y"])]),
}  # fmt: skip


def network(name: str) -> bytes:
    given, made, last, _, nodes = ENDS[name]
    shape = (1, "h", "w", 1) if last else (1, 1, "h", "w")
    read = {name for node in nodes for name in node.input}
    proto = model(nodes, {k: v for k, v in CONSTANTS.items() if k in read}, shape=shape, kind=given)
    proto.graph.output[0].type.tensor_type.elem_type = made
    content: bytes = proto.SerializeToString()
    return content


def levels() -> Float:
    rng = np.random.default_rng(6)
    rows, columns = np.mgrid[: SIDES[0], : SIDES[1]]
    picture = 128 + 150 * np.sin(rows / 3) * np.cos(columns / 4) + rng.normal(0, 5, SIDES)
    made: Float = np.clip(np.rint(picture), 0, 255).astype(np.float32)[None]
    return made


def residual(path: Path, planes: Float) -> Float:
    file = ModelFile(path)
    result: Float = open_session(file, file.key(file.card.default_step)).run(planes - 128)
    return result


@pytest.mark.parametrize("suffix", ["onnx", "tflite"])
@pytest.mark.parametrize("name", ENDS)
def test_ends_are_what_edgeqe_does_itself(name: str, suffix: str, tmp_path: Path) -> None:
    given, made, last, (low, high), _ = ENDS[name]
    theirs, planes = tmp_path / "theirs.onnx", levels()
    theirs.write_bytes(network(name))
    source = from_onnx(theirs)
    # the global skip is seen through what finishes the picture: the residual alone is left
    assert {"Min", "Max"}.isdisjoint(node.op for node in source.graph.nodes)
    exported = export(source, tmp_path / f"ours.{suffix}")
    asked: Array = planes[None] if given == BYTE else planes[None] / np.float32(255)
    asked = asked.transpose(0, 2, 3, 1) if last else asked
    answer = run(theirs.read_bytes(), asked.astype(np.uint8 if given == BYTE else np.float32))
    answer = answer.transpose(0, 3, 1, 2) if last else answer
    expected = answer[0].astype(np.float64) * (255 / (high - low))
    picture = np.clip(planes + residual(exported.path, planes), 0, 255)
    assert 0.02 < np.mean((expected == 0) | (expected == 255)) < 0.5  # the Clip does something
    if made == BYTE or "rounded" in name:
        assert np.abs(np.rint(picture) - expected).max() <= 1.0  # sums that lie between two levels
        assert np.mean(np.abs(np.rint(picture) - expected) > 0.5) < 0.01
    else:
        np.testing.assert_allclose(picture, expected, rtol=0, atol=2e-3)


@pytest.mark.parametrize(
    ("gives", "factor"), [("residual", 1.0), ("residual", 0.25), ("noise", 1.0)]
)
def test_the_last_clip_of_a_residual_is_part_of_the_network(
    gives: str, factor: float, tmp_path: Path
) -> None:
    nodes = [
        make("Identity", ["x"], ["u"]), *BODY[:3], make("Clip", ["r", "-0.2", "0.2"], ["c"]),
        make("Clip", ["c", "0", "1"], ["d"]), make("Mul", ["d", "factor"], ["y"])]  # fmt: skip
    bounds = {"-0.2": np.float32(-0.2), "0.2": np.float32(0.2), "factor": np.float32(factor)}
    read = {name for node in nodes for name in node.input}
    every = {**CONSTANTS, **bounds}
    proto = model(nodes, {k: v for k, v in every.items() if k in read}, shape=(1, 1, "h", "w"))
    theirs, planes = tmp_path / "theirs.onnx", levels()
    theirs.write_bytes(proto.SerializeToString())
    exported = export(from_onnx(theirs, output=gives), tmp_path / "ours.onnx")
    expected = run(theirs.read_bytes(), planes[None] / np.float32(255))[0] * 255
    assert (expected == 0).mean() > 0.1 and np.ptp(expected) > 1.0
    sign = -1 if gives == "noise" else 1
    np.testing.assert_allclose(residual(exported.path, planes), sign * expected, rtol=0, atol=2e-3)


FUSED: dict[str, tuple[dict[str, Any], list[str]]] = {
    "none": ({}, []),
    "relu": ({"activation": "Relu"}, []),
    "slope": ({"activation": "LeakyRelu", "activation_params": [0.3]}, []),
    "bounds": ({"activation": "Clip", "activation_params": [-0.2, 0.4]}, []),
    "line": ({"activation": "HardSigmoid", "activation_params": [0.3, 0.4]}, []),
    "a sum": ({"activation": "Relu"}, ["g"]),
    "a sum alone": ({}, ["g"]),
}


@pytest.mark.parametrize("name", FUSED)
def test_fused_convolutions_of_onnx_runtime(name: str, tmp_path: Path) -> None:
    attributes, more = FUSED[name]
    nodes = [
        make("Conv", ["x", "k"], ["g"], **ROUND),
        make("FusedConv", ["x", "k", "b", *more], ["a"], domain="com.microsoft", **ROUND, **attributes),
        make("Mul", ["a", "g"], ["m"]),
        make("Conv", ["m", "t"], ["r"], **ROUND), make("Add", ["x", "r"], ["y"]),
    ]  # fmt: skip
    read = {name for node in nodes for name in node.input}
    proto = model(nodes, {k: v for k, v in CONSTANTS.items() if k in read}, shape=(1, 1, "h", "w"))
    proto.opset_import.append(helper.make_opsetid("com.microsoft", 1))
    theirs, planes = tmp_path / "theirs.onnx", levels()
    theirs.write_bytes(proto.SerializeToString())
    exported = export(from_onnx(theirs), tmp_path / "ours.onnx")
    expected = run(theirs.read_bytes(), planes[None] / np.float32(255))[0] * 255 - planes
    np.testing.assert_allclose(residual(exported.path, planes), expected, rtol=0, atol=2e-3)
