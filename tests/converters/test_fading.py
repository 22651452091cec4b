"""Fades that an export writes: float and INT8, and what a converted file keeps of them."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edgeqe import InputError
from edgeqe.codecs.strength import step_from_quality, step_key
from edgeqe.converters import convert
from edgeqe.converters.export import export
from edgeqe.converters.graph.fading import faded_constants
from edgeqe.converters.sources import Source, from_keras, source_with_shares
from edgeqe.model.file import ModelFile
from edgeqe.quantization.calibration.ranges import Ranges
from edgeqe.quantization.int8.canonical_form import canonical
from edgeqe.quantization.int8.int8 import quantized_graph, values
from edgeqe.quantization.int8.oracle import Oracle
from edgeqe.runtimes import open_session
from edgeqe.verify.checks import verify
from tests.codec_models import several_codecs
from tests.small_models import strong_graph

CODECS = ("jpeg", "hevc")
FADES = {"hevc": (2.0, 16.0)}


@pytest.fixture(scope="module")
def source() -> Source:
    return from_keras(several_codecs("edgeqe-nano", CODECS))


def quantized(source: Source, symmetric: bool = False) -> Source:
    """INT8 source with ranges that no sample of the pictures here leaves by much."""
    graph = canonical(source.graph)
    keys = tuple(
        step_key(step_from_quality(60)) + block for block in (0, len(source.graph.keys) // 2)
    )
    ends = {value: np.full(2, 200.0) for value in values(source.graph)}
    ends[graph.output] = np.full(2, 12.0)
    ranges = Ranges(keys, {value: -high for value, high in ends.items()}, ends)
    integer = quantized_graph(source.graph, ranges, source.default_key, symmetric=symmetric)
    return replace(
        source,
        graph=integer.graph,
        quantized=integer,
        reference=lambda planes: Oracle(integer).run(planes.astype(np.float32) - np.float32(128)),
    )


FORMS = [(".onnx", "float32"), (".tflite", "float16"), (".onnx", "int8"), (".tflite", "int8")]


@pytest.mark.parametrize(("suffix", "precision"), [*FORMS, (".onnx", "symmetric int8")])
def test_an_exported_file_fades(
    suffix: str, precision: str, source: Source, tmp_path: Path
) -> None:
    made = source
    if precision.endswith("int8"):
        made = quantized(source, precision.startswith("symmetric"))
    paths = [tmp_path / f"{name}{suffix}" for name in ("plain", "fading")]
    for path, fades in zip(paths, ({}, FADES), strict=True):
        export(replace(made, fades=fades), path, float16=precision == "float16")
    plain, fading = map(ModelFile, paths)
    assert fading.card.fades == FADES and not plain.card.fades
    assert len(fading.card.faded) == (3 if precision.endswith("int8") else 2)
    planes = np.random.default_rng(4).integers(0, 256, (6, 24, 32)).astype(np.float32) - 128
    for step in (1.0, 2.0, 4.0, 8.0, 16.0, 40.0):
        part = min(1.0, max(0.0, math.log2(step / 2.0) / 3.0))
        for codec, expected in (("jpeg", 1.0), ("hevc", part)):
            whole, faded = (
                open_session(f, f.key(step, codec)).run(planes) for f in (plain, fading)
            )
            largest = float(np.abs(whole).max())
            assert largest > 1.0
            off = np.abs(faded - expected * whole)
            if expected == 1.0:
                assert not off.any()
            elif precision.endswith("int8"):
                # the same integers, but where a bias that is scaled in float32 rounds the other way
                assert off.max() <= 0.02 * largest and np.mean(off > 1e-4 * largest) < 0.02
            else:  # float16 keeps 11 bits of kernel and bias
                assert off.max() <= (2e-3 if precision == "float16" else 1e-5) * largest
    if precision in ("float32", "int8"):
        checks = {check.name: check for check in verify(paths[1])}
        assert checks["fades"].passed and checks["self-test"].passed
        assert "fades" not in {check.name for check in verify(paths[0])}


def test_a_wrong_vector_does_not_pass_for_a_fade(source: Source, tmp_path: Path) -> None:
    from edgeqe.model import card as cards

    export(replace(source, fades=FADES), tmp_path / "net.onnx")
    data = (tmp_path / "net.onnx").read_bytes()
    right = ModelFile(tmp_path / "net.onnx").outline.metadata[cards.CARD_KEY]
    one = '"faded": ["tail_strength.scale", "tail_strength.bias"]'
    other = '"faded": ["head_strength.scale", "tail_strength.bias"]'
    assert right.count(one) == 1 and len(one) == len(other)
    (tmp_path / "net.onnx").write_bytes(data.replace(one.encode(), other.encode()))
    assert not {c.name: c.passed for c in verify(tmp_path / "net.onnx")}["fades"]


def test_a_converted_file_fades_once(source: Source, tmp_path: Path) -> None:
    export(replace(source, fades=FADES), tmp_path / "first.onnx")
    convert(tmp_path / "first.onnx", tmp_path / "second.tflite")
    files = [ModelFile(tmp_path / name) for name in ("first.onnx", "second.tflite")]
    assert files[0].card.fades == files[1].card.fades == FADES
    planes = np.random.default_rng(4).integers(0, 256, (6, 24, 32)).astype(np.float32) - 128
    first, second = (open_session(f, f.key(5.0, "hevc")).run(planes) for f in files)
    # two runtimes' float32 sums, and a table held to 1e-6 of each vector once more
    assert np.abs(first - second).max() <= 1e-4 * np.abs(first).max()


def test_an_end_that_no_strength_scales_cannot_fade() -> None:
    graph = strong_graph()
    assert faded_constants(graph) == ("tail.scale", "tail.bias")
    bias = {name: table for name, table in graph.vectors.items() if name != "tail.bias"}
    with pytest.raises(InputError, match="the residual of 'small' cannot fade"):
        faded_constants(replace(graph, vectors=bias))


@pytest.mark.parametrize("suffix", [".onnx", ".tflite"])
def test_shares_of_luma_and_chroma_are_made_of_their_codec_alone(
    suffix: str, source: Source, tmp_path: Path
) -> None:
    shares = {"jpeg": (0.8, 0.5), "hevc": (0.9, 0.6)}
    shared = source_with_shares(source, shares)
    for name, made, made_shared in (
        ("float32", source, shared),
        ("int8", quantized(source), quantized(shared)),
    ):
        files = []
        for label, one in (("all", made), ("share", made_shared)):
            written = export(one, tmp_path / f"{label}.{name}{suffix}")
            assert written.parity < (1e-5 if name == "float32" else 0.1)  # at jpeg's strength
            files.append(ModelFile(tmp_path / f"{label}.{name}{suffix}"))
        planes = np.random.default_rng(4).integers(0, 256, (6, 24, 32)).astype(np.float32) - 128
        for step in (2.0, 16.0):
            for codec, (luma, chroma) in shares.items():
                whole, found = (open_session(f, f.key(step, codec)).run(planes) for f in files)
                largest = float(np.abs(whole).max())
                assert largest > 1.0
                # float32: tables are stored to 1e-4 of a vector; INT8: both are rounded to the output's
                # scale, a 127th of 12 levels, and once more on the way
                most = 2e-4 * largest if name == "float32" else 2 * 12.0 / 127
                expected = np.concatenate([luma * whole[:4], chroma * whole[4:]])
                inside = np.abs(whole) < 11.5  # where the output of all does not saturate
                assert np.mean(inside[:4]) > 0.2 and np.mean(inside[4:]) > 0.2
                np.testing.assert_allclose(found[inside], expected[inside], rtol=0, atol=most)
