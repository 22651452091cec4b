"""ASQE-CNN in gray at JPEG quality 20: the whole, and without its parts, one pass and two.

All are run on the same grid of 64x64 blocks in one pass; the whole is also run as the device runs
it, a second pass shifted by 16, and with frozen channel attention, which needs no blocks.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from systems import MEMORY

from edgeqe import Enhancer, zoo
from edgeqe.bench.data import folder
from edgeqe.bench.quality import measure
from edgeqe.coding import RatePoint
from edgeqe.model.catalogue import find_model
from edgeqe.model.file import ModelFile
from edgeqe.model.serving import serving_models
from edgeqe.protocols import CodingProtocol
from edgeqe.zoo.training.picture_network import PictureNetwork

BLOCK = 64
#: Recipes, what they are without, and the published BD-rate over four qualities of RGB (table 8), %.
ABLATIONS = {
    "asqe-full": ("full", "-31.55 %"),
    "asqe-no-attention": ("noAttention", "-19.51 %"),
    "asqe-no-weight-sharing": ("noWeightSharing", "-20.10 %"),
    "asqe-no-mff": ("noMFF", "-20.01 %"),
}
PUBLISHED_GRAY = "31.79 dB"


def rows(
    files: Mapping[str, Path], trainings: Mapping[str, Path], data: Path, frozen: Path | None
) -> list[tuple[str, str, str]]:
    """What was measured, the paper's figure, and ours.

    Parameters
    ----------
    files, trainings : mapping of str to Path
        Exported file and folder of each recipe.
    data : Path
        Folder of pictures.
    frozen : Path, optional
        File of the whole with frozen channel attention.
    """
    networks: dict[str, Any] = {}
    about: dict[str, tuple[str, str]] = {}
    for recipe, (name, published) in ABLATIONS.items():
        card = ModelFile(files[recipe]).card
        label = f"{name}, one pass of blocks"
        networks[label] = PictureNetwork(zoo.load_training(trainings[recipe]), BLOCK)
        about[label] = (f"BD-rate, RGB: {published}", f"{card.trainable:,} parameters")
    opened = {"full, second pass shifted by 16": files["asqe-full"]}
    if frozen is not None:
        opened["full, attention frozen, no blocks"] = frozen
    opened |= {f"shipped {name}": find_model(name, "float32") for name in serving_models("jpeg")}
    for label, path in opened.items():
        networks[label] = Enhancer(path, memory_limit=MEMORY)
        card = ModelFile(path).card
        about[label] = ("-", f"{card.kmac_per_pixel:.1f} kMAC/px")
    label = "full, second pass shifted by 16"
    about[label] = (PUBLISHED_GRAY, about[label][1])
    try:
        measured = list(
            measure(networks, folder(data), CodingProtocol.GRAY, RatePoint("jpeg", 20.0))
        )
    finally:
        for network in networks.values():
            if isinstance(network, Enhancer):
                network.close()
    before = measured[0].mean("psnr")[0]
    found = [("Y PSNR, q20, JPEG", "30.07 dB", f"{before:.3f} dB")]
    for row in measured:
        published, cost = about[row.model]
        after = row.mean("psnr")[1]
        ours = f"{after:.3f} dB ({after - before:+.3f}), {cost}"
        found.append((f"Y PSNR, q20, {row.model}", published, ours))
    return found
