"""Networks whose channels can be removed."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from edgeqe.converters.graph.graph import Graph, Node
from edgeqe.zoo.attention import multi_head


def chain(*widths: int, seed: int = 7) -> Graph:
    """3x3 convolutions in a row on one plane, the last one channel wide."""
    rng = np.random.default_rng(seed)
    nodes, constants, source, given = [], {}, "x", 1
    for index, width in enumerate((*widths, 1)):
        name = f"c{index}"
        constants[f"{name}.k"] = rng.normal(size=(width, given, 3, 3)).astype(np.float32)
        nodes.append(Node("Conv", name, (source, f"{name}.k"), name, kernel=3, padding=1))
        source, given = name, width
    return Graph("chain", {"x": 1}, source, tuple(nodes), constants)


def with_everything() -> Any:
    """Network with every kind of coupling that the zoo has: two inputs of a sum, a kernel used
    twice, heads of attention, batch norm, PReLU, a way down and up, a concatenation, a
    depthwise kernel.
    """
    layers = keras.layers
    planes = keras.Input((None, None, 1), name="planes")
    x = layers.Conv2D(8, 3, padding="same", name="head")(planes)
    x = layers.PReLU(shared_axes=[1, 2], name="head_prelu")(x)
    shared = layers.Conv2D(8, 3, padding="same", name="shared")
    h = layers.ReLU(name="relu")(layers.BatchNormalization(name="norm_1")(shared(x)))
    h = multi_head(h, 2, 3, "attention")
    x = layers.Add(name="skip")([layers.BatchNormalization(name="norm_2")(shared(h)), x])
    x = layers.ReLU(name="skip_relu")(x)
    low = layers.Conv2D(6, 3, 2, padding="same", activation="relu", name="down")(x)
    low = layers.Conv2DTranspose(5, 2, 2, padding="same", name="up")(low)
    x = layers.Concatenate(name="join")([x, layers.ReLU(name="up_relu")(low)])
    x = layers.SeparableConv2D(7, 3, padding="same", activation="relu", name="separable")(x)
    details = layers.Conv2D(1, 3, padding="same", name="tail")(x)
    model = keras.Model(planes, layers.Add(name="picture")([details, planes]), name="everything")
    rng = np.random.default_rng(3)
    for variable in model.weights:
        spread = rng.normal(0.0, 0.4, tuple(variable.shape))
        variable.assign(np.abs(spread) + 0.5 if "variance" in variable.path else spread)
    return model
