"""The self-test: the card's golden tile on the runtime that will work."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from edgeqe.model.file import ModelFile
from edgeqe.views.colour import NEUTRAL
from edgeqe.views.margin import mirror

if TYPE_CHECKING:
    from edgeqe.runtimes import Session

#: Largest difference from the golden output that a float32 file may show, 8-bit levels.
TOLERANCE = 0.01
#: What a float16 file may differ by beside that, of the residual's range.
FLOAT16_SHARE = 0.005
#: The same of an INT8 file, whose golden output is that of exact integer arithmetic, and how
#: many steps of its residual beside that: runtimes round halves their own way.
INT8_SHARE, INT8_STEPS = 0.03, 2


def golden_error(file: ModelFile, session: Session) -> tuple[float, float]:
    """Largest difference of a session at the default strength from the golden output.

    Returns
    -------
    error, tolerance : float
        Grey levels.
    """
    planes, expected = file.golden
    result = session.run(planes.astype(np.float32) - np.float32(NEUTRAL))
    return float(np.abs(result[:, : expected.shape[1]] - expected).max()), tolerance(file)


def window_error(
    file: ModelFile, session: Session, plain: Session, side: int
) -> tuple[float, float]:
    """Largest difference of two sessions on a window that holds the golden tile.

    For a target that has windows of one size alone, which the tile has not.

    Parameters
    ----------
    file : ModelFile
    session, plain : Session
        The target's, and the processor's, whose golden output is right.
    side : int
        Side of the window, pixels.

    Returns
    -------
    error, tolerance : float
        Grey levels.
    """
    planes, _ = file.golden
    count = side // file.card.pixels_per_sample
    window = np.zeros((len(planes), count, count), np.float32)
    height, width = min(planes.shape[1], count), min(planes.shape[2], count)
    window[:, :height, :width] = planes[:, :height, :width]
    window[:, :height, :width] -= np.float32(NEUTRAL)
    mirror(window, (0, height), (0, width), phases=file.card.pixels_per_sample == 2)
    error = float(np.abs(session.run(window.copy()) - plain.run(window)).max())
    return error, tolerance(file)


def tolerance(file: ModelFile) -> float:
    """Largest difference from the golden output that passes, 8-bit levels."""
    _, expected = file.golden
    share = {"float16": FLOAT16_SHARE, "int8": INT8_SHARE}.get(file.card.precision, 0.0)
    allowed = TOLERANCE + INT8_STEPS * file.card.residual_step
    allowed += share * float(np.ptp(expected))
    return max(allowed, file.card.golden_tolerance)
