"""Files that ONNX Runtime quantized are taken as they are, or turned back to float with the reason."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import pytest
from click.testing import CliRunner, Result

from edgeqe import Enhancer
from edgeqe.cli import main
from edgeqe.model.arithmetic import convolves_integers
from edgeqe.model.file import ModelFile
from tests.fitted_networks import head, tail
from tests.onnx_files import make, model, random
from tests.reference import photograph

KERNEL, BIAS = head()
ROUND: dict[str, Any] = {"pads": [1, 1, 1, 1]}
TAIL = tail(KERNEL, BIAS, lambda x: np.maximum(x, 0))
#: One channel more, which passes the picture on.
PASSED = np.zeros((1, 1, 3, 3), np.float32)
PASSED[0, 0, 1, 1] = 1
CONSTANTS: dict[str, Any] = {
    "0": np.float32(0), "1": np.float32(1), "k": KERNEL, "b": BIAS, "t": TAIL, "-t": -TAIL,
    "m": random(8, 8, 3, 3) / 20, "t2": np.concatenate([0.9 * TAIL, 0.1 * TAIL], axis=1),
    "k9": np.concatenate([KERNEL, PASSED]), "b9": np.append(BIAS, np.float32(0)),
    "t9": np.concatenate([TAIL, PASSED], axis=1),
}  # fmt: skip
#: Networks by what is special, each from x to y.
NETWORKS: dict[str, list[onnx.NodeProto]] = {
    "sum": [make("Conv", ["x", "k", "b"], ["h"], **ROUND), make("Relu", ["h"], ["a"]),
            make("Conv", ["a", "t"], ["r"], **ROUND), make("Add", ["x", "r"], ["s"]),
            make("Clip", ["s", "0", "1"], ["y"])],
    "inner skip": [
        make("Conv", ["x", "k", "b"], ["h"], **ROUND),
        make("Relu", ["h"], ["a"]),
        make("Conv", ["a", "m"], ["g"], **ROUND),
        make("Add", ["a", "g"], ["c"]),
        make("MaxPool", ["c"], ["d"], kernel_shape=[3, 3], strides=[1, 1], **ROUND),
        make("Concat", ["c", "d"], ["e"], axis=1),
        make("Conv", ["e", "t2"], ["r"], **ROUND),
        make("Add", ["x", "r"], ["y"]),
    ],
    "noise": [make("Conv", ["x", "k", "b"], ["h"], **ROUND), make("Relu", ["h"], ["a"]),
              make("Conv", ["a", "-t"], ["n"], **ROUND), make("Sub", ["x", "n"], ["y"])],
    "residual": [make("Conv", ["x", "k", "b"], ["h"], **ROUND), make("Relu", ["h"], ["a"]),
                 make("Conv", ["a", "t"], ["y"], **ROUND)],
    "picture": [make("Conv", ["x", "k9", "b9"], ["h"], **ROUND), make("Relu", ["h"], ["a"]),
                make("Conv", ["a", "t9"], ["y"], **ROUND)],
}  # fmt: skip


def quantized(folder: Path, nodes: list[onnx.NodeProto], **how: Any) -> Path:
    """The network, quantized by ONNX Runtime on pictures that hold black and white."""
    from onnxruntime.quantization import (
        CalibrationDataReader,
        QuantFormat,
        QuantType,
        quantize_static,
    )

    used = {name for node in nodes for name in node.input}
    float_file, path = folder / "float.onnx", folder / "theirs.onnx"
    constants = {name: value for name, value in CONSTANTS.items() if name in used}
    onnx.save(model(nodes, constants, shape=(1, 1, "h", "w")), float_file)

    class Pictures(CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self.left = iter([given(picture) for picture in pictures()])

        def get_next(self) -> dict[str, Any] | None:
            picture = next(self.left, None)
            return None if picture is None else {"x": picture}

    how = {"per_channel": True, "reduce_range": True, "activation_type": QuantType.QUInt8, **how}
    quantize_static(float_file, path, Pictures(), quant_format=QuantFormat.QDQ,
                    weight_type=how.pop("weight_type", QuantType.QInt8), **how)  # fmt: skip
    return path


def pictures() -> Iterator[npt.NDArray[np.uint8]]:
    for name in ("camera", "brick", "gravel"):
        picture = photograph(name, 200, 200, 96, 128)
        picture[0, :2] = 0, 255
        yield picture


def given(picture: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    return (picture[None, None] / 255).astype(np.float32)


def theirs(path: Path, *, adds: bool) -> Callable[[npt.NDArray[np.uint8]], Any]:
    """The file on ONNX Runtime, without fusing, as 8-bit pictures."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])

    def run(picture: npt.NDArray[np.uint8]) -> Any:
        result = session.run(None, {"x": given(picture)})[0][0, 0] * 255
        return np.clip(np.rint(result + picture if adds else result), 0, 255).astype(int)

    return run


