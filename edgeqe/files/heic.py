"""HEIC by pillow-heif: upright RGB or gray, all bits of a sample."""

from __future__ import annotations

import io
from typing import Any

import numpy as np

from edgeqe.errors import ImageError
from edgeqe.files.colours import unusual
from edgeqe.files.exif import exif_block, upright, upright_xmp
from edgeqe.files.formats import Undecoded
from edgeqe.files.picture import Metadata, Picture, sixteen_bits
from edgeqe.files.pillow_reading import several


def decode(file: Undecoded) -> Picture:
    """Decode a HEIC, or another HEIF that libheif knows.

    libheif turns the pixels as the file's own properties say. So the orientation tag of its EXIF
    block, which readers of HEIF have to pass over, becomes 1.

    Raises
    ------
    ImageError
        If it is too large, of several pictures, or of a kind that is not supported.
    """
    import pillow_heif

    try:
        # 10 and 12 bits as they are: by themselves they would become 8
        images: Any = pillow_heif.open_heif(
            io.BytesIO(file.data), convert_hdr_to_8bit=False, hdr_to_16bit=False
        )
        file.check_size(*images.size)
        if len(images) > 1:
            raise several(file.name)
        image = images[0]
        if image.premultiplied_alpha:
            raise ImageError(
                f"{file.name} holds colours that are multiplied with alpha, which edgeqe does "
                "not enhance: convert it to one with straight alpha first."
            )
        samples = np.asarray(image)
    except (ValueError, RuntimeError, OSError) as error:
        if isinstance(error, ImageError) or "nsupported" not in str(error):
            raise
        raise ImageError(
            f"{file.name} is a HEIF file of a kind that libheif does not decode "
            f"({' '.join(str(error).split())}): convert it to another format first."
        ) from error
    return picture_of(samples, int(image.info["bit_depth"]), _metadata(image.info))


def picture_of(samples: Any, depth: int, metadata: Metadata) -> Picture:
    """Picture of gray (H, W), RGB (H, W, 3) or RGBA (H, W, 4) samples of a bit depth."""
    if samples.dtype == np.uint16:
        samples = sixteen_bits(samples, depth)
    colours, alpha = samples, None
    if samples.ndim == 3 and samples.shape[2] in (2, 4):
        colours, alpha = samples[..., :-1], np.ascontiguousarray(samples[..., -1])
        colours = np.ascontiguousarray(colours if samples.shape[2] == 4 else colours[..., 0])
    deep = depth if samples.dtype == np.uint16 else None
    return Picture((colours,), alpha, None, metadata, deep)


def _metadata(info: dict[str, Any]) -> Metadata:
    """What comes back with the picture."""
    exif, profile = upright(exif_block(info.get("exif") or b"")), info.get("icc_profile") or b""
    xmp = upright_xmp(info.get("xmp") or b"")
    left = (
        ("auxiliary pictures of the file",) if info.get("aux") or info.get("depth_images") else ()
    )
    said, colours = info.get("nclx_profile"), None
    if said and not profile:
        colours = unusual(int(said["color_primaries"]), int(said["transfer_characteristics"]))
    return Metadata(exif, profile, colours=colours, xmp=xmp, left_behind=left)
