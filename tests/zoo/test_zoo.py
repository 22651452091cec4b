"""The networks: counts by hand, strengths by formula, a start that changes nothing."""

from pathlib import Path

import numpy as np
import pytest

from edgeqe import zoo
from edgeqe.converters.export import export
from edgeqe.converters.graph import analysis
from edgeqe.converters.keras_io.reader import graph_of
from edgeqe.converters.sources import from_keras
from edgeqe.errors import InputError, ModelError
from edgeqe.zoo.weights import randomised


@pytest.mark.parametrize(
    ("name", "width", "depth", "low", "high"),
    [
        ("edgeqe-nano", 16, 2, 1.0, 2.0),
        ("edgeqe-tiny", 32, 3, 7.0, 8.0),
        ("edgeqe-small", 40, 4, 14.0, 16.0),
        ("edgeqe-base", 64, 8, 70.0, 80.0),
        ("edgeqe-base-video", 64, 8, 70.0, 80.0),
    ],
)
def test_counts(name: str, width: int, depth: int, low: float, high: float) -> None:
    model = zoo.build(name)
    kernels = 9 * (6 * width + depth * width * width + width * 6)
    # per convolution: scale and bias matrices of 16 features and a bias; two dense layers
    channels = (depth + 1) * width + 6
    strength = channels * (16 + 16 + 1) + (16 + 16) + (16 * 16 + 16)
    if name == "edgeqe-base-video":  # two vectors of 16 for each of six codecs
        strength += 2 * 6 * 16
    assert model.count_params() == kernels + strength
    graph = graph_of(model, 4.0)
    assert analysis.macs(graph) == kernels
    assert low <= kernels / 4 / 1000 <= high
    assert analysis.receptive_field(graph).halo == depth + 2


def test_counts_of_the_multi_scale_network() -> None:
    model = zoo.build("edgeqe-multiscale")
    block, side = 9 * 64 * 64, 4 * 64 * 64  # a kernel used twice; down or up, 2x2
    kernels = 9 * 6 * 64 + 7 * block + 4 * side + 9 * 64 * 6
    channels = 64 + 7 * 2 * 64 + 4 * 64 + 6  # vectors for each of the two uses
    strength = channels * (16 + 16 + 1) + (16 + 16) + (16 * 16 + 16)
    assert model.count_params() == kernels + strength
    # a pixel of its input at 1/2, 1/4 and 1/8 of the picture: 2, 4 and 1 blocks, twice each
    macs = 2 * 9 * 6 * 64 + 2 * block * (2 + 4 / 4 + 1 / 16) + 2 * side * (1 / 4 + 1 / 16)
    graph = graph_of(model, 4.0)
    assert analysis.macs(graph) == macs and 55 <= macs / 4 / 1000 <= 75
    # 6 convolutions at the first level, 8 at the second, 2 at the third: 6 + 2 * 8 + 4 * 2 = 30,
    # and 1 because the 3 behind the last up reach into half a sample of the second
    assert (
        analysis.receptive_field(graph).exact_halo == 31
        and analysis.receptive_field(graph).halo == 32
    )


@pytest.mark.parametrize("name", ["edgeqe-tiny", "edgeqe-multiscale"])
def test_a_file_restores_every_weight(name: str, tmp_path: Path) -> None:
    model, path = randomised(name), tmp_path / "net.onnx"
    export(from_keras(model), path)
    restored = zoo.load(path)
    assert restored.name == name
    of_model = {variable.path: np.asarray(variable) for variable in model.weights}
    assert set(of_model) == {variable.path for variable in restored.weights}
    for variable in restored.weights:
        np.testing.assert_array_equal(np.asarray(variable), of_model[variable.path])


@pytest.mark.parametrize(
    ("file", "message"), [("half.onnx", "float16 onnx"), ("net.tflite", "float32 tflite")]
)
def test_only_the_float_onnx_file_restores(file: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / file
    export(from_keras(randomised("edgeqe-tiny")), path, float16=file == "half.onnx")
    with pytest.raises(ModelError, match=message):
        zoo.load(path)


def test_a_file_of_a_paper_s_network_does_not_restore(tmp_path: Path) -> None:
    export(from_keras(randomised("vrcnn")), tmp_path / "net.onnx")
    with pytest.raises(ModelError, match="holds no network of the zoo"):
        zoo.load(tmp_path / "net.onnx")


@pytest.mark.parametrize("strength", ["scale-and-bias", "qp-adaptive"])
def test_an_untrained_network_changes_nothing(strength: str) -> None:
    model = zoo.build("edgeqe-tiny", strength=strength)
    planes = np.random.default_rng(1).normal(0, 0.2, (2, 8, 8, 6)).astype(np.float32)
    residual = model.predict_on_batch([planes, np.array([[2.0], [6.0]], np.float32)])
    np.testing.assert_array_equal(residual, np.zeros_like(planes))


def test_qp_adaptive_is_the_paper_s_formula() -> None:
    from edgeqe.zoo.strengths import QpAdaptive

    layer = QpAdaptive()
    x = np.random.default_rng(2).normal(0, 1, (3, 4, 4, 5)).astype(np.float32)
    qps = np.array([22.0, 32.0, 37.0])
    layer.build([(None, None, None, 5), (None, 1)])
    theta = np.array([0.0, 0.1, 0.5, 1.0, 2.0], np.float32)
    layer.theta.assign(theta)
    result = np.asarray(layer([x, ((qps - 4) / 6).astype(np.float32)[:, None]]))
    t = 2 ** ((qps - 32) / 3)
    expected = x / (1 + theta * t[:, None, None, None])
    np.testing.assert_allclose(result, expected, rtol=1e-5)


def test_unknown_names_list_the_known_ones() -> None:
    with pytest.raises(InputError, match="edgeqe-small"):
        zoo.build("edgeqe-huge")