def convert(*words: Any) -> Result:
    return CliRunner().invoke(main, ["convert", *map(str, words)])


#: Schemes by name; the symmetric one rounds in front of the Relu too.
SCHEMES: dict[str, dict[str, Any]] = {
    "uint8": {},
    "symmetric": {"extra_options": {"ActivationSymmetric": True}},
    "one scale": {"per_channel": False},
    "weights of 8 bits": {"reduce_range": False},
}


#: Network, scheme and format.
TAKEN = [
    *((name, "uint8", suffix) for name in NETWORKS for suffix in ("onnx", "tflite")),
    *((name, scheme, suffix) for name, scheme in (("residual", "symmetric"), ("sum", "one scale"))
      for suffix in ("onnx", "tflite")),
    ("sum", "weights of 8 bits", "tflite"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "scheme", "suffix"), TAKEN)
def test_its_integers_are_kept(name: str, scheme: str, suffix: str, tmp_path: Path) -> None:
    how = dict(SCHEMES[scheme])
    if scheme == "symmetric":
        from onnxruntime.quantization import QuantType

        how["activation_type"] = QuantType.QInt8
    source, ours = quantized(tmp_path, NETWORKS[name], **how), tmp_path / f"ours.{suffix}"
    gives = "residual" if name == "residual" else "picture"
    done = convert(source, "-o", ours, "--gives", gives)
    assert (done.exit_code, done.stderr) == (0, ""), (done.output, done.exception)
    file = ModelFile(ours)
    assert file.card.precision == "int8" and convolves_integers(file)
    reference = theirs(source, adds=gives == "residual")
    with Enhancer(ours) as enhancer:
        assert enhancer.self_test().passed
        for picture in pictures():
            made = enhancer.enhance(picture, quality=40).astype(int)
            assert np.abs(made - picture).max() > 3  # it does something
            # the file rounds its picture once more, and LiteRT and ONNX Runtime round a tie of a
            # fused convolution as they please
            assert np.abs(made - reference(picture)).max() <= 1


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "weights of 8 bits": ({"reduce_range": False}, "go to 127, and to 64 at most here"),
    "uint8 weights": ({"weight_type": "QUInt8"}, "is uint8, not int8"),
    "16 bits": ({"activation_type": "QUInt16"}, "is rounded to uint16, not to 8 bits"),
    "a float convolution": ({"nodes_to_exclude": ["last"]}, "the kernel of 'last' is no integers"),
}  # fmt: skip


#: A skip inside of the network.
BRANCHES = [make("Conv", ["x", "k", "b"], ["h"], **ROUND), make("Relu", ["h"], ["a"]),
            make("Conv", ["a", "m"], ["g"], **ROUND), make("Add", ["a", "g"], ["c"], "inner"),
            make("Conv", ["c", "t"], ["r"], "last", **ROUND), make("Add", ["x", "r"], ["y"])]  # fmt: skip


def refused(source: Path, reason: str) -> None:
    """Converted to float, with one line that gives the reason and the next step."""
    ours = source.with_name("ours.onnx")
    done = convert(source, "-o", ours)
    assert done.exit_code == 0, (done.output, done.exception)
    (line,) = done.stderr.splitlines()
    assert reason in line and line.endswith("the next step is edgeqe quantize.")
    assert ModelFile(ours).card.precision == "float32"


@pytest.mark.parametrize("what", REFUSED)
def test_another_scheme_is_named_and_becomes_float(what: str, tmp_path: Path) -> None:
    from onnxruntime.quantization import QuantType

    how, reason = REFUSED[what]
    how = {key: getattr(QuantType, text) if key.endswith("type") else text
           for key, text in how.items()}  # fmt: skip
    refused(quantized(tmp_path, BRANCHES, **how), reason)


@pytest.mark.parametrize(
    ("value", "reason"),
    [("g", "'g' is not rounded"), ("a", "'a' is read without rounding by 'inner'")],
)
def test_a_skip_around_the_rounding_is_named(value: str, reason: str, tmp_path: Path) -> None:
    source = quantized(tmp_path, BRANCHES, extra_options={"ActivationSymmetric": True})
    edited = onnx.load(source)
    (inner,) = (node for node in edited.graph.node if node.name == "inner")
    rounded = list(inner.input).index(f"{value}_DequantizeLinear_Output")
    inner.input[rounded] = value
    onnx.save(edited, source)
    refused(source, reason)


def test_float16_and_quantize_take_the_float_network(tmp_path: Path) -> None:
    source, ours = quantized(tmp_path, NETWORKS["sum"]), tmp_path / "ours.onnx"
    assert convert(source, "-o", ours, "--float16").exit_code == 0
    assert ModelFile(ours).card.precision == "float16"
