"""A plain ONNX peer: residual or picture, told apart; foreign files refused."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from edgeqe.bench.peer import Peer
from edgeqe.errors import ModelError

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")


def write_network(path: Path, gain: float, bias: float, channels: int = 1) -> Path:
    """Write the network ``gain * x + bias``."""
    helper, floats = onnx.helper, onnx.TensorProto.FLOAT
    shape = ["n", channels, "h", "w"]
    graph = helper.make_graph(
        [helper.make_node("Mul", ["x", "gain"], ["m"]),
         helper.make_node("Add", ["m", "bias"], ["y"])],
        "affine",
        [helper.make_tensor_value_info("x", floats, shape)],
        [helper.make_tensor_value_info("y", floats, shape)],
        [helper.make_tensor("gain", floats, [1], [gain]),
         helper.make_tensor("bias", floats, [1], [bias])],
    )  # fmt: skip
    opset = [helper.make_opsetid("", 17)]
    path.write_bytes(
        helper.make_model(graph, opset_imports=opset, ir_version=8).SerializeToString()
    )
    return path


def ramp() -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    return np.arange(256, dtype=np.uint8).reshape(8, 32)


def test_a_network_that_gives_the_picture(tmp_path: Path) -> None:
    # y = x + 3 / 255: three grey levels brighter, clipped at 255.
    path = write_network(tmp_path / "direct.onnx", 1.0, 3 / 255)
    with closing(Peer(path, threads=1)) as peer:
        assert not peer.residual
        out = np.zeros_like(ramp())
        assert peer.enhance(ramp(), out=out) is out
        expected = np.minimum(ramp().astype(int) + 3, 255)
        np.testing.assert_array_equal(out, expected)
        np.testing.assert_array_equal(peer.enhance(ramp()), expected)


def test_a_network_that_gives_the_residual_has_it_subtracted(tmp_path: Path) -> None:
    path = write_network(tmp_path / "residual.onnx", 0.0, 5 / 255)
    with closing(Peer(path, threads=1)) as peer:
        assert peer.residual
        expected = np.maximum(ramp().astype(int) - 5, 0)
        np.testing.assert_array_equal(peer.enhance(ramp()), expected)


def test_foreign_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="there is no peer"):
        Peer(tmp_path / "absent.onnx", threads=1)
    text = tmp_path / "text.onnx"
    text.write_text("not a network", encoding="utf-8")
    with pytest.raises(ModelError, match=r"text\.onnx cannot run"):
        Peer(text, threads=1)
    with pytest.raises(ModelError, match=r"one float tensor of shape \(N, 1, H, W\)"):
        Peer(write_network(tmp_path / "rgb.onnx", 1.0, 0.0, channels=3), threads=1)
