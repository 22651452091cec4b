"""INT8 of several codecs: a block of scales each, in calibration, files and training."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edgeqe import Enhancer
from edgeqe.codecs.strength import step_from_quality, step_key
from edgeqe.converters.export import export
from edgeqe.converters.graph.graph import KEYS
from edgeqe.converters.sources import from_keras
from edgeqe.quantization.calibration.calibration import calibrate
from edgeqe.quantization.calibration.ranges import Ranges
from edgeqe.quantization.calibration.samples import Photograph
from edgeqe.quantization.int8.canonical_form import canonical
from edgeqe.quantization.int8.int8 import quantized_graph, values
from edgeqe.quantization.int8.oracle import Oracle
from edgeqe.quantization.qat.fake_quantize import FakeQuantActivation
from edgeqe.zoo.strengths import with_codec
from edgeqe.zoo.training.validate import KerasNetwork
from tests.codec_models import several_codecs
from tests.reference import photograph

CODECS = ("jpeg", "hevc")


def test_ranges_are_interpolated_between_keys_of_one_codec() -> None:
    second = len(KEYS)
    ranges = Ranges(
        (10, 30, second + 10, second + 30),
        {"x": np.array([-1.0, -3.0, -50.0, -70.0])},
        {"x": np.array([2.0, 4.0, 100.0, 200.0])},
    )
    asked = np.array([0, 20, second - 1, second, second + 15, 2 * second - 1])
    low, high = ranges.at("x", asked)
    np.testing.assert_allclose(low, [-1, -2, -3, -50, -55, -70])
    np.testing.assert_allclose(high, [2, 3, 4, 100, 125, 200])


def test_fake_quantization_takes_the_codec_s_scale() -> None:
    layer = FakeQuantActivation("x", 2)
    scale = np.ones(2 * len(KEYS))
    scale[36], scale[len(KEYS) + 36] = 0.5, 0.25  # step 8: 12 keys an octave
    layer.set_params(scale, 0)
    x = np.full((1, 1, 1, 1), 3.2, np.float32)
    for index, expected in ((0, 3.0), (1, 3.25)):
        found = layer([x, with_codec(np.full((1, 1), 3.0, np.float32), index, 2)])
        np.testing.assert_allclose(np.asarray(found).item(), expected)


@pytest.mark.parametrize("suffix", [".onnx", ".tflite"])
def test_an_int8_file_enhances_each_codec_nearly_as_keras(suffix: str, tmp_path: Path) -> None:
    model = several_codecs("edgeqe-nano", CODECS)
    source, window = from_keras(model), photograph("coffee", 100, 200, 96, 128)
    thumbnail = np.zeros((16, 16), np.uint8)  # calibration does not look at it
    picture = Photograph("coffee", "0" * 64, (128, 96), (window,), thumbnail, None)
    found = calibrate(
        canonical(source.graph),
        values(source.graph),
        [picture],
        planes=source.planes,
        codecs=CODECS,
        qualities=(10, 60),
    )
    keys = [step_key(step_from_quality(quality)) for quality in (60, 10)]
    assert found.ranges.keys == (*keys, *(key + len(KEYS) for key in keys))
    integer = quantized_graph(source.graph, found.ranges, source.default_key)
    made = replace(
        source,
        graph=integer.graph,
        quantized=integer,
        reference=lambda planes: Oracle(integer).run(planes.astype(np.float32) - np.float32(128)),
    )
    path = tmp_path / f"net{suffix}"
    export(made, path)
    luma, expected = photograph("camera", 40, 60, 64, 48), {}
    for codec in CODECS:
        step = 2.0 ** (40 / 12)
        expected[codec] = KerasNetwork(model).enhance(luma, step=step, codec=codec).astype(int)
    apart = np.abs(expected["jpeg"] - expected["hevc"]).mean()
    assert apart > 1.0
    with Enhancer(path, threads=1) as enhancer:
        for codec in CODECS:
            given = enhancer.enhance(luma, step=2.0 ** (40 / 12), codec=codec)
            # 7-bit weights and 8-bit values: small beside what the codec changes
            assert np.abs(given - expected[codec]).mean() < 0.2 * apart
