"""EXIF blocks, as far as files that are turned already need them."""

from __future__ import annotations

from typing import Literal

#: What stands before an EXIF block in JPEG; AVIF, HEIC and WebP leave it out.
EXIF_NAME = b"Exif\0\0"
ORIENTATION = 0x0112
#: Tags of a directory that are looked at.
TAG_LIMIT = 1000


def exif_block(block: bytes) -> bytes:
    """Block with `EXIF_NAME` in front; empty if there is none."""
    return block if not block or block.startswith(EXIF_NAME) else EXIF_NAME + block


def upright(block: bytes) -> bytes:
    """Block whose orientation tag, if it has one, says that the pixels are shown as stored.

    Parameters
    ----------
    block : bytes
        As of `exif_block`. A damaged one comes back as it is.

    References
    ----------
    TIFF 6.0, section 2: a header of 8 bytes, then directories of tags of 12 bytes.
    """
    start = len(EXIF_NAME)
    order: Literal["little", "big"] = "little" if block[start : start + 2] == b"II" else "big"

    def number(at: int, count: int) -> int:
        return int.from_bytes(block[at : at + count], order)

    first = start + number(start + 4, 4)
    for place in range(min(number(first, 2), TAG_LIMIT)):
        at = first + 2 + 12 * place
        if at + 12 > len(block):
            break
        if number(at, 2) == ORIENTATION:
            return block[: at + 8] + (1).to_bytes(2, order) + block[at + 10 :]
    return block
