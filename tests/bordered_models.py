"""A network of the operators that other tools' networks bring: borders, dilation, extremes, curves, norms."""

from __future__ import annotations

import numpy as np

from edgeqe.converters.graph.graph import KEYS, Graph, Node


def bordered_graph() -> Graph:
    """One plane in and out, 8 channels between; every operator is fed with values of its own scale."""
    rng = np.random.default_rng(4)
    constants = {
        "h": rng.normal(0, 0.01, (8, 1, 3, 3)), "k": rng.normal(0, 0.2, (8, 8, 3, 3)),
        "t": rng.normal(0, 0.2, (1, 8, 3, 3)), "low": np.full((1, 8, 1, 1), -2.0),
        "high": np.full((1, 8, 1, 1), 6.0), "s": np.ones((1, 8, 1, 1)),
    }  # fmt: skip
    nodes = (
        Node("Conv", "head", ("planes", "h"), "a", 3, 1, 1, 1, border="reflect"),
        Node("Conv", "wide", ("a", "k"), "b", 3, 1, 2, 2, dilation=2),
        Node("Mul", "strength", ("b", "s"), "n"),
        Node("Max", "above", ("n", "low"), "c"),
        Node("Min", "below", ("c", "high"), "d"),
        Node("Gelu", "gelu", ("d",), "e"),
        Node("HardSwish", "hard", ("e",), "f"),
        Node("ChannelNorm", "norm", ("f",), "g", alpha=1e-6),
        Node("Elu", "elu", ("g",), "i", alpha=0.5),
        Node("Softplus", "soft", ("i",), "j"),
        Node("Tanh", "tanh", ("j",), "l"),
        Node("Min", "both", ("l", "e"), "m"),
        Node("Conv", "tail", ("m", "t"), "y", 3, 1, 1, 1, border="edge"),
    )
    arrays = {name: array.astype(np.float32) for name, array in constants.items()}
    vectors = {"s": np.linspace(1, 2, len(KEYS), dtype=np.float32)[:, None].repeat(8, 1)}
    return Graph("bordered", {"planes": 1}, "y", nodes, arrays, vectors)
