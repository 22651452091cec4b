from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from edgeqe.converters.export import export
from edgeqe.converters.graph import integer as integers
from edgeqe.converters.graph.graph import KEYS, Graph, Node
from edgeqe.converters.memory.lifetimes import UNSEEN_INTEGERS, peak_bytes
from edgeqe.converters.onnx_io import integer_writer as onnx_integer_writer
from edgeqe.converters.onnx_io.session import GraphSession
from edgeqe.converters.sources import Source
from edgeqe.errors import InputError, ModelError
from edgeqe.model.card import ACTIVATIONS_KEY, CARD_KEY, STRENGTHS_KEY
from edgeqe.model.file import ModelFile
from edgeqe.quantization.calibration.ranges import Ranges
from edgeqe.quantization.int8.int8 import quantized_graph
from edgeqe.quantization.int8.oracle import Oracle

RNG = np.random.default_rng(4)
KERNEL = RNG.normal(0, 0.2, (6, 6, 3, 3)).astype(np.float32)
TAIL = RNG.normal(0, 0.2, (6, 6, 1, 1)).astype(np.float32)


def network() -> Graph:
    """A kernel used twice, a skip, a tail; one vector follows the strength."""
    ones = np.ones((1, 6, 1, 1), np.float32)
    constants = {"k": KERNEL, "t": TAIL, "s1": ones, "s2": 0.5 * ones, "b1": 0.1 * ones}
    pad: dict[str, Any] = {"padding": 1, "padding_end": 1}
    nodes = (
        Node("Conv", "c1", ("planes", "k"), "a", 3, **pad),
        Node("Mul", "m1", ("a", "s1"), "b"),
        Node("Add", "a1", ("b", "b1"), "c"),
        Node("Relu", "r1", ("c",), "d"),
        Node("Conv", "c2", ("d", "k"), "e", 3, **pad),
        Node("Mul", "m2", ("e", "s2"), "f"),
        Node("Add", "skip", ("f", "d"), "g"),
        Node("Relu", "r2", ("g",), "h"),
        Node("Conv", "tail", ("h", "t"), "out"),
    )
    table = np.linspace(0.5, 2, len(KEYS), dtype=np.float32)[:, None].repeat(6, 1)
    return Graph("edgeqe-tiny", {"planes": 6}, "out", nodes, constants, {"s1": table})


RANGES = Ranges(
    (0, 87),
    {"d": np.zeros(2), "f": np.array([-40.0, -90.0]), "h": np.zeros(2), "out": np.full(2, -50.0)},
    {"d": np.array([50.0, 200.0]), "f": np.array([40.0, 90.0]), "h": np.array([60.0, 250.0]),
     "out": np.full(2, 50.0)},
)  # fmt: skip


def source(key: int = 40) -> Source:
    integer = quantized_graph(network(), RANGES, key)
    return Source(
        graph=integer.graph,
        reference=lambda planes: Oracle(integer).run(planes.astype(np.float32) - np.float32(128)),
        description="For tests.",
        planes="420-space-to-depth",
        codecs=("jpeg",),
        default_key=key,
        quantized=integer,
    )


def test_a_kernel_lies_once_with_a_scale_of_each_use() -> None:
    model = onnx_integer_writer.model_of(quantized_graph(network(), RANGES, 40), {})
    stored = {i.name: numpy_helper.to_array(i) for i in model.graph.initializer}
    assert stored["k"].dtype == np.int8 and stored["k"].shape == (6, 6, 3, 3)
    reads = [n for n in model.graph.node if n.op_type == "DequantizeLinear" and n.input[0] == "k"]
    assert [n.input[1] for n in reads] == ["c1.kernel.scale", "c2.kernel.scale"]
    assert stored["c1.bias"].dtype == np.int32
    np.testing.assert_array_equal(  # what a bias counts in
        stored["c2.bias.scale"], stored["d.scale"] * stored["c2.kernel.scale"]
    )
    count = Counter(n.op_type for n in model.graph.node)
    # both Relus end in a value whose smallest integer is 0, which QuantizeLinear does
    assert "Relu" not in count and (count["Conv"], count["Add"]) == (3, 1)
    assert count["QuantizeLinear"] == 5  # planes, d, f, h and out


def test_a_real_convolutions_kernel_lies_once_as_bytes() -> None:
    integer = quantized_graph(network(), RANGES, 40, keep_float=["c1"])  # c2 shares its kernel
    model = onnx_integer_writer.model_of(integer, {})
    stored = {i.name: numpy_helper.to_array(i) for i in model.graph.initializer}
    assert stored["k"].dtype == np.int8 and np.abs(stored["k"]).max() == 127
    casts = [n for n in model.graph.node if n.op_type == "Cast"]
    assert [(n.input[0], n.output[0]) for n in casts] == [("k", "k.real")]
    assert sum("k.real" in n.input for n in model.graph.node if n.op_type == "Conv") == 2
    planes = RNG.integers(-128, 128, (6, 24, 40)).astype(np.float32)
    found = GraphSession(integer).run({"planes": planes[None]})[0][0]
    # the oracle's sums are in another order: float32 may round a value to the next integer
    off = np.abs(found - Oracle(integer).run(planes))
    assert off.max() <= 1.01 * max(integer.residual_scale, 1e-3) and (off > 1e-3).mean() < 0.01


