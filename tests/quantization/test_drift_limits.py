"""The limits of the gate, number by number."""

from __future__ import annotations

import pytest

from edgeqe.codecs.strength import step_from_quality
from edgeqe.coding import RatePoint
from edgeqe.errors import InputError
from edgeqe.protocols import CodingProtocol
from edgeqe.quantization.drift.drift import DriftRow, PictureDrift, Tile
from edgeqe.quantization.drift.limits import DriftLimits


def row(
    quality: int, reference: float, candidate: float, drop: float = 0.0, gain: float = 1.0
) -> DriftRow:
    """One picture, its JPEG at 30 dB, with these gains."""
    tile = Tile(128, 0, drop, gain)
    return DriftRow(
        "set",
        CodingProtocol.GRAY,
        RatePoint("jpeg", quality),
        (
            PictureDrift(
                "a.png", step_from_quality(quality), 30, 30 + reference, 30 + candidate, tile
            ),
        ),
    )


@pytest.mark.parametrize(
    ("quality", "gain", "expected"),
    [
        (5, 0.8, 0.05),
        (60, 4.0, 0.2),  # 5 %
        (61, 0.4, 0.03),  # 5 % would be 0.02
        (61, 0.8, 0.04),
        (95, 0.0, 0.03),
        (95, -0.5, 0.03),
    ],
)
def test_the_rule_without_limits(quality: int, gain: float, expected: float) -> None:
    assert DriftLimits().allowed(step_from_quality(quality), gain) == pytest.approx(
        expected, abs=1e-15
    )


@pytest.mark.parametrize(
    ("drop", "share", "gain", "expected"),
    [
        (0.1, None, 1.0, 0.1),
        (None, 10.0, 1.5, 0.15),
        (None, 10.0, -1.0, 0.0),
        (0.1, 10.0, 1.5, 0.15),
        (0.1, 10.0, 0.5, 0.1),
        (0.0, None, 5.0, 0.0),
    ],
)
@pytest.mark.parametrize("quality", [10, 90])
def test_stated_limits_hold_at_all_qualities(
    quality: int, drop: float | None, share: float | None, gain: float, expected: float
) -> None:
    assert DriftLimits(drop, share).allowed(step_from_quality(quality), gain) == pytest.approx(
        expected, abs=1e-15
    )


def test_the_mean_must_hold() -> None:
    assert DriftLimits().judge(row(40, 1.0, 0.951)).holds
    verdict = DriftLimits().judge(row(40, 1.0, 0.94))
    assert not verdict.holds
    assert verdict.reasons == ("the mean gain loses 0.06 dB, at most 0.05 may go", "")
    assert DriftLimits().judge(row(90, 2.0, 1.91)).holds  # 5 % of 2.0 is 0.1
    assert DriftLimits(max_drop=0.08).judge(row(40, 1.0, 0.94)).holds


def test_a_candidate_below_the_jpeg_fails_whatever_the_reference_does() -> None:
    verdict = DriftLimits(max_drop=1.0).judge(row(90, 0.5, -0.25))
    assert verdict.gain == "the mean lies 0.25 dB below the JPEG itself"
    verdict = DriftLimits(max_drop=1.0).judge(row(90, -0.25, -0.25))
    assert verdict.gain == "the mean lies 0.25 dB below the JPEG itself, the reference's as well"
    assert DriftLimits().judge(row(90, 0.0, 0.0)).holds
    # a change that has faded out: a pixel of one picture is no loss, a thousandth of a decibel is
    assert DriftLimits().judge(row(90, 0.0, -6e-6)).holds
    assert not DriftLimits().judge(row(90, 0.0, -0.002)).holds


def test_the_worst_tile_must_hold() -> None:
    assert DriftLimits().judge(row(40, 1.0, 1.0, drop=0.3)).holds
    verdict = DriftLimits().judge(row(40, 1.0, 1.0, drop=0.4))
    assert verdict.gain == ""
    assert verdict.tile == (
        "the tile at row 128, column 0 of a.png drops 0.4 dB of a gain of 1, at most 0.3 may go"
    )
    assert DriftLimits().judge(row(40, 1.0, 1.0, drop=0.5, gain=2.0)).holds
    verdict = DriftLimits().judge(row(40, 1.0, 1.0, drop=0.6, gain=2.0))
    assert "drops 0.6 dB of a gain of 2, at most 0.5 may go" in verdict.tile
    assert DriftLimits(max_tile_drop=0.5).judge(row(40, 1.0, 1.0, drop=0.4)).holds


@pytest.mark.parametrize("name", ["max_drop", "max_gain_loss", "max_tile_drop"])
@pytest.mark.parametrize("value", [-0.1, float("nan"), float("inf")])
def test_limits_that_are_none(name: str, value: float) -> None:
    with pytest.raises(InputError, match=name.replace("_", "-")):
        DriftLimits(**{name: value})
