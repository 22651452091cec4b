"""The quantization step that a JPEG 2000 codestream ends up with, from its packets' headers.

Encoders quantize finely, with a step that says nothing, and then leave out bit planes until the
rate is met. A subband's step times two for each plane left out is what its samples lost.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

from edgeqe.codecs.coded import damaged, unsupported
from edgeqe.codecs.jpeg2000_codestream import Codestream, TilePart
from edgeqe.codecs.jpeg2000_geometry import Subband
from edgeqe.codecs.jpeg2000_tile import CodedTile

#: Code-blocks and packets of a picture that are looked at, each once in each layer: half a second.
WORK_LIMIT = 120_000
#: Tiles that are looked at, evenly chosen, and the most components of a picture.
CHOSEN_TILES, COMPONENT_LIMIT = 64, 64
#: Part of a bit plane that is there after none, one and two of its three passes: of six pairs that
#: were tried the one that predicts the error best, see `jpeg2000.step_from_effective`.
PART_OF_PLANE = (0.0, 0.5, 0.75)
#: Taps of the synthesis filters, low and high pass (ITU-T T.800, F.3), 9/7 and 5/3.
SYNTHESIS = {
    False: (
        (-0.091271763114, -0.057543526228, 0.591271763114, 1.115087052457, 0.591271763114,
         -0.057543526228, -0.091271763114),
        (0.026748757411, 0.016864118443, -0.078223266529, -0.266864118443, 0.602949018236,
         -0.266864118443, -0.078223266529, 0.016864118443, 0.026748757411),
    ),
    True: ((0.5, 1.0, 0.5), (-0.125, -0.25, 0.75, -0.25, -0.125)),
}  # fmt: skip
#: Level from which a level more makes a basis' norm larger by the root of two, to 0.1 %.
NORM_LEVEL = 8


@dataclass(frozen=True)
class EffectiveStep:
    """What a codestream was quantized with."""

    step: float
    """That of the code-blocks' mean squared error, weighed by the bytes that they send, as of an
    orthonormal transform of 8-bit samples; in blocks that send nothing it does not show."""
    luma: bool
    """Whether it is luma's; if not, it is that of R, G and B together."""
    lossless: bool
    """Whether the code-blocks of a reversible codestream send every plane."""


def read_effective_step(codestream: Codestream, luma_first: bool) -> EffectiveStep:
    """Step of a codestream from the headers of its packets.

    Of a picture with many tiles some are looked at.

    Parameters
    ----------
    codestream : Codestream
    luma_first : bool
        Whether the file says that its first component is luma, whatever the codestream says.

    Raises
    ------
    ImageError
        If a header is damaged, has what is not supported, or there is too much to read.
    """
    size = codestream.size
    if len(size.components) > COMPONENT_LIMIT:
        raise unsupported(f"more than {COMPONENT_LIMIT} components of a JPEG 2000 picture")
    parts: dict[int, list[TilePart]] = {}
    for part in codestream.parts:
        if part.tile < size.tiles:
            parts.setdefault(part.tile, []).append(part)
    if not parts:
        raise damaged("a JPEG 2000 codestream has no tiles")
    tiles = sorted(parts)
    first = CodedTile(codestream, tiles[0], parts[tiles[0]])
    count = min(max(WORK_LIMIT // max(first.work, 1), 1), CHOSEN_TILES, len(tiles))
    luma = luma_first or first.styles.colour_transform or not _may_be_rgb(codestream)
    logs: list[float] = []
    weights: list[int] = []
    depths = [component.bit_depth for component in size.components[:3]]
    complete, left = first.styles.coding[0].reversible, WORK_LIMIT
    alone = luma and not complete  # all of three components are whole if nothing was lost
    for chosen in range(count):
        index = tiles[chosen * len(tiles) // count]
        tile = CodedTile(codestream, index, parts[index])
        left -= tile.work
        if left < 0:
            raise unsupported("code-blocks of so many quality layers in JPEG 2000")
        for component, step, lost, weight in _losses(tile, depths[:1] if alone else depths):
            complete = complete and not lost
            if not (luma and component):
                logs.append(math.log2(step) + lost)
                weights.append(weight)
    if not logs:
        raise unsupported("pictures of which nothing is sent in JPEG 2000")
    energy = float(np.average(np.exp2(2 * np.array(logs)), weights=weights))
    return EffectiveStep(math.sqrt(energy) * 2.0 ** (8 - depths[0]), luma, complete)


def _may_be_rgb(codestream: Codestream) -> bool:
    """Whether the first three components are alike, as R, G and B are."""
    components = codestream.size.components[:3]
    return len(components) == 3 and len(set(components)) == 1


def _losses(tile: CodedTile, depths: Sequence[int]) -> Iterator[tuple[int, float, float, int]]:
    """Component, step, bit planes left out and bytes of each code-block that sends something."""
    for component, parts in enumerate(tile.blocks(len(depths))):
        reversible = tile.styles.coding[component].reversible
        quantization = tile.styles.quantization[component]
        for part in parts:
            exponent, mantissa = quantization.step(part.band.place)
            planes = quantization.guard_bits + exponent - 1
            step = _norm(part.band, reversible)
            if quantization.style:
                gain = part.band.high_across + part.band.high_down
                step *= 2.0 ** (depths[component] + gain - exponent) * (1 + mantissa / 2048)
            for block in part.blocks:
                if block.passes:
                    whole, more = divmod(block.passes + 2, 3)
                    lost = planes - block.zero_planes - whole
                    if lost < (more > 0):
                        raise damaged("a JPEG 2000 code-block sends more planes than it has")
                    yield component, step, lost - PART_OF_PLANE[more], max(block.length, 1)


def _norm(band: Subband, reversible: bool) -> float:
    """L2 norm of a subband's synthesis basis."""
    of = norms(band.level, reversible)
    return of[band.high_across] * of[band.high_down]


@cache
def norms(level: int, reversible: bool) -> tuple[float, float]:
    """L2 norms of the one-dimensional synthesis bases of a level, of low and of high pass.

    Parameters
    ----------
    level : int
        Decomposition level from 1 on; 0 is the samples themselves.
    reversible : bool
        5/3 wavelet; if not, 9/7.
    """
    if level > NORM_LEVEL:
        low, high = norms(level - 1, reversible)
        return low * math.sqrt(2), high * math.sqrt(2)
    if not level:
        return 1.0, 1.0
    synthesis, *bases = (
        np.array(taps) for taps in (SYNTHESIS[reversible][0], *SYNTHESIS[reversible])
    )
    for _ in range(level - 1):
        bases = [np.convolve(_spread(basis), synthesis) for basis in bases]
    low, high = (float(np.linalg.norm(basis)) for basis in bases)
    return low, high


def _spread(basis: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Basis with a zero between any two taps."""
    spread = np.zeros(2 * len(basis) - 1)
    spread[::2] = basis
    return spread
