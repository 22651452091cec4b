"""Other tools' networks in INT8: the gain of the float network stays, in ONNX and in TFLite.

Networks whose last layer is fitted, so that there is a gain to lose.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from PIL import Image

from edgeqe.converters.export import export
from edgeqe.converters.onnx_io.sources import from_onnx
from edgeqe.model.file import ModelFile
from edgeqe.quantization.int8.quantizer import Quantizer
from edgeqe.quantization.int8.sensitivity import convolutions
from edgeqe.runtimes import open_session
from edgeqe.typing import Float
from tests.fitted_networks import QUALITY, head, tail
from tests.onnx_files import make, model
from tests.quantization.photographs import NAMES, picture

#: What INT8 may lose, dB: the drift gate's limit at coarse steps, where all of these lie.
MOST_LOST = 0.05
KERNEL, BIAS = head()
ROUND: dict[str, Any] = {"pads": [1, 1, 1, 1]}
Activation = Callable[[Any], Any]


def normalized(x: Any) -> Any:
    centred = x - x.mean(axis=-1, keepdims=True)
    return centred / np.sqrt(np.square(centred).mean(axis=-1, keepdims=True) + 1e-3)


def gelu(x: Any) -> Any:
    return x / (1 + np.exp(-1.5957691216 * (x + 0.044715 * x**3)))


#: Nodes from h to a, and the same in NumPy.
ACTIVATIONS: dict[str, tuple[list[onnx.NodeProto], Activation]] = {
    "relu6": ([make("Clip", ["h", "0", "6"], ["a"])], lambda x: np.clip(x, 0, 6)),
    "relu6 that saturates": ([make("Clip", ["h", "0", "half"], ["a"])], lambda x: np.clip(x, 0, 0.5)),
    "clip": ([make("Clip", ["h", "-0.2", "half"], ["a"])], lambda x: np.clip(x, -0.2, 0.5)),
    "leaky": ([make("LeakyRelu", ["h"], ["a"], alpha=0.2)], lambda x: np.maximum(x, 0.2 * x)),
    "hard swish": ([make("HardSwish", ["h"], ["a"])], lambda x: x * np.clip(x / 6 + 0.5, 0, 1)),
    "gelu": ([make("Gelu", ["h"], ["a"], approximate="tanh")], gelu),
    "norm": ([make("Transpose", ["h"], ["l"], perm=[0, 2, 3, 1]),
              make("LayerNormalization", ["l", "ones"], ["n"], epsilon=1e-3),
              make("Transpose", ["n"], ["a"], perm=[0, 3, 1, 2])], normalized),
    "unshuffled": ([make("SpaceToDepth", ["h"], ["u"], blocksize=2), make("Relu", ["u"], ["v"]),
                    make("DepthToSpace", ["v"], ["a"], blocksize=2)], lambda x: np.maximum(x, 0)),
}  # fmt: skip


def plain(body: list[onnx.NodeProto]) -> list[onnx.NodeProto]:
    """A sum with the input, of 0 to 1."""
    return [
        make("Conv", ["x", "k", "b"], ["h"], **ROUND), *body, make("Conv", ["a", "t"], ["r"], **ROUND),
        make("Add", ["x", "r"], ["s"]), make("Clip", ["s", "0", "1"], ["y"])]  # fmt: skip


def mirrored(body: list[onnx.NodeProto]) -> list[onnx.NodeProto]:
    """The same with borders that are mirrored and repeated."""
    return [
        make("Pad", ["x", "ends"], ["p"], mode="reflect"), make("Conv", ["p", "k", "b"], ["h"]), *body,
        make("Pad", ["a", "ends"], ["q"], mode="edge"), make("Conv", ["q", "t"], ["r"]),
        make("Add", ["x", "r"], ["y"])]  # fmt: skip


def scaled(body: list[onnx.NodeProto]) -> list[onnx.NodeProto]:
    """The skip under a final scale: ``n = (x - .5) / .5; y = (n + r) * .5 + .5``."""
    return [
        make("Sub", ["x", "half"], ["c"]), make("Div", ["c", "half"], ["n0"]),
        make("Conv", ["n0", "k/2", "b"], ["h"], **ROUND), *body, make("Conv", ["a", "t*2"], ["r"], **ROUND),
        make("Add", ["n0", "r"], ["s"]), make("Mul", ["s", "half"], ["m"]), make("Add", ["m", "half"], ["y"])]  # fmt: skip


FRAMES = {"plain": plain, "mirrored": mirrored, "scaled": scaled}
CASES = [*(("plain", name) for name in ACTIVATIONS), ("mirrored", "relu6"), ("scaled", "leaky")]


def network(frame: str, name: str, path: Path) -> Path:
    body, activation = ACTIVATIONS[name]
    nodes, fitted = FRAMES[frame](body), tail(KERNEL, BIAS, activation)
    constants: dict[str, Any] = {
        "k": KERNEL, "b": BIAS, "t": fitted, "k/2": KERNEL / 2, "t*2": fitted * 2,
        "half": np.float32(0.5), "0": np.float32(0), "1": np.float32(1), "6": np.float32(6),
        "-0.2": np.float32(-0.2), "ones": np.ones(8, np.float32),
        "ends": np.array([0, 0, 1, 1, 0, 0, 1, 1], np.int64),
    }  # fmt: skip
    read = {name for node in nodes for name in node.input}
    chosen = {key: value for key, value in constants.items() if key in read}
    opset = 20 if name == "gelu" else 17
    path.write_bytes(model(nodes, chosen, shape=(1, 1, "h", "w"), opset=opset).SerializeToString())
    return path


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pictures")
    for name in NAMES:
        picture(name).crop((100, 100, 388, 388)).save(folder / f"{name}.png", compress_level=1)
    return folder


def gain(path: Path, original: Float, coded: Float) -> float:
    """PSNR after enhancement less PSNR before, dB."""
    file = ModelFile(path)
    running = open_session(file, file.key(file.card.default_step))
    made = np.clip(np.rint(coded + running.run(coded - np.float32(128))), 0, 255)
    before, after = (np.square(one - original).mean() for one in (coded, made))
    return float(10 * np.log10(before / after))


@pytest.mark.parametrize(("frame", "name"), CASES)
def test_int8_keeps_the_gain(frame: str, name: str, pictures: Path, tmp_path: Path) -> None:
    source = from_onnx(network(frame, name, tmp_path / "theirs.onnx"))
    photograph = picture("coffee").convert("L").crop((40, 60, 296, 252))
    data = io.BytesIO()
    photograph.save(data, "JPEG", quality=QUALITY)
    original, coded = (np.asarray(one, np.float32)[None] for one in (photograph, Image.open(data)))
    before = gain(export(source, tmp_path / "float.onnx").path, original, coded)
    assert before > 0.2
    quantizer = Quantizer(source, pictures, qualities=(20, 60))
    # a norm divides by the spread of a few integers where the picture is flat: what is in front of it
    # stays in float, by --keep-float or --max-drop; quantized, this network loses 0.065 dB
    kept = convolutions(source.graph)[:1] if name == "norm" else []
    for suffix in ("onnx", "tflite"):
        made = quantizer.as_source(quantizer.make(kept, litert=suffix == "tflite"), {})
        path = export(made, tmp_path / f"int8.{suffix}").path
        assert ModelFile(path).card.precision == "int8"
        lost = before - gain(path, original, coded)
        print(f"{frame} {name} {suffix}: gain {before:.3f} dB, INT8 loses {lost:.4f} dB")
        assert lost <= MOST_LOST
