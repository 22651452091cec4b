"""ONNX Runtime and LiteRT against the integer oracle, each layer fed the runtime's own input."""

from __future__ import annotations

import functools
import io
import json
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime
import pytest
from PIL import Image

from edgeqe.codecs.strength import step_from_quality, step_key
from edgeqe.converters.graph.graph import Graph
from edgeqe.converters.graph.integer import QuantizedGraph
from edgeqe.converters.onnx_io import integer_writer as onnx_integer_writer
from edgeqe.converters.onnx_io import reader as onnx_reader
from edgeqe.converters.onnx_io.session import GraphSession
from edgeqe.converters.tflite_io import integer_writer as tflite_integer_writer
from edgeqe.model.catalogue import find_model
from edgeqe.quantization.calibration.ranges import Ranges
from edgeqe.quantization.int8.canonical_form import canonical
from edgeqe.quantization.int8.int8 import quantized_graph, values
from edgeqe.quantization.int8.oracle import Integers, Oracle
from tests.quantization.integer_models import every_operator, extremes, has_vnni, is_x86, stress
from tests.reference import gray_planes, photograph

ROOT = Path(__file__).resolve().parents[2]
LIVE1 = ROOT.parent / "shared" / "data" / "test" / "live1"
RUNTIMES = ["onnx", "tflite"]
PATTERNS = ["bright", "dark", "checks", "channels", "noise"]
#: Runs x86 programs as an older processor would: Haswell has AVX2 and no VNNI.
EMULATOR = shutil.which("qemu-x86_64-static") or shutil.which("qemu-x86_64")


def made_by_groups(integer: QuantizedGraph) -> list[str]:
    """Values of integers beside the inputs."""
    return [group.output for group in integer.groups() if group.output in integer.quant_params]


class OnOnnxRuntime:
    """An integer graph as ONNX, every value an output."""

    def __init__(self, integer: QuantizedGraph) -> None:
        self.integer, self.values = integer, made_by_groups(integer)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.log_severity_level = 3
        model = onnx_integer_writer.model_of(integer, {}, outputs=self.values)
        self.session: Any = onnxruntime.InferenceSession(
            model.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )

    def __call__(self, planes: Integers) -> dict[str, Integers]:
        given = planes.astype(np.float32) - np.float32(128)
        _, *found = self.session.run(None, {"planes": given[None]})
        first = 128 if self.integer.symmetric else 0
        return {
            name: (value[0].astype(np.int16) + first).astype(np.uint8)
            for name, value in zip(self.values, found, strict=True)
        }


class OnLitert:
    """An integer graph as TFLite, every value an output."""

    def __init__(self, integer: QuantizedGraph) -> None:
        self.values = made_by_groups(integer)
        self.model = tflite_integer_writer.model_of(integer, {}, outputs=self.values)

    def __call__(self, planes: Integers) -> dict[str, Integers]:
        from ai_edge_litert.interpreter import Interpreter

        interpreter = Interpreter(model_content=self.model, num_threads=1)
        (given,) = (detail["index"] for detail in interpreter.get_input_details())
        numbers = (planes.astype(np.int16) - 128).astype(np.int8).transpose(1, 2, 0)[None]
        interpreter.resize_tensor_input(given, numbers.shape)
        interpreter.allocate_tensors()
        interpreter.set_tensor(given, numbers)
        interpreter.invoke()
        _, *found = (detail["index"] for detail in interpreter.get_output_details())
        return {
            name: (interpreter.get_tensor(index)[0].astype(np.int16) + 128)
            .astype(np.uint8)
            .transpose(2, 0, 1)
            for name, index in zip(self.values, found, strict=True)
        }


def running(runtime: str, integer: QuantizedGraph) -> OnOnnxRuntime | OnLitert:
    return OnOnnxRuntime(integer) if runtime == "onnx" else OnLitert(integer)


def layers(
    integer: QuantizedGraph, planes: Integers, found: Mapping[str, Integers]
) -> dict[str, int]:
    """Largest difference of each layer, in integer steps, the oracle fed what the runtime had.

    Real values between groups are the oracle's own.
    """
    oracle, worst = Oracle(integer), dict[str, int]()
    had: dict[str, Any] = {"planes": planes, **found}
    for group in integer.groups():
        read = {name for node in group.nodes for name in node.inputs} & had.keys()
        expected = oracle.group(group, {name: had[name] for name in read})
        if group.output in found:
            difference = expected.astype(np.int16) - found[group.output]
            worst[group.output] = int(np.abs(difference).max())
        else:
            had[group.output] = expected
    return worst


