"""Strength tables against the vectors that they are made of."""

from __future__ import annotations

import numpy as np
import pytest

from edgeqe.converters.graph.graph import KEYS
from edgeqe.converters.graph.strength_tables import strength_table
from edgeqe.errors import CheckError
from edgeqe.typing import Float
from edgeqe.zoo.strengths import LEAST_SCALE

CODECS = 7


def scales(channels: int, layers: int, spread: float) -> dict[str, Float]:
    """Scales as of `ScaleAndBias`, linear in 16 features by codec and step, cut off at their least."""
    rng = np.random.default_rng(3)
    steps = np.tile(np.arange(len(KEYS)) / 12, CODECS)[:, None]
    codec = np.repeat(rng.normal(0, 1, (CODECS, 16)), len(KEYS), axis=0)
    features = np.tanh(codec + (steps - 4) / 2 * rng.normal(0, 1, 16))
    return {
        f"layer_{index}": np.maximum(
            1.0 + features @ rng.normal(0, spread, (16, channels)), LEAST_SCALE
        )
        for index in range(layers)
    }


@pytest.mark.parametrize("spread", [0.02, 0.4])
def test_every_row_is_its_vector(spread: float) -> None:
    """Without a scale at its least 17 terms are enough; many, each at its least from a strength of its own
    on, need so many terms that sums in float32 would be off by more than 1e-6."""
    vectors = scales(64, 10, spread)
    exact = np.concatenate(list(vectors.values()), axis=1)
    assert ((exact == LEAST_SCALE).any(axis=0).mean() > 0.3) == (spread > 0.1)
    table = strength_table(vectors)
    found = np.concatenate(
        [[table.row(block * len(KEYS) + i) for i in range(len(KEYS))] for block in range(CODECS)]
    )
    errors = np.abs(found - exact) / np.abs(exact).max(axis=0)
    assert errors.max() < 1.1e-6  # of which a tenth is the rounding to float32
    assert (table.curve.shape[1] <= 17) == (spread < 0.1)


def test_what_float32_cannot_hold_is_refused() -> None:
    with pytest.raises(CheckError, match="do not fit a float32 table"):
        strength_table(scales(8, 1, 0.1), tolerance=1e-9)
