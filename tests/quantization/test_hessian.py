from __future__ import annotations

import numpy as np

from edgeqe.codecs.strength import step_from_quality
from edgeqe.converters.graph.graph import Graph, Node
from edgeqe.quantization.calibration.samples import Photograph, inputs_at
from edgeqe.quantization.int8.hessian import hessians


def photographs(count: int) -> list[Photograph]:
    rng = np.random.default_rng(6)
    windows = []
    for _ in range(count):
        rows, columns = np.mgrid[:64, :64]
        waves = 60 * np.sin(rows / rng.uniform(3, 9)) * np.cos(columns / rng.uniform(3, 9))
        noisy = 128 + waves[..., None] + rng.normal(0, 4, (64, 64, 3))
        windows.append(np.clip(noisy, 0, 255).astype(np.uint8))
    thumbnail = np.zeros((32, 32), np.uint8)
    return [Photograph("a.png", "0", (64, 64), tuple(windows), thumbnail, None)]


def network() -> Graph:
    """A 1x1 kernel on the planes, used again on its own result."""
    kernel = np.zeros((1, 1, 1, 1), np.float32) + 0.5
    nodes = (Node("Conv", "a", ("planes", "k"), "x"), Node("Conv", "b", ("x", "k"), "out"))
    return Graph("net", {"planes": 1}, "out", nodes, {"k": kernel}, {})


def test_a_moment_is_the_mean_square_in_steps_over_uses() -> None:
    pictures, quality = photographs(4), 20
    found = hessians(network(), pictures, "y", [quality])["k"]
    assert found.shape == (1, 1)
    step = step_from_quality(quality)
    planes = np.concatenate(
        [given["planes"].ravel() for given in inputs_at(pictures, "y", ["planes"], quality)]
    )
    square = np.square(planes / step).mean() + np.square(0.5 * planes / step).mean()
    count = 4 * 400  # windows and places: the sum is over them
    # 1,600 places drawn of 16,384: the mean of the squares is known to some percent
    np.testing.assert_allclose(found[0, 0] / count, square, rtol=0.1)


def test_taps_that_see_neighbours_are_alike() -> None:
    graph = Graph(
        "net",
        {"planes": 1},
        "out",
        (Node("Conv", "a", ("planes", "k"), "out", 3, padding=1, padding_end=1),),
        {"k": np.ones((1, 1, 3, 3), np.float32)},
    )
    found = hessians(graph, photographs(4), "y", [90])["k"]
    assert found.shape == (9, 9) and (found == found.T).all()
    scale = np.sqrt(np.diagonal(found))
    assert (found / np.outer(scale, scale)).min() > 0.5  # smooth waves: neighbours agree


def test_kernels_in_groups_have_no_moment() -> None:
    graph = Graph(
        "net",
        {"planes": 3},
        "out",
        (Node("Conv", "a", ("planes", "k"), "out", 1, groups=3),),
        {"k": np.ones((3, 1, 1, 1), np.float32)},
        {},
    )
    assert hessians(graph, photographs(2), "rgb", [50]) == {}
