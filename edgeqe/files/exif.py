"""EXIF blocks, as far as files that are turned already need them."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from PIL.Image import Exif

#: What stands before an EXIF block in JPEG; AVIF, HEIC and WebP leave it out.
EXIF_NAME = b"Exif\0\0"
ORIENTATION = 0x0112
#: Tags of a directory that are looked at.
TAG_LIMIT = 1000
_XMP_ORIENTATION = re.compile(rb"(tiff:Orientation\s*(?:=\s*[\"']|>))[2-8]")
#: Tags of an EXIF block that would contradict a TIFF's own layout: width, height, bits,
#: compression, photometric, strips, samples, planes, tiles, subdirectories, thumbnail.
TIFF_LAYOUT = frozenset(
    (254, 255, 256, 257, 258, 259, 262, 266, 273, 277, 278, 279, 282, 283, 284, 296, 317, 320,
     322, 323, 324, 325, 330, 338, 339, 513, 514, 529, 530, 531, 532, 34675)
)  # fmt: skip


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
    order = _order(block)
    for at in _entries(block):
        if int.from_bytes(block[at : at + 2], order) == ORIENTATION:
            return block[: at + 8] + (1).to_bytes(2, order) + block[at + 10 :]
    return block


def orientation(block: bytes) -> int:
    """Orientation tag of a block, 1 (shown as stored) to 8; 1 where it says none that is known."""
    order = _order(block)
    for at in _entries(block):
        if int.from_bytes(block[at : at + 2], order) == ORIENTATION:
            found = int.from_bytes(block[at + 8 : at + 10], order)
            return found if 1 <= found <= 8 else 1
    return 1


def _order(block: bytes) -> Literal["little", "big"]:
    """Order of bytes in a block."""
    return "little" if block[len(EXIF_NAME) : len(EXIF_NAME) + 2] == b"II" else "big"


def _entries(block: bytes) -> Iterator[int]:
    """Where the tags of a block's first directory stand."""
    start, order = len(EXIF_NAME), _order(block)
    first = start + int.from_bytes(block[start + 4 : start + 8], order)
    count = int.from_bytes(block[first : first + 2], order)
    for place in range(min(count, TAG_LIMIT)):
        at = first + 2 + 12 * place
        if at + 12 > len(block):
            break
        yield at


def _is_cut(block: bytes) -> bool:
    """Whether the first directory reaches beyond the end of a block that holds anything."""
    start, order = len(EXIF_NAME), _order(block)
    first = start + int.from_bytes(block[start + 4 : start + 8], order)
    count = int.from_bytes(block[first : first + 2], order)
    return len(block) > start and first + 2 + 12 * count > len(block)


def upright_xmp(packet: bytes) -> bytes:
    """XMP packet whose orientation, if it has one, says that the pixels are shown as stored."""
    return _XMP_ORIENTATION.sub(rb"\g<1>1", packet)


def tiff_exif(block: bytes) -> tuple[Exif, bool]:
    """EXIF block as tags of a TIFF, without those that a TIFF sets for itself.

    Parameters
    ----------
    block : bytes
        As of `exif_block`; it may be damaged.

    Returns
    -------
    exif : PIL.Image.Exif
        The tags that a TIFF can hold.
    whole : bool
        Whether these are all.
    """
    from PIL import Image

    exif = Image.Exif()
    try:
        exif.load(block)
        tags = list(exif)
    except Exception:  # a strange EXIF block makes Pillow raise nearly anything
        return Image.Exif(), False
    order = _order(block)
    stated = {int.from_bytes(block[at : at + 2], order) for at in _entries(block)}
    # Pillow passes over what it cannot read
    whole = stated <= {*tags, *TIFF_LAYOUT} and not _is_cut(block)
    for tag in TIFF_LAYOUT & set(tags):
        del exif[tag]
    return exif, drop_damaged(exif) and whole


def drop_damaged(exif: Exif) -> bool:
    """Remove the tags that cannot be written; says whether there were none."""
    whole = True
    for tag in list(exif):
        kept = _writable_part(exif, tag)
        if kept is False:
            del exif[tag]
        whole &= kept is True
    return whole


def _writable_part(exif: Exif, tag: int) -> bool | None:
    """Whether a TIFF can hold a tag; None for a directory that lost some of its own."""
    from PIL import TiffTags

    try:
        if tag not in TiffTags.TAGS_V2_GROUPS:
            value = exif[tag]
            return (tag != ORIENTATION or isinstance(value, int)) and _writable(tag, value)
        inner = exif.get_ifd(tag)
    except Exception:  # as above
        return False
    damaged = [name for name, value in inner.items() if not _writable(name, value)]
    for name in damaged:
        del inner[name]
    return None if damaged else True


def _writable(tag: int, value: Any) -> bool:
    """Whether Pillow writes a tag into a TIFF."""
    from PIL.TiffImagePlugin import ImageFileDirectory_v2

    directory: Any = ImageFileDirectory_v2()
    try:
        directory[tag] = value
        directory.save(io.BytesIO())
    except Exception:  # as above
        return False
    return True
