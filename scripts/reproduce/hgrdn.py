"""HGRDN's four types: noise reduction, texture restoration, both in a row, both trained as one.

RGB behind VVC all intra at QP 37. PSNR, NIQE on luma, and the distance in the features of
EfficientNet-Lite0, both lower for better.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from niqe import niqe
from systems import MEMORY

from edgeqe import Enhancer
from edgeqe.bench.data import folder
from edgeqe.metrics import psnr
from edgeqe.protocols import CodingProtocol, compress
from edgeqe.typing import Rgb
from edgeqe.views.colour import full_luma
from edgeqe.zoo.training.features import feature_distance, feature_network

QP = 37
TYPES = {
    "type 1, noise reduction": ("hgrdn-nr",),
    "type 2, texture restoration": ("hgrdn-tr",),
    "type 3, one behind the other": ("hgrdn-nr", "hgrdn-tr"),
    "type 4, trained as a cascade": ("hgrdn-cascade",),
}
PUBLISHED = ("best in PSNR", "-", "-", "best in perceptual index")


def rows(files: Mapping[str, Path], data: Path) -> list[tuple[str, str, str]]:
    """What was measured, the paper's finding, and ours."""
    features = feature_network()
    models = {
        name: Enhancer([files[recipe] for recipe in recipes], memory_limit=MEMORY)
        for name, recipes in TYPES.items()
    }
    figures: dict[str, list[list[float]]] = {"VVC": [], **{name: [] for name in models}}
    try:
        for picture in folder(data):
            coded = compress(picture, CodingProtocol.RGB, QP, "vvc")
            reference = coded.reference.pixels
            shown = {"VVC": coded.decoded.pixels}
            for name, model in models.items():
                shown[name] = coded.enhanced(model).pixels
            for name, rgb in shown.items():
                figures[name].append(_figures(reference, rgb, features))
    finally:
        for model in models.values():
            model.close()
    found = []
    for name, published in zip(figures, ("-", *PUBLISHED), strict=True):
        score, nature, distance = np.mean(figures[name], axis=0)
        ours = f"{score:.3f} dB, NIQE {nature:.3f}, features {distance:.4f}"
        found.append((f"RGB, QP {QP}, {name}", published, ours))
    return found


def _figures(reference: Rgb, rgb: Rgb, features: Any) -> list[float]:
    """PSNR, NIQE and distance in the features."""
    distance = feature_distance(features, reference, rgb)
    return [psnr(reference, rgb), niqe(full_luma(rgb)), distance]
