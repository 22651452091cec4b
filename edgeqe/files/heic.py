"""HEIC by pillow-heif: upright RGB or gray, all bits of a sample.

For networks that take the prediction residual its streams are decoded by themselves; metadata,
alpha and the size that is shown still are libheif's.
"""

from __future__ import annotations

import io
from dataclasses import replace
from typing import Any

import numpy as np

from edgeqe.codecs import heif
from edgeqe.codecs.coded import damaged
from edgeqe.codecs.heif_items import HeifItems
from edgeqe.errors import ImageError
from edgeqe.files.colours import unusual
from edgeqe.files.exif import exif_block, upright, upright_xmp
from edgeqe.files.formats import Undecoded
from edgeqe.files.frames import depth_of, picture_of_frame
from edgeqe.files.heif_properties import colours_of, transformed
from edgeqe.files.intra import IntraFile, IntraFrame, decode_intra
from edgeqe.files.picture import Metadata, Picture, Samples, sixteen_bits
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


def decode_with_residual(file: Undecoded) -> IntraFile:
    """Decode the stream of a HEIC, or a grid of them as one picture.

    Raises
    ------
    ImageError
        As of `decode` and `decode_intra`, or if the picture is not of HEVC.
    """
    shown = decode(file)
    try:
        tiles = heif.hevc_tiles(file.data)
    except ImageError as error:
        raise type(error)(f"{file.name}: {error}") from error
    whole = _joined([decode_intra(stream, file) for stream in tiles.streams], tiles, file)
    items = HeifItems(file.data)
    item = items.item(items.primary)
    how, _, _ = colours_of(items, item)
    matrix, full_range = how or (whole.frame.matrix, whole.frame.full_range)

    def finish(planes: tuple[Samples, ...]) -> Picture:
        frame = replace(whole.frame, planes=planes)
        made = picture_of_frame(frame, None, matrix, full_range, shown.metadata, file)
        samples = transformed(made.planes[0], items, item, file.name)
        if samples.shape != shown.planes[0].shape:
            raise damaged(
                f"{file.name} has two shapes, {samples.shape} and {shown.planes[0].shape}"
            )
        return replace(shown, planes=(samples,))

    depth = depth_of(whole.frame, file)
    return IntraFile(whole.frame.planes, depth, whole.residual, shown, finish)


def _joined(frames: list[IntraFrame], tiles: heif.HeifTiles, file: Undecoded) -> IntraFrame:
    """Tiles of a grid side by side, cut at the right and below."""
    if tiles.size is None:
        return frames[0]
    first = frames[0].frame
    height, width = first.planes[0].shape
    rows, columns = len(frames) // tiles.columns, tiles.columns
    fits = (columns - 1) * width < tiles.size[0] <= columns * width
    fits &= (rows - 1) * height < tiles.size[1] <= rows * height
    alike = all(
        other.frame.format == first.format
        and [plane.shape for plane in other.frame.planes] == [p.shape for p in first.planes]
        for other in frames
    )
    if not (fits and alike):
        raise damaged(f"the tiles of {file.name} do not make its {tiles.size[0]}x{tiles.size[1]}")
    if len(first.planes) > 1 and (height % 2 or width % 2):
        raise ImageError(
            f"{file.name} has tiles of {width}x{height}, whose chroma does not fit together: "
            "convert it to a single picture first."
        )

    def join(parts: list[Samples], size: tuple[int, int]) -> Samples:
        lines = [np.hstack(parts[at : at + columns]) for at in range(0, len(parts), columns)]
        return np.ascontiguousarray(np.vstack(lines)[: size[1], : size[0]])

    half = (tiles.size[0] + 1) // 2, (tiles.size[1] + 1) // 2
    planes = tuple(
        join([other.frame.planes[index] for other in frames], half if index else tiles.size)
        for index in range(len(first.planes))
    )
    residual = join([other.residual for other in frames], tiles.size)
    return IntraFrame(replace(first, planes=planes), residual)


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
