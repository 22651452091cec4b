"""The page's pictures: original, coded and enhanced, side by side."""

from __future__ import annotations

import io
from collections.abc import Sequence

from edgeqe.bench.data import pillow_image
from edgeqe.bench.page.crops import Crop
from edgeqe.bench.page.markup import box, heading, image, paragraph
from edgeqe.typing import Uint8

#: CSS pixels for each pixel of a cut, so that an artefact can be seen.
ZOOM = 2


def pictures(crops: Sequence[Crop]) -> list[str]:
    """Cuts with their captions; nothing of no cuts."""
    if not crops:
        return []
    words = (
        "Of each model the picture that gains least and the one in the middle, cut where the codec did "
        f"most harm, at {ZOOM} times their size. Captions: PSNR of the cut."
    )
    return [paragraph(words, "faint"), *(part for crop in crops for part in _shown(crop))]


def _shown(crop: Crop) -> list[str]:
    whole = (
        f"The whole picture gains {crop.gain_db:+.3f} dB in protocol {crop.protocol} at "
        f"{crop.point}."
    )
    gain = crop.psnr_db_after - crop.psnr_db_before
    captions = {
        "Original": "",
        str(crop.point): f"{crop.psnr_db_before:.2f} dB",
        crop.model: f"{crop.psnr_db_after:.2f} dB ({gain:+.2f})",
    }
    figures = [
        _picture(
            pixels, f"{words}: cut of {crop.picture}", f"{words}: {figure}" if figure else words
        )
        for (words, figure), pixels in zip(
            captions.items(), (crop.original, crop.coded, crop.enhanced), strict=True
        )
    ]
    return [
        heading(3, f"{crop.model}, {crop.which} picture: {crop.picture}"),
        paragraph(whole, "faint"),
        box("crops", *figures),
    ]


def _picture(pixels: Uint8, described: str, caption: str) -> str:
    stream = io.BytesIO()
    pillow_image().fromarray(pixels).save(stream, "PNG")
    height, width = pixels.shape[:2]
    return image(stream.getvalue(), described, ZOOM * width, ZOOM * height, caption)
