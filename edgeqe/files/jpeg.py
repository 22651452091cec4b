"""JPEG files: refused by name, within limits, whole or as much as there is of them."""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Callable
from functools import partial
from typing import Any

from edgeqe.codecs import jpeg
from edgeqe.codecs.jpeg_layout import JpegLayout, read_layout, refused
from edgeqe.codecs.jpeg_whole import (
    SECOND_STAND_IN,
    STAND_IN,
    ended,
    has_all_restarts,
    largest_share,
    share_there,
    with_stand_in,
)
from edgeqe.errors import EdgeqeError, ImageError
from edgeqe.files.formats import Undecoded
from edgeqe.files.jpeg_metadata import metadata_in
from edgeqe.files.picture import Picture, Samples
from edgeqe.files.pillow_reading import decode_by, metadata_of
from edgeqe.files.truncated import cut_short

#: Whether a copy of the file is decoded to the same.
Equal = Callable[[bytes], bool]


def decode(file: Undecoded) -> Picture:
    """Decode a JPEG: as the planes of 4:2:0, or as gray or RGB.

    Raises
    ------
    ImageError
        If it is too large, cut short or damaged, or of a kind that is not read.
    """
    layout = _layout(file)
    try:
        return _decoded(file, layout)
    except EdgeqeError:
        raise
    except OSError as error:
        if not layout.arithmetic:
            raise
        raise ImageError(
            f"{file.name} is an arithmetic-coded JPEG that this Pillow does not decode ({error}): "
            "it is damaged, or Pillow's libjpeg lacks that coder; convert it with another program."
        ) from error


def _decoded(file: Undecoded, layout: JpegLayout) -> Picture:
    """Picture of a file, if all of it is there or that is not wanted."""
    from PIL.JpegImagePlugin import JpegImageFile

    data = file.data
    ends = layout.end is not None or layout.complete() and not layout.arithmetic
    if layout.end is None:
        data = ended(data)
        layout = read_layout(data) or layout
    with JpegImageFile(io.BytesIO(data), "") as opened:
        file.check_size(*opened.size)
        table = _luma_table(opened)
        steps = jpeg.component_steps(opened) if table else None
        planar = file.as_coded and jpeg.is_420(opened)
        own = metadata_of(opened)
        metadata = metadata_in(data, own.icc_profile)
        metadata = dataclasses.replace(
            metadata, exif=own.exif, icc_profile=own.icc_profile, dpi=own.dpi
        )
    equal: Equal
    if planar:
        luma = jpeg.decode_luma(data)
        half = jpeg.decode_half(data)
        found = Picture((luma, *half[1:]), None, table, metadata)
        # of one scan half the size shows as much: chroma comes last in each unit
        equal = partial(_half_equals, half, luma if len(layout.scans) > 1 else None)
    else:
        found = decode_by(JpegImageFile, dataclasses.replace(file, data=data))
        found = dataclasses.replace(found, table=table, component_steps=steps, metadata=metadata)
        equal = partial(_equals, found.planes[0])
    present = _present(data, layout, equal, ends=ends)
    if present is not None and not file.accept_truncated:
        raise cut_short(file.name, layout.width, layout.height, present)
    return dataclasses.replace(found, present=present)


def _layout(file: Undecoded) -> JpegLayout:
    """Layout of a file that is worth decoding."""
    reason = "it ends in front of its picture"
    try:
        layout = read_layout(file.data)
    except ImageError as error:
        layout, reason = None, str(error).partition(":")[0]
    if layout is None:
        raise ImageError(
            f"{file.name} is damaged or cut short ({reason}): get it again from where it came from."
        )
    if kind := layout.unsupported():
        raise type(refused(kind))(f"{file.name}: {refused(kind)}")
    file.check_size(layout.width, layout.height)
    samples, most = layout.scan_samples(), layout.most_scan_samples(file.pixel_limit)
    if samples > most:
        raise ImageError(
            f"{file.name} has {len(layout.scans)} scans of {samples / 1e6:.0f} million samples, more "
            f"than the limit of {most / 1e6:.0f} million: save it again with fewer scans."
        )
    share = largest_share(layout)
    if share < 1.0 and not file.accept_truncated:
        raise cut_short(file.name, layout.width, layout.height, share)
    return layout


def _present(data: bytes, layout: JpegLayout, equal: Equal, *, ends: bool) -> float | None:
    """Share of the picture that is there, 0 to 1; None if all of it is."""
    if layout.arithmetic:  # its coder may leave out zeros, so data cannot be missed
        return None if ends else _coarse_share(data, layout)
    whole = ends and layout.shows_all() and has_all_restarts(layout)
    for stand_in in (STAND_IN, SECOND_STAND_IN) if layout.progressive else (STAND_IN,):
        copy = with_stand_in(data, layout, stand_in) if whole else b""
        whole = whole and equal(copy)
    if whole:
        return None
    return _coarse_share(data, layout)


def _half_equals(half: tuple[Samples, Samples, Samples], luma: Samples | None, copy: bytes) -> bool:
    """Whether a copy shows the same at half the size, and where it is given the same luma."""
    try:
        return jpeg.shows_half(copy, half) and (luma is None or jpeg.shows(copy, luma, "L"))
    except OSError:  # what stands in for missing data is no code
        return False


def _equals(pixels: Samples, copy: bytes) -> bool:
    try:
        return jpeg.shows(copy, pixels)
    except OSError:  # as above
        return False


def _coarse_share(data: bytes, layout: JpegLayout) -> float:
    """Share whose mean values are there, by a decoding that never mixes neighbours."""
    try:
        few = _small(data, layout)
        differs = few != _small(with_stand_in(data, layout, coarse=True), layout)
    except OSError:
        return 0.0
    return share_there(differs.any(axis=2) if differs.ndim == 3 else differs, layout)


def _small(data: bytes, layout: JpegLayout) -> Samples:
    """Gray, or all components at half the size."""
    return jpeg.decode_luma(data) if len(layout.components) == 1 else jpeg.decode_reduced(data)


def _luma_table(picture: Any) -> tuple[int, ...] | None:
    """Quantization table of an open JPEG's first component; None if there is none."""
    tables: dict[int, list[int]] = picture.quantization
    layers: list[tuple[int, ...]] = picture.layer
    found = tables.get(layers[0][3]) if layers else None
    return None if found is None or min(found) < 1 else tuple(found)