def worst_of_stress(
    largest: int, patterns: Sequence[str] = PATTERNS, runtime: str = "onnx"
) -> dict[str, int]:
    """Largest difference of a runtime in each layer of the stress case."""
    integer = stress(largest)
    run = running(runtime, integer)
    worst = dict[str, int]()
    for pattern in patterns:
        planes = extremes(pattern, 16, 8, 9)
        for name, steps in layers(integer, planes, run(planes)).items():
            worst[name] = max(worst.get(name, 0), steps)
    return worst


@pytest.mark.parametrize("pattern", PATTERNS)
@pytest.mark.parametrize("runtime", RUNTIMES)
def test_extremes_of_7_bits_overflow_nowhere(runtime: str, pattern: str) -> None:
    integer, planes = stress(64), extremes(pattern, 16, 12, 13)
    found = running(runtime, integer)(planes)
    worst = layers(integer, planes, found)
    # Convolutions are equal; the middle of two integers, which the sum of two values of one step
    # often meets, goes up in LiteRT.
    assert {name: worst[name] for name in ("wide", "narrow", "deep")} == {
        "wide": 0,
        "narrow": 0,
        "deep": 0,
    }
    assert worst["sum"] <= 1


def on_haswell(expression: str) -> Any:
    """What an expression with this module's names is on an emulated x86 without VNNI."""
    code = (
        "import json; from tests.quantization.test_oracle_runtimes import worst_of_stress; "
        f"print(json.dumps({expression}))"
    )
    done = subprocess.run(
        [str(EMULATOR), "-cpu", "Haswell", sys.executable, "-c", code],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return json.loads(done.stdout)


@pytest.mark.parametrize("haswell", [False, True])
def test_extremes_of_8_bits_overflow_nowhere_in_litert(haswell: bool) -> None:
    if haswell and not EMULATOR:
        pytest.skip("no emulator of x86 here")
    expression = f"worst_of_stress(127, {PATTERNS}, 'tflite')"
    worst = on_haswell(expression) if haswell else worst_of_stress(127, runtime="tflite")
    # as of 7 bits: equal, but for the middle of two integers in a sum of two values
    assert max(worst[name] for name in ("wide", "narrow", "deep")) == 0
    assert worst["sum"] <= 1


def test_extremes_of_8_bits_overflow_on_x86_without_vnni() -> None:
    if is_x86() and not has_vnni():
        narrow, full = worst_of_stress(64), worst_of_stress(127)
    elif EMULATOR:
        narrow, full = on_haswell("[worst_of_stress(largest, ['bright']) for largest in (64, 127)]")
    else:
        pytest.skip("this processor multiplies 8-bit integers without 16-bit sums")
    assert max(narrow.values()) == 0
    # Bright pixels under weights of one sign: 2 * 255 * 127 is cut to 32767, half of it.
    assert full["wide"] > 100


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_every_operator_is_within_a_step(runtime: str) -> None:
    integer = every_operator()
    planes = np.random.default_rng(9).integers(0, 256, (4, 12, 16)).astype(np.uint8)
    found = running(runtime, integer)(planes)
    # No layer is trivially right: each has many integers.
    assert [name for name, value in found.items() if len(np.unique(value)) < 10] == []
    assert {n: steps for n, steps in layers(integer, planes, found).items() if steps > 1} == {}


# The shipped networks.

PHOTOGRAPH = photograph("coffee", 100, 200, 64, 96)[..., 1]


def coded(image: npt.NDArray[np.uint8], quality: int) -> npt.NDArray[np.uint8]:
    """A gray picture as JPEG shows it."""
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file))


def key_of(quality: int) -> int:
    return step_key(step_from_quality(quality))


@functools.cache
def calibrated(name: str) -> tuple[Graph, Ranges]:
    """A shipped network and the extremes of its values on one photograph."""
    graph = onnx_reader.graph_of(find_model(name, "float32"))
    needed, qualities = values(graph), (80, 40, 10)
    rows = []
    for quality in qualities:
        picture = coded(photograph("camera", 0, 128, 192, 256), quality)
        run = GraphSession(canonical(graph.at(key_of(quality))), needed)
        rows.append(run.run({"planes": gray_planes(picture).astype(np.float32)[None]}))
    low = {n: np.array([min(r[i].min(), 0.0) for r in rows]) for i, n in enumerate(needed)}
    high = {n: np.array([max(r[i].max(), 0.0) for r in rows]) for i, n in enumerate(needed)}
    return graph, Ranges(tuple(key_of(quality) for quality in qualities), low, high)


