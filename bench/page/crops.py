"""Before and after, to look at: the same cut of a picture as it was, as coded, and enhanced.

Of each model two pictures are shown: the one that gains least and the one in the middle. The cut
is where the codec did most harm.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from edgeqe import metrics
from edgeqe.bench.data import PictureSet, read_picture
from edgeqe.bench.quality import PSNR_CEILING, QualityRow, Score
from edgeqe.coding import RatePoint
from edgeqe.errors import InputError
from edgeqe.protocols import CodingProtocol, MeasuredNetwork, ReferencePicture, compress
from edgeqe.typing import Uint8

#: Height and width of a cut, pixels; of a smaller picture, the whole side.
SIZE = (144, 192)
#: Distance of the positions that are tried: JPEG's blocks of 4:2:0 colour, so that every cut
#: begins at the edge of one.
GRID = 16
#: Protocol that is shown if it was measured.
PREFERRED = CodingProtocol.PLANES


@dataclass(frozen=True, eq=False)
class Crop:
    """One cut of one picture."""

    model: str
    picture: str
    """Its name in the set."""
    which: Literal["worst", "median"]
    """Of the model's gains over the pictures."""
    protocol: CodingProtocol
    point: RatePoint
    """Codec and strength."""
    gain_db: float
    """Of the whole picture."""
    original: Uint8
    """(H, W) in protocol ``gray``, else (H, W, 3); so are the other two."""
    coded: Uint8
    enhanced: Uint8
    psnr_db_before: float
    """Of the cut alone."""
    psnr_db_after: float


def crops_of(
    networks: Mapping[str, MeasuredNetwork],
    pictures: PictureSet,
    rows: Sequence[QualityRow],
    models: Sequence[str],
) -> list[Crop]:
    """Cuts of the worst and the median picture of each model, at the coarsest strength measured.

    Parameters
    ----------
    networks : mapping of str to MeasuredNetwork
        By the names of the rows.
    pictures : PictureSet
        The set that the rows were measured on.
    rows : sequence of QualityRow
        Protocol ``planes`` is shown if a model has it, else its first one.
    models : sequence of str
        Names to show; one without rows is left out.

    Returns
    -------
    list of Crop
        Worst before median, in the order of `models`. Of a set of one picture, only the worst.

    Raises
    ------
    InputError
        If a picture is no longer in the set.
    """
    crops = []
    for model in models:
        row = _shown([row for row in rows if row.model == model])
        if row is not None:
            crops += [
                _crop(networks[model], pictures, row, score, which)
                for which, score in worst_and_median(row).items()
            ]
    return crops


def worst_and_median(row: QualityRow) -> dict[Literal["worst", "median"], Score]:
    """Scores of the picture with the smallest gain and of the one in the middle.

    Of an even number the better one of the two in the middle, so that of two pictures both are
    shown. Of one picture, only the worst.
    """
    scores = sorted(row.scores, key=lambda score: score.gain)
    if len(scores) == 1:
        return {"worst": scores[0]}
    return {"worst": scores[0], "median": scores[len(scores) // 2]}


def hardest(original: Uint8, coded: Uint8) -> tuple[slice, slice]:
    """Rows and columns of the cut in which the codec's squared error is largest.

    Parameters
    ----------
    original, coded : ndarray, shape (H, W[, C]), uint8

    Returns
    -------
    tuple of slice
        Of `SIZE`, or the whole side of a smaller picture, at a multiple of `GRID`; the first of
        equal ones.
    """
    squares = np.square(original.astype(np.int64) - coded)
    error = squares if squares.ndim == 2 else squares.sum(axis=2)
    height, width = (min(side, full) for side, full in zip(SIZE, error.shape, strict=True))
    # Sums over all that lies above and to the left: a rectangle's sum is that of four corners.
    sums = np.pad(error.cumsum(axis=0).cumsum(axis=1), ((1, 0), (1, 0)))
    inside = (
        sums[height:, width:] - sums[:-height, width:] - sums[height:, :-width]
        + sums[:-height, :-width]
    )[::GRID, ::GRID]  # fmt: skip
    top, left = (GRID * int(index) for index in np.unravel_index(inside.argmax(), inside.shape))
    return slice(top, top + height), slice(left, left + width)


def _shown(rows: Sequence[QualityRow]) -> QualityRow | None:
    """Row of the preferred protocol and the coarsest strength: the one of fewest bits."""
    if not rows:
        return None
    protocols = [row.protocol for row in rows]
    protocol = PREFERRED if PREFERRED in protocols else protocols[0]
    return min(
        (row for row in rows if row.protocol == protocol), key=lambda row: row.bits_per_pixel
    )


def _crop(
    network: MeasuredNetwork,
    pictures: PictureSet,
    row: QualityRow,
    score: Score,
    which: Literal["worst", "median"],
) -> Crop:
    found = _find(pictures, score.name, row.protocol)
    compressed = compress(found, row.protocol, row.point.value, row.point.codec)
    original, coded = compressed.reference.pixels, compressed.decoded.pixels
    cut = hardest(original, coded)
    original, coded = original[cut].copy(), coded[cut].copy()
    enhanced = compressed.enhanced(network).pixels[cut].copy()
    return Crop(
        row.model,
        score.name,
        which,
        row.protocol,
        row.point,
        score.gain,
        original,
        coded,
        enhanced,
        metrics.psnr(original, coded, ceiling=PSNR_CEILING),
        metrics.psnr(original, enhanced, ceiling=PSNR_CEILING),
    )


def _find(pictures: PictureSet, name: str, protocol: CodingProtocol) -> ReferencePicture:
    """Picture of the set by its name; a gray one has no part in a protocol of colour."""
    path = pictures.named().get(name)
    if path is not None:
        picture = read_picture(path, pictures.scale, name)
        if protocol == CodingProtocol.GRAY or not picture.gray:
            return picture
    raise InputError(f"{pictures.name} holds no picture {name} any more: leave the folder alone.")
