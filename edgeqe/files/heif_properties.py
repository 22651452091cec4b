"""Properties of a HEIF item that a decoder of its stream does not know: colours, and how it is shown."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from edgeqe.codecs.coded import damaged
from edgeqe.codecs.heif_items import HeifItem, HeifItems
from edgeqe.errors import ImageError
from edgeqe.files.colours import unusual
from edgeqe.files.picture import Samples


def colours_of(
    items: HeifItems, item: HeifItem
) -> tuple[tuple[int, bool] | None, bytes, tuple[int, int] | None]:
    """Matrix and range, profile, and unusual colours that an item's properties say."""
    how, profile, colours = None, b"", None
    for kind, content in items.properties_of(item):
        if kind == b"colr" and content[:4] == b"nclx" and len(content) >= 11:
            primaries, transfer, matrix = (
                int.from_bytes(content[at : at + 2], "big") for at in (4, 6, 8)
            )
            how, colours = (matrix, bool(content[10] & 0x80)), unusual(primaries, transfer)
        elif kind == b"colr" and content[:4] in (b"prof", b"rICC"):
            profile = content[4:]
    return how, profile, colours


def transformed(samples: Samples, items: HeifItems, item: HeifItem, name: str) -> Samples:
    """Samples as an item's properties have them shown, in the order in which they stand.

    Parameters
    ----------
    samples : ndarray, shape (H, W) or (H, W, 3)
        As decoded from the item's stream.
    items : HeifItems
    item : HeifItem
    name : str
        Of the file, for messages.

    Raises
    ------
    ImageError
        If the item is cut between two pixels, or outside of itself.

    References
    ----------
    ISO/IEC 23008-12, 6.5.10 (``irot``), 6.5.12 (``imir``); 14496-12, 12.1.4 (``clap``).
    """
    for kind, content in items.properties_of(item):
        if kind == b"irot" and content:
            samples = np.rot90(samples, content[0] & 3)
        elif kind == b"imir" and content:
            samples = samples[:, ::-1] if content[0] & 1 else samples[::-1]
        elif kind == b"clap":
            rows, columns = _aperture(content, samples.shape[:2], name)
            samples = samples[rows, columns]
    return np.ascontiguousarray(samples)


def _aperture(content: bytes, size: tuple[int, ...], name: str) -> tuple[slice, slice]:
    """Rows and columns that a ``clap`` keeps: a size, and its centre's distance from the middle."""
    numbers = np.frombuffer(content[:32], ">i4").astype(int).tolist() if len(content) >= 32 else []
    if not numbers or min(numbers[1::2]) < 1:
        raise damaged(f"the box 'clap' of {name} is not whole")
    width, height, across, down = (Fraction(numbers[at], numbers[at + 1]) for at in range(0, 8, 2))
    kept = []
    for side, shown, centre in ((size[0], height, down), (size[1], width, across)):
        first = (side - shown) / 2 + centre
        if first.denominator != 1 or shown.denominator != 1:
            raise ImageError(
                f"{name} is cut between two pixels by its header, which edgeqe does not read: "
                "convert it first."
            )
        if first < 0 or shown < 1 or first + shown > side:
            raise damaged(f"the box 'clap' of {name} lies outside of the picture")
        kept.append(slice(int(first), int(first + shown)))
    return kept[0], kept[1]
