"""MVGL A, B and C: RGB behind HEVC intra 4:2:0 at QP 40, which is what BPG holds."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from edgeqe import Enhancer
from edgeqe.bench.data import folder
from edgeqe.bench.quality import measure
from edgeqe.coding import RatePoint
from edgeqe.model.file import ModelFile
from edgeqe.protocols import CodingProtocol

QP = 40
#: Published RGB PSNR: BPG 29.692 dB at 0.15 bits a pixel, and the gains.
PUBLISHED = {"mvgl-a": "+0.575 dB", "mvgl-b": "+0.319 dB", "mvgl-c": "+0.360 dB"}


def rows(
    models: Mapping[str, Enhancer], files: Mapping[str, Path], data: Path
) -> list[tuple[str, str, str]]:
    """What was measured, the paper's figure, and ours."""
    named = {name: models[name] for name in PUBLISHED}
    point = RatePoint("hevc", float(QP))
    measured = list(measure(named, folder(data), CodingProtocol.RGB, point))
    before = measured[0].mean("psnr")[0]
    found = [(f"RGB PSNR, QP {QP}, HEVC intra", "29.692 dB, other pictures", f"{before:.3f} dB")]
    for row in measured:
        kmac = ModelFile(files[row.model]).card.kmac_per_pixel
        ours = f"{row.mean('psnr')[1] - before:+.3f} dB, {kmac:.1f} kMAC/px"
        found.append((f"RGB PSNR, QP {QP}, {row.model}", PUBLISHED[row.model], ours))
    return found
