"""Classes of channels that go together, against sets written by hand."""

from __future__ import annotations

from typing import Any

import numpy as np

from edgeqe.converters.graph.graph import Graph, Node
from edgeqe.quantization.pruning.coupling import Coupling, coupling


def graph_of(*nodes: Node, output: str, **shapes: tuple[int, ...]) -> Graph:
    """Graph of one plane, its constants zero and named with a dot for the first underscore."""
    constants = {
        name.replace("_", ".", 1): np.zeros(shape, np.float32) for name, shape in shapes.items()
    }
    return Graph("net", {"x": 1}, output, nodes, constants)


def conv(name: str, source: str, kernel: str = "", **options: Any) -> Node:
    return Node("Conv", name, (source, f"{kernel or name}.k"), name, kernel=3, padding=1, **options)


def groups(found: Coupling) -> list[int]:
    """Widths of the groups, in the order of the network."""
    return [len(group) for group in found.groups]


def same(found: Coupling, *places: tuple[str, int]) -> bool:
    """Whether constants have the same classes along the given axes."""
    first = found.axes[places[0]]
    return all(np.array_equal(found.axes[place], first) for place in places)


def test_a_chain_has_a_group_a_layer_and_its_ends_stay() -> None:
    graph = graph_of(
        conv("a", "x"), Node("Relu", "r", ("a",), "r"), conv("b", "r"), conv("t", "b"),
        output="t", a_k=(4, 1, 3, 3), b_k=(6, 4, 3, 3), t_k=(1, 6, 3, 3),
    )  # fmt: skip
    found = coupling(graph)
    assert groups(found) == [4, 6]
    assert same(found, ("a.k", 0), ("b.k", 1)) and same(found, ("b.k", 0), ("t.k", 1))
    free = np.concatenate(found.groups)
    assert not np.isin(found.axes["a.k", 1], free).any()  # the picture
    assert not np.isin(found.axes["t.k", 0], free).any()  # the result


def test_a_skip_ties_both_sides_of_its_sum() -> None:
    # a -> b -> (+ a) -> t: one group for a and b together
    graph = graph_of(
        conv("a", "x"), conv("b", "a"), Node("Add", "s", ("b", "a"), "s"), conv("t", "s"),
        output="t", a_k=(4, 1, 3, 3), b_k=(4, 4, 3, 3), t_k=(1, 4, 3, 3),
    )  # fmt: skip
    found = coupling(graph)
    assert groups(found) == [4]
    assert same(found, ("a.k", 0), ("b.k", 1), ("b.k", 0), ("t.k", 1))


def test_a_concatenation_keeps_its_parts_apart() -> None:
    graph = graph_of(
        conv("a", "x"), conv("b", "x"), Node("Concat", "c", ("a", "b"), "c"), conv("t", "c"),
        output="t", a_k=(2, 1, 3, 3), b_k=(3, 1, 3, 3), t_k=(1, 5, 3, 3),
    )  # fmt: skip
    found = coupling(graph)
    assert groups(found) == [2, 3]
    both = np.concatenate([found.axes["a.k", 0], found.axes["b.k", 0]])
    np.testing.assert_array_equal(found.axes["t.k", 1], both)


def test_a_kernel_used_twice_ties_what_its_uses_read_and_make() -> None:
    # h = k * a; i = k * h: a, h and i are one group, with the vectors of each use
    graph = graph_of(
        conv("a", "x"), conv("h", "a", "w"), Node("Mul", "m", ("h", "m.s"), "m"),
        conv("i", "m", "w"), Node("PRelu", "p", ("i", "p.s"), "p"), conv("t", "p"),
        output="t", a_k=(4, 1, 3, 3), w_k=(4, 4, 3, 3), t_k=(1, 4, 3, 3),
        m_s=(1, 4, 1, 1), p_s=(4, 1, 1),
    )  # fmt: skip
    found = coupling(graph)
    assert groups(found) == [4]
    places = [("a.k", 0), ("w.k", 0), ("w.k", 1), ("m.s", 1), ("p.s", 0), ("t.k", 1)]
    assert same(found, *places)


def test_a_slice_makes_groups_of_what_lies_inside_and_outside() -> None:
    # channels 0 and 1 of a go to b, all five to t
    graph = graph_of(
        conv("a", "x"), Node("Slice", "s", ("a",), "s", first=0, last=2), conv("b", "s"),
        conv("t", "a"), Node("Add", "o", ("t", "b"), "o"),
        output="o", a_k=(5, 1, 3, 3), b_k=(1, 2, 3, 3), t_k=(1, 5, 3, 3),
    )  # fmt: skip
    found = coupling(graph)
    assert groups(found) == [2, 3]
    np.testing.assert_array_equal(found.axes["b.k", 1], found.axes["a.k", 0][:2])


def test_space_and_depth_tie_the_blocks_of_a_channel() -> None:
    # six channels to depth 2 * 2: 24, where channel b * 6 + c is block b of channel c;
    # twelve channels to space: three, where channel c has the blocks c, 3 + c, 6 + c, 9 + c
    graph = graph_of(
        conv("a", "x"), Node("SpaceToDepth", "d", ("a",), "d", kernel=2), conv("b", "d"),
        Node("DepthToSpace", "u", ("b",), "u", kernel=2), conv("t", "u"),
        output="t", a_k=(6, 1, 3, 3), b_k=(12, 24, 3, 3), t_k=(1, 3, 3, 3),
    )  # fmt: skip
    found = coupling(graph)
    assert groups(found) == [6, 3]
    np.testing.assert_array_equal(found.axes["b.k", 1], np.tile(found.axes["a.k", 0], 4))
    np.testing.assert_array_equal(found.axes["b.k", 0], np.tile(found.axes["t.k", 1], 4))


def test_transposed_and_depthwise_kernels_have_their_own_axes() -> None:
    depthwise = conv("d", "u", groups=3)
    graph = graph_of(
        conv("a", "x"), Node("ConvTranspose", "u", ("a", "u.k", "u.b"), "u", 2, 2), depthwise,
        conv("t", "d", stride=2),
        output="t", a_k=(4, 1, 3, 3), u_k=(4, 3, 2, 2), u_b=(3,), d_k=(3, 1, 3, 3),
        t_k=(1, 3, 3, 3),
    )  # fmt: skip
    found = coupling(graph)
    assert groups(found) == [4, 3]
    assert same(found, ("a.k", 0), ("u.k", 0))
    assert same(found, ("u.k", 1), ("u.b", 0), ("d.k", 0), ("t.k", 1))


def test_a_grouped_convolution_keeps_its_channels() -> None:
    grouped = conv("g", "a", groups=2)
    graph = graph_of(
        conv("a", "x"), grouped, conv("t", "g"),
        output="t", a_k=(4, 1, 3, 3), g_k=(4, 2, 3, 3), t_k=(1, 4, 3, 3),
    )  # fmt: skip
    assert groups(coupling(graph)) == []


def test_a_mean_over_channels_knows_what_it_is_the_mean_of() -> None:
    graph = graph_of(
        conv("a", "x"), Node("ReduceMean", "m", ("a",), "m"), conv("w", "m"),
        Node("Mul", "g", ("a", "w"), "g"), conv("t", "g"),
        output="t", a_k=(4, 1, 3, 3), w_k=(1, 1, 3, 3), t_k=(1, 4, 3, 3),
    )  # fmt: skip
    found = coupling(graph)
    assert groups(found) == [4, 1]  # the gate is one channel by itself
    (mean,) = found.axes["w.k", 1]
    np.testing.assert_array_equal(found.means[int(mean)], found.axes["a.k", 0])
