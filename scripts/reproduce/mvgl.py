"""MVGL A, B and C: RGB behind HEVC intra 4:2:0 at QP 40, which is what BPG holds."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from edgeqe import Enhancer
from edgeqe.bench.data import folder
from edgeqe.bench.planning.measuring import FileEnhancer, measure_tables
from edgeqe.bench.planning.programs import best_single, joint, two_step
from edgeqe.bench.planning.references import list_sources
from edgeqe.bench.planning.tables import PlanLimits
from edgeqe.bench.quality import measure
from edgeqe.coding import RatePoint
from edgeqe.model.file import ModelFile
from edgeqe.protocols import CodingProtocol

QP = 40
#: Published RGB PSNR: BPG 29.692 dB at 0.15 bits a pixel, and the gains.
#: QPs that the paper chooses from, and the share of A's time that its mix takes: 2725 of 6210 minutes.
QPS, MIX_TIME = (38, 39, 40, 41, 42), 2725 / 6210
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
    return [*found, *mix_rows(named, data)]


def mix_rows(networks: Mapping[str, FileEnhancer], data: Path) -> list[tuple[str, str, str]]:
    """The mix: each picture's QP and network, at QP 40's bytes and the paper's share of A's time.

    A gain is that over the decoded pictures at the same QPs.
    """
    points = [RatePoint("bpg", float(qp)) for qp in QPS]
    with tempfile.TemporaryDirectory() as work:
        tables = measure_tables(
            list_sources(data), points, list(networks.values()), Path(work)
        ).tables
    slowest = tables.microseconds.sum(axis=0)[1 + list(networks).index("mvgl-a")]
    limits = PlanLimits(int(tables.sizes[:, QPS.index(QP)].sum()), int(MIX_TIME * int(slowest)))
    single, steps = best_single(tables, limits), two_step(tables, limits)
    known = [steps] if single is None else [steps, single]
    plans = {
        "best single QP and network": (single, "not given"),
        "QPs, then networks": (steps, "+0.443 dB"),
        "QPs and networks at once": (joint(tables, limits, known=known), "not given"),
    }
    found = []
    for name, (choice, published) in plans.items():
        ours = "none fits"
        if choice is not None:
            decoded = tables.psnr[np.arange(tables.pictures), list(choice.strengths), 0].mean()
            ours = f"{choice.psnr:.3f} dB ({choice.psnr - decoded:+.3f})"
        found.append((f"RGB PSNR at {MIX_TIME:.0%} of A's time, {name}", published, ours))
    return found
