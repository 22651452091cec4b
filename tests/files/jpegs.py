"""JPEGs of rarer kinds, made from Pillow's by their segments."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image
from skimage import data


def photo(height: int = 96, width: int = 128) -> npt.NDArray[np.uint8]:
    astronaut: Any = data.astronaut  # scikit-image ships no types
    return np.ascontiguousarray(astronaut()[40 : 40 + height, 180 : 180 + width])


def jpeg(image: npt.NDArray[np.uint8] | None = None, mode: str = "RGB", **options: Any) -> bytes:
    stream = io.BytesIO()
    picture = Image.fromarray(photo() if image is None else image).convert(mode)
    picture.save(stream, "JPEG", **{"quality": 60, **options})
    return stream.getvalue()


def scans(content: bytes) -> list[tuple[int, int]]:
    """Where the entropy-coded data of each scan begins and ends, byte by byte."""
    found, at = [], 0
    while (at := content.find(b"\xff\xda", at)) >= 0:
        start = at + 2 + int.from_bytes(content[at + 2 : at + 4], "big")
        stop = start
        while content[stop] != 0xFF or content[stop + 1] in (0, *range(0xD0, 0xD8)):
            stop += 1
        found.append((start, stop))
        at = stop
    return found


def with_hole(content: bytes, scan: int, kept: float) -> bytes:
    """File whose scan keeps only a first part of its data; its end is where it was."""
    start, stop = scans(content)[scan]
    return content[: start + round(kept * (stop - start))] + content[stop:]


def with_segment(content: bytes, marker: int, body: bytes) -> bytes:
    """File with a segment in front of all others."""
    return content[:2] + segment(marker, body) + content[2:]


def segment(marker: int, body: bytes) -> bytes:
    return bytes((0xFF, marker)) + (len(body) + 2).to_bytes(2, "big") + body


def frame_changed(content: bytes, at: int, *values: int) -> bytes:
    """File whose frame header has other bytes; 0 is its marker, 4 the bits of a sample."""
    start = next(
        content.find(bytes((0xFF, m))) for m in (0xC0, 0xC1, 0xC2) if bytes((0xFF, m)) in content
    )
    start += 1 if at == 0 else at
    return content[:start] + bytes(values) + content[start + len(values) :]


def sequential_scans(image: npt.NDArray[np.uint8], quality: int = 60) -> bytes:
    """Sequential 4:2:0 JPEG of a scan each for Y, Cb and Cr: each is that of a gray JPEG."""
    height, width = image.shape[:2]
    y, *chroma = Image.fromarray(image).convert("YCbCr").split()
    half = ((width + 1) // 2, (height + 1) // 2)
    planes = [np.asarray(plane) for plane in (y, *(plane.resize(half) for plane in chroma))]
    grays = [jpeg(plane, "L", quality=quality) for plane in planes]
    luma, (start, _) = grays[0], scans(grays[0])[0]
    frame, header = luma.index(b"\xff\xc0"), luma.rindex(b"\xff\xda", 0, start)
    stop = frame + 2 + int.from_bytes(luma[frame + 2 : frame + 4], "big")
    components = bytes((3, 1, 0x22, 0, 2, 0x11, 0, 3, 0x11, 0))
    made = luma[:frame] + segment(0xC0, luma[frame + 4 : frame + 9] + components)
    made += luma[stop:header]
    for number, gray in enumerate(grays, 1):
        start, stop = scans(gray)[0]
        made += segment(0xDA, bytes((1, number, 0, 0, 63, 0))) + gray[start:stop]
    return made + b"\xff\xd9"
