"""The page's pictures: original, coded and enhanced, side by side."""

from __future__ import annotations

import io
from dataclasses import dataclass

from edgeqe.bench.data import pillow_image
from edgeqe.bench.page.content import PageImage
from edgeqe.bench.page.crops import Crop
from edgeqe.typing import Uint8

#: CSS pixels for each pixel of a cut, so that an artefact can be seen.
ZOOM = 2


@dataclass(frozen=True)
class ShownCrop:
    """One cut with its three images."""

    crop: Crop
    images: list[PageImage]
    """Original, coded and enhanced."""


def shown(crop: Crop) -> ShownCrop:
    """Images of a cut, with the PSNR of the cut below."""
    gain = crop.psnr_db_after - crop.psnr_db_before
    figures = {
        "Original": "",
        str(crop.point): f": {crop.psnr_db_before:.2f} dB",
        crop.model: f": {crop.psnr_db_after:.2f} dB ({gain:+.2f})",
    }
    pixels = (crop.original, crop.coded, crop.enhanced)
    images = [
        _image(values, f"{words}: cut of {crop.picture}", f"{words}{figure}")
        for (words, figure), values in zip(figures.items(), pixels, strict=True)
    ]
    return ShownCrop(crop, images)


def _image(pixels: Uint8, described: str, caption: str) -> PageImage:
    stream = io.BytesIO()
    pillow_image().fromarray(pixels).save(stream, "PNG")
    height, width = pixels.shape[:2]
    return PageImage(stream.getvalue(), described, ZOOM * width, ZOOM * height, caption)
