"""Thresholds of the drift gate: the loss of gain at which it fails."""

from __future__ import annotations

import math
from dataclasses import dataclass

from edgeqe.codecs.strength import step_from_quality
from edgeqe.coding.rate_point import codec_in_words
from edgeqe.errors import InputError
from edgeqe.quantization.drift.drift import DriftRow

#: Loss against the codec itself that is none, dB: where a change has all but faded out, a pixel decides.
NOTHING = 1e-3
#: The rule that holds unless limits are stated: from this step of a codec on, that of JPEG quality
#: 60, and the most that the mean may lose there and at finer steps, dB.
COARSE_STEP, COARSE_DROP, FINE_DROP = step_from_quality(60), 0.05, 0.03
#: Or a share of the reference's gain in percent, the larger counts: 0.05 dB of 1.0, as photographs gain.
GAIN_LOSS = 5.0
#: A mean of equal steps may end in other bits.
ROUNDING = 1e-9
#: Most that the worst tile may drop, dB, where it gains no more than `drift.USUAL_GAIN`.
TILE_DROP = 0.3


@dataclass(frozen=True)
class DriftVerdict:
    """What the drift gate says of one protocol at one strength."""

    limit: float
    """Most that the mean gain may lose, dB."""
    gain: str = ""
    """Why the mean gain fails; empty where it holds."""
    tile: str = ""
    """Why the worst tile fails; empty where it holds."""

    @property
    def reasons(self) -> tuple[str, str]:
        """`gain` and `tile`."""
        return self.gain, self.tile

    @property
    def holds(self) -> bool:
        """Whether nothing fails."""
        return self.reasons == ("", "")


@dataclass(frozen=True)
class DriftLimits:
    """Limits of the drift gate. Without `max_drop` and `max_gain_loss` the rule of this module holds."""

    max_drop: float | None = None
    """Most that the mean gain may lose at any strength, dB."""
    max_gain_loss: float | None = None
    """The same in percent of the reference's gain. With both, the larger counts."""
    max_tile_drop: float = TILE_DROP
    """Most that the worst tile may drop, dB, times `Tile.scale`."""

    def __post_init__(self) -> None:
        for name in ("max_drop", "max_gain_loss", "max_tile_drop"):
            value = getattr(self, name)
            if value is not None and not (math.isfinite(value) and value >= 0.0):
                raise InputError(f"{name.replace('_', '-')} {value!r} is no number of 0 or more.")

    def allowed(self, step: float, reference_gain: float) -> float:
        """Most that the mean gain may lose, dB.

        Parameters
        ----------
        step : float
            Quantization step, 8-bit sample values, mean over the pictures.
        reference_gain : float
            Mean gain of the reference, dB.
        """
        drop, share = self.max_drop, self.max_gain_loss
        if drop is None and share is None:
            coarse = step >= COARSE_STEP * (1 - ROUNDING)
            drop, share = COARSE_DROP if coarse else FINE_DROP, GAIN_LOSS
        return max(drop or 0.0, (share or 0.0) / 100 * reference_gain)

    def judge(self, row: DriftRow) -> DriftVerdict:
        """Judge all pictures at one strength.

        The mean must lose no more than is allowed and never fall below the codec itself, by more than
        `NOTHING`, whatever the reference does; the worst tile must hold its own limit.
        """
        limit = self.allowed(row.mean("step"), row.reference_gain)
        codec = codec_in_words(row.point.codec)
        gain, tile = [], ""
        if row.loss > limit:
            gain.append(f"the mean gain loses {row.loss:.3g} dB, at most {limit:.3g} may go")
        if row.candidate_gain < -NOTHING:
            too = ", the reference's as well" if row.reference_gain < 0.0 else ""
            gain.append(f"the mean lies {-row.candidate_gain:.3g} dB below the {codec} itself{too}")
        worst = row.worst_tile
        if worst.tile.counted > self.max_tile_drop:
            most = self.max_tile_drop * worst.tile.scale
            tile = (
                f"the tile at row {worst.tile.row}, column {worst.tile.column} of {worst.name} "
                f"drops {worst.tile.drop:.3g} dB of a gain of {worst.tile.gain:.3g}, at most "
                f"{most:.3g} may go"
            )
        return DriftVerdict(limit, " and ".join(gain), tile)
