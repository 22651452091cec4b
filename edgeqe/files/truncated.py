"""Files that are cut short: refused with the share that is there, or taken as far as they go."""

from __future__ import annotations

import zlib
from typing import IO, TYPE_CHECKING

import numpy as np

from edgeqe.errors import ImageError
from edgeqe.files.formats import Undecoded

if TYPE_CHECKING:
    from PIL.PngImagePlugin import PngImageFile

#: Channels of PNG's colour types.
CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
#: First column, first row, and their distances, of the passes of an interlaced PNG (8.1).
PASSES = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2),
          (0, 1, 1, 2))  # fmt: skip
#: Bytes that are unpacked at a time.
PIECE = 1 << 20


def cut_short(name: str, width: int, height: int, share: float) -> ImageError:
    """Error for a file that does not hold all of its picture.

    Parameters
    ----------
    name : str
    width, height : int
        Pixels.
    share : float
        Of the picture that is there at most; 1 where only details are missing.
    """
    there = "all, without its last details," if share == 1.0 else f"at most {int(100 * share)} %"
    return ImageError(
        f"{name} is damaged or cut short (of {width}x{height} pixels {there} is there): get it again "
        "from where it came from, or let edgeqe enhance what is there, with --accept-truncated "
        "(in Python accept_truncated=True)."
    )


def load_png(picture: PngImageFile, file: Undecoded) -> float | None:
    """Load an open PNG, as far as it goes if that is wanted.

    Returns
    -------
    float or None
        Share of the picture that was there; None of a whole one.

    Raises
    ------
    ImageError
        If it is not whole, and that is not wanted or nothing is there.
    """
    error: Exception | None = None
    try:
        picture.load()
    except MemoryError:
        raise
    except Exception as failed:  # Pillow raises nearly anything on damaged files
        error = failed
    if error is None and _last_row_is_there(picture):
        return None
    with file.open() as stream:
        share = share_of_png(stream)  # Pillow takes data that ends early, by its own word, for all
    if error is None and share == 1.0:
        return None
    if share == 0.0:
        raise error or ValueError("it holds no samples")
    if not file.accept_truncated:
        raise cut_short(file.name, *picture.size, share) from error
    picture.tile = []  # nothing more to load: the rows that came are there
    picture.load()
    return share


def _last_row_is_there(picture: PngImageFile) -> bool:
    """Whether rows came to the end for certain: those that did not are 0, and a black one may be either."""
    width, height = picture.size
    row = picture.crop((0, height - 1, width, height))
    return not picture.info.get("interlace") and bool(np.asarray(row).any())


def share_of_png(stream: IO[bytes]) -> float:
    """Share of a PNG's samples that its data unpacks to, 0 to 1."""
    header = stream.read(33)
    width, height = (int.from_bytes(header[at : at + 4], "big") for at in (16, 20))
    if len(header) < 33 or header[25] not in CHANNELS:
        return 0.0
    pixel = header[24] * CHANNELS[header[25]]
    passes = PASSES if header[28] else ((0, 0, 1, 1),)
    stated = 0
    for column, row, across, down in passes:
        columns, rows = -((column - width) // across), -((row - height) // down)
        stated += rows * (1 + (columns * pixel + 7) // 8) if columns > 0 and rows > 0 else 0
    unpacking, there, at = zlib.decompressobj(), 0, 8
    try:
        while not unpacking.eof and there < stated:
            stream.seek(at)
            head = stream.read(8)
            if len(head) < 8:
                break
            at += 12 + int.from_bytes(head[:4], "big")
            left = at - 4 - stream.tell() if head[4:] == b"IDAT" else 0
            while (
                there < stated and not unpacking.eof and (packed := stream.read(min(left, PIECE)))
            ):
                left -= len(packed)
                while packed and there < stated:
                    there += len(unpacking.decompress(packed, PIECE))
                    packed = unpacking.unconsumed_tail
    except zlib.error:
        pass
    return min(1.0, there / stated) if stated else 0.0
