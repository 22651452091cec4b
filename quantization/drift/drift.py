"""Drift: what a picture loses when another file, format or runtime enhances it.

The measure is the *gain*: PSNR of the enhanced picture less PSNR of the coded one. A mean hides
a picture that breaks, and a picture hides a corner that breaks, so the loss of gain is
given for the mean, for the worst picture and for the worst tile.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from edgeqe import metrics
from edgeqe.coding import RatePoint
from edgeqe.protocols import CodingProtocol, CompressedPicture, MeasuredNetwork
from edgeqe.quantization.drift.references import compressed_pictures
from edgeqe.typing import Uint8

Float64 = npt.NDArray[np.float64]

#: Side of a tile, pixels.
TILE_SIDE = 128
#: PSNR counts up to here on each block of a tile, dB, so on a tile too. A tile of sky that JPEG
#: restores all but exactly has 60 dB and more, where one pixel of a hundred that is off by a level
#: costs several dB and is seen by nobody. 50 dB are a mean square error of 0.65: 0.8 8-bit levels.
TILE_CEILING = 50.0
#: Side of a block, pixels. On whole tiles, the ceiling would hide what a candidate does to an icon on
#: white: errors of 8 levels on one pixel of a hundred leave a tile 50 dB.
BLOCK = 8
#: Levels that no pixel of a block may exceed for the candidate's block to count as the reference's.
#: Where a flat ground's residual lies near half a level, rounding makes a level of a hundredth.
EQUAL_LEVELS = 1
#: What a tile gains that may drop by the limit, dB: about what tiles of photographs gain. A tile that gains
#: more may drop as much more, since the gate is the gain: 0.3 dB of 1.2 are a quarter.
USUAL_GAIN = 1.2
#: On a whole picture, dB: equal pictures have no PSNR, and one flat picture should not decide
#: a mean. No photograph reaches 60 dB at qualities below 98.
PICTURE_CEILING = 60.0
#: Qualities that are measured unless others are asked for.
QUALITIES = (10, 20, 40, 60, 80, 90)


@dataclass(frozen=True)
class Tile:
    """A square of a picture, smaller where the picture is."""

    row: int
    """First row, pixels."""
    column: int
    """First column, pixels."""
    drop: float
    """PSNR of the reference less that of the candidate, dB, each counted up to `TILE_CEILING` on
    every block."""
    gain: float
    """PSNR of the reference less that of the coded picture, dB, counted likewise."""

    @property
    def scale(self) -> float:
        """What a limit is multiplied by on this tile, at least 1: its gain over `USUAL_GAIN`."""
        return max(1.0, self.gain / USUAL_GAIN)

    @property
    def counted(self) -> float:
        """`drop` over `scale`, dB: what is compared among tiles, and with a limit."""
        return self.drop / self.scale


@dataclass(frozen=True)
class PictureDrift:
    """One picture at one strength; PSNR in dB, counted up to `PICTURE_CEILING`."""

    name: str
    step: float
    """Quantization step, 8-bit sample values."""
    coded: float
    """Before enhancement."""
    reference: float
    candidate: float
    tile: Tile
    """The tile that drops most, as counted."""

    @property
    def loss(self) -> float:
        """Gain of the reference less that of the candidate, dB."""
        return self.reference - self.candidate


@dataclass(frozen=True)
class DriftRow:
    """All pictures of a set at one strength in one protocol."""

    data: str
    """Name of the set."""
    protocol: CodingProtocol
    point: RatePoint
    pictures: tuple[PictureDrift, ...]
    """At least one, in the order of the files."""

    def mean(self, figure: str) -> float:
        """Mean of a figure of the pictures, such as ``coded``."""
        return math.fsum(getattr(p, figure) for p in self.pictures) / len(self.pictures)

    @property
    def reference_gain(self) -> float:
        """Mean gain of the reference, dB."""
        return self.mean("reference") - self.mean("coded")

    @property
    def candidate_gain(self) -> float:
        """Mean gain of the candidate, dB."""
        return self.mean("candidate") - self.mean("coded")

    @property
    def loss(self) -> float:
        """Mean gain that the candidate loses, dB."""
        return self.mean("loss")

    @property
    def worst_picture(self) -> PictureDrift:
        """The picture that loses most."""
        return max(self.pictures, key=lambda picture: picture.loss)

    @property
    def worst_tile(self) -> PictureDrift:
        """The picture whose tile drops most, as counted."""
        return max(self.pictures, key=lambda picture: picture.tile.counted)


def measure(
    reference: MeasuredNetwork,
    candidate: MeasuredNetwork,
    sets: Mapping[str, Sequence[Path]],
    protocols: Sequence[CodingProtocol],
    points: Sequence[RatePoint],
    advance: Callable[[], None] = lambda: None,
) -> list[DriftRow]:
    """Drift of a candidate from a reference.

    Parameters
    ----------
    reference, candidate : MeasuredNetwork
    sets : mapping of str to sequence of Path
        Reference pictures by the name of their set. Each set is judged by itself, because a mean
        over all would hide what happens to a few pictures of another kind.
    protocols, points, advance
        As of `edgeqe.quantization.drift.references.compressed_pictures`.

    Returns
    -------
    list of DriftRow
        By set, then protocol, then strength, as asked; protocols that no picture of a set has a
        part in are left out.

    Raises
    ------
    ImageError, InputError
        As of `edgeqe.quantization.drift.references.compressed_pictures`.
    """
    found: dict[tuple[str, CodingProtocol, RatePoint], list[PictureDrift]] = {
        (data, protocol, point): [] for data in sets for protocol in protocols for point in points
    }
    for data, files in sets.items():
        for coded in compressed_pictures(files, protocols, points, advance):
            drift = picture_drift(coded, reference, candidate)
            found[data, coded.protocol, coded.point].append(drift)
    return [DriftRow(*key, tuple(pictures)) for key, pictures in found.items() if pictures]


def picture_drift(
    coded: CompressedPicture, reference: MeasuredNetwork, candidate: MeasuredNetwork
) -> PictureDrift:
    """Drift of one picture."""
    original = coded.reference.pixels
    first, second = (coded.enhanced(network).pixels for network in (reference, candidate))
    return PictureDrift(
        coded.name,
        coded.step,
        metrics.psnr(original, coded.decoded.pixels, ceiling=PICTURE_CEILING),
        metrics.psnr(original, first, ceiling=PICTURE_CEILING),
        metrics.psnr(original, second, ceiling=PICTURE_CEILING),
        worst_tile(original, coded.decoded.pixels, first, second),
    )


def worst_tile(original: Uint8, coded: Uint8, reference: Uint8, candidate: Uint8) -> Tile:
    """The tile on which a candidate falls behind a reference most, as `Tile.counted`.

    Tiles lie side by side from the top left corner; the last ones are flush with the border
    and overlap their neighbours. Blocks on which candidate and reference differ by at most
    `EQUAL_LEVELS` everywhere are equal.

    Parameters
    ----------
    original, coded, reference, candidate : ndarray of uint8, shape (H, W) or (H, W, 3)
    """
    before, first, second = (_squares(original, p) for p in (coded, reference, candidate))
    apart = np.abs(np.subtract(reference, candidate, dtype=np.int16))
    apart = apart if apart.ndim == 2 else apart.max(axis=2)
    tiles = []
    for row, column in itertools.product(*(_starts(length) for length in original.shape[:2])):
        part = np.s_[row : row + TILE_SIDE, column : column + TILE_SIDE]
        equal = _over_blocks(np.maximum, apart[part].astype(np.float64)) <= EQUAL_LEVELS
        held = _counted_squares(first[part])
        lost = np.where(equal, held, _counted_squares(second[part]))
        was = _counted_squares(before[part]).sum()
        tiles.append(
            Tile(row, column, _decibels(lost.sum(), held.sum()), _decibels(was, held.sum()))
        )
    return max(tiles, key=lambda tile: tile.counted)


def _starts(length: int) -> list[int]:
    """First positions of the tiles along an axis."""
    last = max(length - TILE_SIDE, 0)
    return [*range(0, last, TILE_SIDE), last]


def _squares(original: Uint8, picture: Uint8) -> Float64:
    """Squared error of every pixel, mean over its channels: (H, W)."""
    error = np.subtract(original, picture, dtype=np.int16)
    if error.ndim == 2:
        return np.square(error, dtype=np.float64)
    mean: Float64 = np.square(error, dtype=np.int32).sum(axis=2) / error.shape[2]
    return mean


def _counted_squares(squares: Float64) -> Float64:
    """Squared errors of a tile over its blocks, cut at the tile's last border.

    Each has at least the error of `TILE_CEILING`.
    """
    least = metrics.mse_of_psnr(TILE_CEILING) * _over_blocks(np.add, np.ones_like(squares))
    return np.maximum(_over_blocks(np.add, squares), least)


def _decibels(error: float, reference: float) -> float:
    """How far the PSNR of an error lies below that of another, dB."""
    return 10.0 * math.log10(error / reference)


def _over_blocks(ufunc: np.ufunc, values: Float64) -> Float64:
    """Sums or maxima over the blocks of a tile."""
    for axis in (0, 1):
        values = ufunc.reduceat(values, np.arange(0, values.shape[axis], BLOCK), axis)
    return values
