"""The networks: counts by hand, strengths by formula, a start that changes nothing."""

import numpy as np
import pytest

from edgeqe import zoo
from edgeqe.converters import passes
from edgeqe.converters.from_keras import graph_of
from edgeqe.errors import InputError


@pytest.mark.parametrize(
    ("name", "width", "depth", "low", "high"),
    [("edgeqe-tiny", 24, 4, 4.0, 6.0), ("edgeqe-small", 32, 6, 14.0, 16.0)],
)
def test_counts(name: str, width: int, depth: int, low: float, high: float) -> None:
    model = zoo.build(name)
    kernels = 9 * (6 * width + depth * width * width + width * 6)
    # per convolution: scale and bias matrices of 16 features and a bias; two dense layers
    channels = (depth + 1) * width + 6
    strength = channels * (16 + 16 + 1) + (16 + 16) + (16 * 16 + 16)
    assert model.count_params() == kernels + strength
    graph = graph_of(model, 4.0)
    assert passes.macs(graph) == kernels
    assert low <= kernels / 4 / 1000 <= high
    assert passes.reach(graph).halo == depth + 2


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
