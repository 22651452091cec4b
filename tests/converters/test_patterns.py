"""What PyTorch's exporters write: ONNX and TFLite files give what ONNX Runtime gives on the original.

Each pattern stands between two convolutions and under a global skip, as in a network.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from edgeqe.converters.export import export
from edgeqe.converters.onnx_io.sources import from_onnx
from edgeqe.model.file import ModelFile
from edgeqe.runtimes import open_session
from edgeqe.typing import Float
from tests.onnx_files import make, model, random, run

#: Greatest difference, 8-bit levels, of a residual of some 50: float32's rounding of sums in another
#: order, and of the picture that the residual is added to in the original.
LEVELS = 2e-3


def ints(*values: int) -> Any:
    return np.array(values, np.int64)


def resize(
    scale: float, mode: str, how: str, source: str = "a", output: str = "b", **more: Any
) -> Any:
    return make("Resize", [source, "", f"scales.{scale:g}"], [output], mode=mode,
                coordinate_transformation_mode=how, **more)  # fmt: skip


def conv(source: str, kernel: str, output: str, **more: Any) -> onnx.NodeProto:
    return make("Conv", [source, kernel], [output], **more)


ROUND = [1, 1, 1, 1]
NUMBERS = {
    "k8": random(8, 8, 3, 3) * 0.3, "k8b": random(8, 8, 3, 3, seed=4) * 0.3, "d8": random(8, 1, 3, 3),
    "k5": random(8, 8, 5, 5) * 0.2, "k13": random(8, 8, 1, 3), "k31": random(8, 8, 3, 1),
    "scales.1": np.ones(4, np.float32), "scales.2": np.array([1, 1, 2, 2], np.float32),
    "scales.3": np.array([1, 1, 3, 3], np.float32), "scales.0.5": np.array([1, 1, 0.5, 0.5], np.float32),
    "pads2": ints(0, 0, 2, 2, 0, 0, 2, 2), "pads1": ints(0, 0, 1, 1, 0, 0, 1, 1),
    "0": np.float32(0), "6": np.float32(6), "1": np.float32(1), "3": np.float32(3),
    "half": np.float32(0.5), "root2": np.float32(math.sqrt(2)), "eps": np.float32(1e-6),
    "two": np.float32(2), "low": np.float32(-0.2), "high": np.float32(0.3), "axis1": ints(1),
    "w": random(1, 8, 1, 1, seed=6), "v": random(1, 8, 1, 1, seed=7),
    "i0": ints(0), "i1": ints(1), "i2": ints(2), "i3": ints(3), "i4": ints(4), "i8": ints(8),
    "far": ints(2**62), "halves": ints(4, 4), "six": ints(1, 8, 0, 2, 0, 2),
    "to6": ints(1, 8, -1, 2, 0, 2), "to5": ints(1, 2, 4, 0, 0), "to4": ints(1, 8, 0, 0),
}  # fmt: skip


def shaped(name: str, *parts: str) -> onnx.NodeProto:
    """A shape that is joined of others."""
    return make("Concat", list(parts), [name], axis=0)


#: Sides of a value, and halves of them, as ``x.shape`` is exported.
SIDES = [
    make("Shape", ["a"], ["rows"], start=2, end=3), make("Shape", ["a"], ["columns"], start=3),
    make("Div", ["rows", "i2"], ["rows2"]), make("Div", ["columns", "i2"], ["columns2"]),
]  # fmt: skip
BLOCKS = [*SIDES, shaped("sixth", "i1", "i8", "rows2", "i2", "columns2", "i2"),
          make("Reshape", ["a", "sixth"], ["q"])]  # fmt: skip
DOWN = [conv("a", "k8", "half2", kernel_shape=[3, 3], pads=[1, 1, 0, 0], strides=[2, 2])]

#: Nodes from a to b, both of 8 channels.
PATTERNS: dict[str, list[onnx.NodeProto]] = {
    "pixel unshuffle, by shapes": [
        *BLOCKS, make("Transpose", ["q"], ["t"], perm=[0, 1, 3, 5, 2, 4]),
        shaped("fourth", "i1", "minus1", "rows2", "columns2"), make("Reshape", ["t", "fourth"], ["u"]),
        make("Conv", ["u", "k32"], ["n"], pads=ROUND),
        make("DepthToSpace", ["n"], ["b"], blocksize=2, mode="CRD")],
    "pixel unshuffle, rows and columns first": [
        *BLOCKS, make("Transpose", ["q"], ["t"], perm=[0, 3, 5, 1, 2, 4]),
        shaped("fourth", "i1", "minus1", "rows2", "columns2"), make("Reshape", ["t", "fourth"], ["u"]),
        make("Conv", ["u", "k32"], ["n"], pads=ROUND),
        make("DepthToSpace", ["n"], ["b"], blocksize=2, mode="DCR")],
    "space to depth and back by reshaping": [
        make("SpaceToDepth", ["a"], ["u"], blocksize=2), make("Relu", ["u"], ["n"]), *SIDES,
        shaped("sixth", "i1", "i8", "i2", "i2", "rows2", "columns2"), make("Reshape", ["n", "sixth"], ["q"]),
        make("Transpose", ["q"], ["t"], perm=[0, 1, 4, 2, 5, 3]),
        shaped("fourth", "i1", "i8", "rows", "columns"), make("Reshape", ["t", "fourth"], ["b"])],
    "focus slices": [
        *(make("Slice", ["a", f"i{row}", "far", "i2", "i2"], [f"r{row}"]) for row in (0, 1)),
        *(make("Slice", [f"r{row}", f"i{col}", "far", "i3", "i2"], [f"s{row}{col}"])
          for row in (0, 1) for col in (0, 1)),
        make("Concat", ["s00", "s10", "s01", "s11"], ["u"], axis=1),
        make("Conv", ["u", "k32"], ["n"], pads=ROUND),
        make("DepthToSpace", ["n"], ["b"], blocksize=2, mode="CRD")],
    "channel shuffle": [
        *SIDES, shaped("fifth", "i1", "i2", "i4", "rows", "columns"), make("Reshape", ["a", "fifth"], ["q"]),
        make("Transpose", ["q"], ["t"], perm=[0, 2, 1, 3, 4]),
        shaped("fourth", "i1", "i8", "rows", "columns"), make("Reshape", ["t", "fourth"], ["s"]),
        make("Sigmoid", ["s"], ["b"])],
    "interpolate by 1": [resize(1, "nearest", "asymmetric", nearest_mode="floor")],
    "nearest by 2": [*DOWN, resize(2, "nearest", "asymmetric", "half2", nearest_mode="floor")],
    "nearest by 2, half pixels": [*DOWN, resize(2, "nearest", "half_pixel", "half2")],
    "bilinear by 2": [*DOWN, resize(2, "linear", "pytorch_half_pixel", "half2")],
    "bicubic by 2": [*DOWN, resize(2, "cubic", "pytorch_half_pixel", "half2", cubic_coeff_a=-0.75)],
    "bilinear by 3 and mean": [
        resize(3, "linear", "half_pixel", "a", "c"),
        make("AveragePool", ["c"], ["b"], kernel_shape=[3, 3], strides=[3, 3])],
    "smaller by 2 and back": [
        resize(0.5, "linear", "half_pixel", "a", "c"),
        resize(2, "nearest", "asymmetric", "c", nearest_mode="floor")],
    "average pooling": [
        make("AveragePool", ["a"], ["b"], kernel_shape=[3, 3], pads=ROUND, count_include_pad=1)],
    "relu6": [make("Clip", ["a", "0", "6"], ["b"])],
    "clip": [make("Clip", ["a", "low", "high"], ["b"])],
    "minimum and maximum": [make("Max", ["a", "low", "v"], ["c"]), make("Min", ["c", "a"], ["b"])],
    "sum and mean": [make("Sum", ["a", "a", "v"], ["c"]), make("Mean", ["c", "a"], ["b"])],
    "reflection": [make("Pad", ["a", "pads2"], ["p"], mode="reflect"), conv("p", "k5", "b")],
    "replication": [make("Pad", ["a", "pads2"], ["p"], mode="edge"), conv("p", "k5", "b")],
    "dilation": [conv("a", "k8", "b", dilations=[2, 2], pads=[2, 2, 2, 2])],
    "dilation and reflection": [
        make("Pad", ["a", "pads2"], ["p"], mode="reflect"), conv("p", "k8", "b", dilations=[2, 2])],
    "row and column kernels": [conv("a", "k13", "c", pads=[0, 1, 0, 1]), conv("c", "k31", "b", pads=[1, 0, 1, 0])],
    "uneven padding": [conv("a", "k8", "b", pads=[2, 1, 0, 1])],
    "gelu by parts": [
        make("Div", ["a", "root2"], ["c"]), make("Erf", ["c"], ["e"]), make("Add", ["e", "1"], ["f"]),
        make("Mul", ["a", "f"], ["g"]), make("Mul", ["g", "half"], ["b"])],
    "hardswish": [make("HardSwish", ["a"], ["b"])],
    "hardswish by parts": [
        make("Add", ["a", "3"], ["c"]), make("Clip", ["c", "0", "6"], ["d"]), make("Mul", ["a", "d"], ["e"]),
        make("Div", ["e", "6"], ["b"])],
    "elu": [make("Elu", ["a"], ["b"], alpha=0.7)],
    "softplus": [make("Softplus", ["a"], ["b"])],
    "tanh": [make("Tanh", ["a"], ["b"])],
    "swish": [make("Sigmoid", ["a"], ["c"]), make("Mul", ["a", "c"], ["b"])],
    "mish": [make("Softplus", ["a"], ["c"]), make("Tanh", ["c"], ["d"]), make("Mul", ["a", "d"], ["b"])],
    "hard sigmoid": [make("HardSigmoid", ["a"], ["b"])],
    "layer norm over channels": [
        make("ReduceMean", ["a"], ["m"], axes=[1]), make("Sub", ["a", "m"], ["c"]),
        make("Pow", ["c", "two"], ["q"]), make("ReduceMean", ["q"], ["s"], axes=[1]),
        make("Add", ["s", "eps"], ["e"]), make("Sqrt", ["e"], ["root"]), make("Div", ["c", "root"], ["n"]),
        make("Mul", ["w", "n"], ["f"]), make("Add", ["f", "v"], ["b"])],
    "layer norm, channels last": [
        make("Transpose", ["a"], ["t"], perm=[0, 2, 3, 1]),
        make("LayerNormalization", ["t", "wl", "vl"], ["n"], axis=-1, epsilon=1e-6),
        make("Tanh", ["n"], ["h"]), make("Mul", ["h", "wl"], ["g"]),
        make("Transpose", ["g"], ["b"], perm=[0, 3, 1, 2])],
    "chunk": [
        make("Shape", ["a"], ["s"]), make("Gather", ["s", "i1"], ["n"], axis=0),
        make("Div", ["n", "i2"], ["h"]), make("Slice", ["a", "i0", "h", "i1"], ["c"]),
        make("Mul", ["h", "i2"], ["e"]), make("Slice", ["a", "h", "e", "i1"], ["d"]),
        make("Mul", ["c", "d"], ["g"]), make("Concat", ["g", "c"], ["b"], axis=1)],
    "split": [
        make("Split", ["a", "halves"], ["c", "d"], axis=1), make("Concat", ["d", "c"], ["b"], axis=1)],
    "pad and crop to a multiple": [
        *SIDES, make("Mod", ["rows", "i8"], ["mr"]), make("Sub", ["i8", "mr"], ["sr"]),
        make("Mod", ["sr", "i8"], ["pr"]), make("Mod", ["columns", "i8"], ["mc"]),
        make("Sub", ["i8", "mc"], ["sc"]), make("Mod", ["sc", "i8"], ["pc"]),
        shaped("ends", "i0", "i0", "i0", "i0", "i0", "i0", "pr", "pc"),
        make("Pad", ["a", "ends"], ["p"], mode="reflect"), conv("p", "k8", "c", pads=ROUND),
        make("Slice", ["c", "i0", "rows", "i2"], ["d"]), make("Slice", ["d", "i0", "columns", "i3"], ["b"])],
    "pixel shuffle behind a skip": [
        make("SpaceToDepth", ["a"], ["u"], blocksize=2), make("Conv", ["u", "k32"], ["n"], pads=ROUND),
        make("Add", ["n", "u"], ["m"]), make("DepthToSpace", ["m"], ["b"], blocksize=2, mode="CRD")],
}  # fmt: skip
#: Sides that suit every pattern, other than those of the golden tile.
SIDE = 48


def network(name: str) -> onnx.ModelProto:
    """A pattern in its network, of one gray plane."""
    nodes = [
        make("Conv", ["x", "head"], ["a"], pads=ROUND), *PATTERNS[name],
        make("Conv", ["b", "tail"], ["r"], pads=ROUND), make("Add", ["x", "r"], ["y"]),
    ]  # fmt: skip
    every = {
        **NUMBERS, "head": random(8, 1, 3, 3) * 2, "tail": random(1, 8, 3, 3, seed=3) * 0.05,
        "k32": random(32, 32, 3, 3) * 0.1, "minus1": ints(-1),
        "wl": NUMBERS["w"].ravel(), "vl": NUMBERS["v"].ravel(),
    }  # fmt: skip
    read = {name for node in nodes for name in node.input}
    constants = {name: value for name, value in every.items() if name in read}
    return model(nodes, constants, shape=(1, 1, "h", "w"))


def planes(side: int) -> Float:
    rng = np.random.default_rng(8)
    rows, columns = np.mgrid[:side, :side]
    picture = 120 + 60 * np.sin(rows / 5) * np.cos(columns / 7) + rng.normal(0, 8, (side, side))
    levels: Float = np.clip(np.rint(picture), 0, 255).astype(np.float32)[None]
    return levels


@pytest.mark.parametrize("suffix", ["onnx", "tflite"])
@pytest.mark.parametrize("name", PATTERNS)
def test_a_pattern_converts(name: str, suffix: str, tmp_path: Path) -> None:
    theirs = tmp_path / "theirs.onnx"
    theirs.write_bytes(network(name).SerializeToString())
    exported = export(from_onnx(theirs, output="picture"), tmp_path / f"ours.{suffix}")
    file, levels = ModelFile(exported.path), planes(SIDE)
    running = open_session(file, file.key(file.card.default_step))
    expected = (run(theirs.read_bytes(), levels[None] / np.float32(255))[0] * 255) - levels
    result = running.run(levels - np.float32(128))
    assert np.ptp(expected) > 1.0
    np.testing.assert_allclose(result, expected, rtol=0, atol=LEVELS)
    # and a tile with its halo is the whole picture there
    card, unit = file.card, file.card.alignment
    halo = -(-card.exact_halo // unit) * unit
    assert card.tiling == "exact" and halo < SIDE
    first = min(halo + unit, SIDE // 2 // unit * unit)
    start = max(first - halo, 0)
    window = running.run(np.ascontiguousarray(levels[:, start:, start:]) - np.float32(128))
    kept = first - start
    np.testing.assert_allclose(
        window[:, kept:, kept:], result[:, first:, first:], rtol=0, atol=LEVELS
    )
