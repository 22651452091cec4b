"""Liu's filter and VRCNN: one plain model for all QPs, one per QP, one QP-adaptive.

HEVC all intra by x265 at QP 22, 27, 32 and 37, luma (protocol ``gray``), loop filters on.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from systems import KINDS

from edgeqe import Enhancer
from edgeqe.bench.bd import deltas
from edgeqe.bench.data import folder
from edgeqe.bench.quality import QualityRow, measure
from edgeqe.codecs.strength import step_from_qp
from edgeqe.coding import RatePoint
from edgeqe.protocols import CodingProtocol

QPS = (22, 27, 32, 37)
#: Published Y BD-rate, %, VTM-6.3 all intra (table 1): for all QPs, per QP, QP-adaptive.
PUBLISHED = {"liu": (-0.97, -2.28, -2.28), "vrcnn": (-0.48, -1.88, -1.85)}
MODELS = ("one plain model for all QPs", "one model per QP", "one QP-adaptive model")


class PerQp:
    """Networks of one QP each as a `MeasuredNetwork`: the one whose step is nearest.

    Parameters
    ----------
    models : mapping of int to Enhancer
        By QP.
    """

    takes_planes = False

    def __init__(self, models: Mapping[int, Enhancer]) -> None:
        self._models = models

    def enhance(self, image: Any, /, *, step: float, codec: str) -> Any:
        """Enhanced picture of the same shape."""
        return self._at(step).enhance(image, step=step, codec=codec)

    def enhance_planes(self, y: Any, u: Any, v: Any, /, *, step: float, codec: str) -> Any:
        """As `Enhancer.enhance_planes`, which refuses planes for these networks."""
        return self._at(step).enhance_planes(y, u, v, step=step, codec=codec)

    def _at(self, step: float) -> Enhancer:
        return self._models[min(self._models, key=lambda qp: abs(step_from_qp(qp) - step))]


def rows(network: str, models: Mapping[str, Enhancer], data: Path) -> list[tuple[str, str, str]]:
    """What was measured, the paper's figure, and ours.

    Parameters
    ----------
    network : str
        ``liu`` or ``vrcnn``.
    models : mapping of str to Enhancer
        By recipe.
    data : Path
        Folder of pictures.
    """
    per_qp = {int(kind): models[f"{network}-{kind}"] for kind in KINDS if kind.isdigit()}
    networks = {
        MODELS[0]: models[f"{network}-global"],
        MODELS[1]: PerQp(per_qp),
        MODELS[2]: models[f"{network}-adaptive"],
    }
    pictures = folder(data)
    measured: list[QualityRow] = []
    for qp in QPS:
        point = RatePoint("hevc", float(qp))
        measured += measure(networks, pictures, CodingProtocol.GRAY, point)
    found = []
    for delta, published in zip(deltas(measured), PUBLISHED[network], strict=True):
        ours = "none" if delta.rate_percent is None else f"{delta.rate_percent:+.2f} %"
        found.append((f"Y BD-rate, {delta.model}", f"{published:+.2f} %", ours))
    for qp in QPS:
        for row in (row for row in measured if row.point.value == qp):
            before, after = row.mean("psnr")
            ours = f"{after:.3f} dB ({after - before:+.3f})"
            found.append((f"Y PSNR, QP {qp}, {row.model}", "not given", ours))
    return found