@functools.cache
def integers_of(name: str) -> QuantizedGraph:
    graph, ranges = calibrated(name)
    return quantized_graph(graph, ranges, key_of(40))


def picture_of(integer: QuantizedGraph, planes: Integers, result: Integers) -> Integers:
    """Planes plus the residual, rounded once."""
    output = integer.graph.output
    residual = integer.scale(output) * (
        result.astype(np.float64) - integer.quant_params[output].zero_point
    )
    return np.clip(np.rint(planes + residual), 0, 255).astype(np.uint8)


def planes_of(picture: npt.NDArray[np.uint8]) -> Integers:
    return (gray_planes(picture) + 128).astype(np.uint8)


def check(integer: QuantizedGraph, planes: Integers, found: Mapping[str, Integers]) -> int:
    """Largest difference of the picture, grey levels, where every layer is within a step."""
    worst = layers(integer, planes, found)
    assert {name: steps for name, steps in worst.items() if steps > 1} == {}
    output = integer.graph.output
    expected = Oracle(integer).integers({"planes": planes})[output]
    pictures = [picture_of(integer, planes, result) for result in (expected, found[output])]
    return int(np.abs(pictures[0].astype(np.int16) - pictures[1]).max())


@pytest.mark.parametrize("runtime", RUNTIMES)
@pytest.mark.parametrize(
    ("name", "quality"),
    [("edgeqe-tiny", 10), ("edgeqe-tiny", 80), ("edgeqe-small", 10), ("edgeqe-small", 80),
     ],
)  # fmt: skip
def test_a_shipped_network_is_the_oracle(name: str, quality: int, runtime: str) -> None:
    integer = integers_of(name).at(key_of(quality))
    planes = planes_of(coded(PHOTOGRAPH, quality))
    assert check(integer, planes, running(runtime, integer)(planes)) <= 1


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_each_layer_of_a_deep_shipped_network_is_the_oracle(runtime: str) -> None:
    """Ten layers: a value that ends on the other side of a half changes all behind it, so the oracle
    takes each layer's inputs from the runtime."""
    integer = integers_of("edgeqe-base").at(key_of(20))
    planes = planes_of(coded(PHOTOGRAPH, 20))
    found = layers(integer, planes, running(runtime, integer)(planes))
    assert len(found) > 10 and max(found.values()) <= 1


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_a_network_with_real_layers_is_the_oracle(runtime: str) -> None:
    graph, ranges = calibrated("edgeqe-tiny")
    convolutions = [node.name for node in canonical(graph).nodes if node.op == "Conv"]
    real = set(convolutions[3:])  # none of the two in a skip
    integer = quantized_graph(graph, ranges, key_of(40), keep_float=real)
    assert len(made_by_groups(integer)) < len(convolutions)
    planes = planes_of(coded(PHOTOGRAPH, 40))
    found = running(runtime, integer)(planes)
    assert {n: steps for n, steps in layers(integer, planes, found).items() if steps > 1} == {}


def test_symmetric_integers_are_the_oracle() -> None:
    integer = quantized_graph(*calibrated("edgeqe-tiny"), key_of(40), symmetric=True)
    planes = np.maximum(planes_of(coded(PHOTOGRAPH, 40)), 1)
    # ONNX Runtime runs these convolutions on real numbers: equal by the layer alone.
    worst = layers(integer, planes, OnOnnxRuntime(integer)(planes))
    assert {name: steps for name, steps in worst.items() if steps > 1} == {}


@pytest.mark.skipif(not LIVE1.exists(), reason="the shared data are not there")
@pytest.mark.parametrize("runtime", RUNTIMES)
def test_live1_is_the_oracle(runtime: str) -> None:
    whole = integers_of("edgeqe-small")
    pictures = sorted(path for path in LIVE1.rglob("*") if path.suffix in (".bmp", ".png"))
    assert len(pictures) >= 29
    qualities = (10, 20, 40, 60, 80, 90)
    runs = {quality: running(runtime, whole.at(key_of(quality))) for quality in qualities}
    for index, path in enumerate(pictures):
        quality = qualities[index % len(qualities)]
        image = np.asarray(Image.open(path).convert("L"))[100:164, 200:264]
        planes = planes_of(coded(image, quality))
        assert check(whole.at(key_of(quality)), planes, runs[quality](planes)) <= 1