@pytest.mark.parametrize("symmetric", [False, True])
def test_the_file_gives_what_the_oracle_gives(symmetric: bool) -> None:
    integer = quantized_graph(network(), RANGES, 40, symmetric=symmetric)
    planes = RNG.integers(-128, 128, (6, 24, 40)).astype(np.float32)
    found = GraphSession(integer).run({"planes": planes[None]})[0][0]
    expected = Oracle(integer).run(planes)
    # A number in the middle of two integers may go either way in a layer; with integers 1.6
    # apart, as of symmetric ones here, that is up to a grey level behind the next kernels.
    assert np.abs(found - expected).max() <= (1.0 if symmetric else 2.01 * integer.residual_scale)
    assert (np.abs(found - expected) > 0.01 * integer.residual_scale).mean() < 0.01


def test_one_file_serves_every_strength(tmp_path: Path) -> None:
    # Written at one strength and set to another by the device, it is what is written there.
    export(source(40), tmp_path / "a.onnx")
    file = ModelFile(tmp_path / "a.onnx")
    assert file.at(40) == file.data
    for key in (0, 33, 87):
        moved = onnx.load_from_string(file.at(key))
        export(source(key), tmp_path / "b.onnx")
        there = onnx.load(tmp_path / "b.onnx")
        for one, other in zip(moved.graph.initializer, there.graph.initializer, strict=True):
            assert one == other, one.name


def test_the_card_says_what_the_device_must_write(tmp_path: Path) -> None:
    card = export(source(), tmp_path / "a.onnx").card
    assert card.precision == "int8"
    assert set(card.vectors) == {"c1.kernel.scale", "c1.bias", "c2.bias", "c3.bias"}
    file = ModelFile(tmp_path / "a.onnx")
    assert {f"{value}.scale" for value in card.activations} <= set(file.outline.initializers)
    assert set(card.biases) == {"c1.bias", "c2.bias", "c3.bias"}
    assert card.shared == ("k",) and card.residual_step == 0.25  # its limit at such a fine step


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"biases": {"c1.bias": ["nothing", "planes.scale"]}}, "'nothing' is missing"),
        ({"biases": {"c1.bias": ["t", "planes.scale"]}}, "'t' is missing or has no raw data"),
        ({"activations": ["planes"]}, "1 columns|columns for 1 channels"),
        ({"activations": ["nothing", "a", "b", "c"]}, "'nothing.scale' is missing"),
    ],
)
def test_cards_that_do_not_fit_are_refused(
    tmp_path: Path, change: dict[str, object], message: str
) -> None:
    import json

    export(source(), tmp_path / "a.onnx")
    model = onnx.load(tmp_path / "a.onnx")
    for entry in model.metadata_props:
        if entry.key == CARD_KEY:
            entry.value = json.dumps({**json.loads(entry.value), **change})
    onnx.save(model, tmp_path / "odd.onnx")
    with pytest.raises(ModelError, match=message):
        ModelFile(tmp_path / "odd.onnx")


def test_damaged_tables_are_refused(tmp_path: Path) -> None:
    export(source(), tmp_path / "a.onnx")
    for key in (STRENGTHS_KEY, ACTIVATIONS_KEY):
        model = onnx.load(tmp_path / "a.onnx")
        for entry in model.metadata_props:
            if entry.key == key:
                entry.value = entry.value[: len(entry.value) // 2]
        onnx.save(model, tmp_path / "odd.onnx")
        with pytest.raises(ModelError, match=f"table '{key}' is damaged"):
            ModelFile(tmp_path / "odd.onnx")


def test_forms_that_do_not_exist_are_refused(tmp_path: Path) -> None:
    symmetric = quantized_graph(network(), RANGES, 40, symmetric=True)
    import dataclasses

    form = dataclasses.replace(source(), quantized=symmetric, graph=symmetric.graph)
    with pytest.raises(InputError, match="no TFLite"):
        export(form, tmp_path / "a.tflite")
    with pytest.raises(InputError, match="no float16"):
        export(source(), tmp_path / "a.onnx", float16=True)


def test_short_names_keep_the_steps() -> None:
    integer = quantized_graph(network(), RANGES, 40)
    short = integers.short(integer)
    planes = RNG.integers(-128, 128, (6, 8, 8)).astype(np.float32)
    assert (Oracle(short).run(planes) == Oracle(integer).run(planes)).all()
    assert set(short.quant_params) == {"planes", "out", "v4", "v7", "v9"}


def test_memory_is_counted_by_hand() -> None:
    integer = quantized_graph(network(), RANGES, 40)
    # The planes' 6 integers and their copy with the channels last, which later values take over;
    # a convolution of 6 channels has 24 bytes of sums and unfolds 54. Six real planes at either
    # end are the caller's.
    assert peak_bytes(integer) == pytest.approx(UNSEEN_INTEGERS * (6 + 6 + 24 + 54) + 2 * 24)
