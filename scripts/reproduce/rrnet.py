"""RRNet: prediction residual beside the reconstruction, the reconstruction alone, a partition map.

HEVC all intra by x265 without loop filters, luma, QP 37 and 32, one model a QP. The codec itself is
measured with its loop filters as well, whose place the network takes; their bits differ a little.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from systems import RRNETS

from edgeqe import Enhancer
from edgeqe.bench.data import folder
from edgeqe.metrics import psnr
from edgeqe.protocols import CodingProtocol, compress
from edgeqe.zoo.training.recipe import Side
from edgeqe.zoo.training.unfiltered import UnfilteredPicture, code_unfiltered

QPS = (37, 32)
SIDES = dict(zip(RRNETS, (Side.RESIDUAL, Side.NONE, Side.PARTITION), strict=True))
#: What each is given, and the published Y BD-rate against the reconstruction alone (table VII).
MODELS = {
    "rrnet": ("reconstruction and residual", "-1.0 % BD-rate"),
    "rrnet-reconstruction": ("reconstruction alone", "0"),
    "rrnet-partition": ("reconstruction and partition map", "-0.4 % BD-rate"),
}


def rows(models: Mapping[str, Enhancer], data: Path) -> list[tuple[str, str, str]]:
    """What was measured, the paper's figure, and ours."""
    found = []
    for qp in QPS:
        figures: dict[str, list[float]] = {}
        for picture in folder(data):
            filtered = compress(picture, CodingProtocol.GRAY, qp, "hevc")
            score = psnr(filtered.reference.pixels, filtered.decoded.pixels)
            figures.setdefault("HEVC with its loop filters", []).append(score)
            rgb = picture.pixels
            rgb = rgb if rgb.ndim == 3 else np.repeat(rgb[..., None], 3, axis=-1)
            for name, side in SIDES.items():
                coded = code_unfiltered(rgb, qp, side)
                figures.setdefault("HEVC without loop filters", []).append(
                    psnr(coded.reference, coded.decoded)
                )
                better = _enhanced(models[f"{name}-{qp}"], coded)
                figures.setdefault(name, []).append(psnr(coded.reference, better))
        means = {name: float(np.mean(values)) for name, values in figures.items()}
        alone = means["rrnet-reconstruction"]
        for name in ("HEVC without loop filters", "HEVC with its loop filters"):
            found.append((f"Y PSNR, QP {qp}, {name}", "not given", f"{means[name]:.3f} dB"))
        for name, (given, published) in MODELS.items():
            ours = f"{means[name]:.3f} dB ({means[name] - alone:+.3f})"
            found.append((f"Y PSNR, QP {qp}, {given}", published, ours))
    return found


def _enhanced(model: Enhancer, coded: UnfilteredPicture) -> np.ndarray:
    """Luma of a coded picture behind a model."""
    return model.enhance(
        coded.decoded, step=coded.step, codec="hevc", prediction_residual=coded.side
    )
