"""Keras networks of several codecs for tests."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from edgeqe import zoo


def several_codecs(name: str, codecs: Sequence[str]) -> Any:
    """Network with seeded weights whose residual, a few 8-bit levels, differs from codec to codec."""
    keras.utils.set_random_seed(3)
    model, rng = zoo.build(name, codecs=tuple(codecs)), np.random.default_rng(5)
    spread = {"tail/kernel": 0.01, "step/codec_hidden": 1.0, "step/codec_out": 1.0}
    for variable in model.weights:
        if variable.path in spread:
            variable.assign(rng.normal(0, spread[variable.path], variable.shape))
        elif "strength" in variable.path:
            size = 0.005 if variable.path.startswith("tail") else 0.1
            variable.assign(rng.normal(0, size, variable.shape))
    return model
