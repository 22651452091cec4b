"""Resolutions, precincts, subbands and code-blocks of a tile (ITU-T T.800, Annex B)."""

from __future__ import annotations

from dataclasses import dataclass

from edgeqe.codecs.jpeg2000_codestream import Component, Rectangle
from edgeqe.codecs.jpeg2000_styles import Coding


@dataclass(frozen=True)
class Subband:
    """A subband of a tile's component."""

    place: int
    """Among the component's subbands, LL being 0."""
    level: int
    """Decompositions that it is away from the samples."""
    high_across: bool
    high_down: bool
    bounds: Rectangle


@dataclass(frozen=True)
class Resolution:
    """A resolution of a tile's component, whose precincts have a packet each in each layer."""

    index: int
    """0 is the coarsest."""
    bands: tuple[Subband, ...]
    """Those with samples."""
    columns: range
    """Precincts across; the first number is their place in a grid that begins at 0."""
    rows: range
    precinct: tuple[int, int]
    """Width and height in the resolution's samples, as powers of two."""
    block: tuple[int, int]
    """Width and height of a code-block, as powers of two."""
    spacing: tuple[int, int]
    """Reference grid points from precinct to precinct, across and down."""
    origin: tuple[int, int]
    """Left and top of the tile on the reference grid."""

    @property
    def precincts(self) -> int:
        """Number of precincts."""
        return len(self.columns) * len(self.rows)

    @property
    def blocks(self) -> int:
        """About how many code-blocks there are."""
        across, down = self.block
        return sum(
            (((band.bounds.right - band.bounds.left) >> across) + 1)
            * (((band.bounds.bottom - band.bounds.top) >> down) + 1)
            for band in self.bands
        )

    def place(self, precinct: int) -> tuple[int, int]:
        """Row and column of the reference grid at which a precinct's packets come."""
        row, column = divmod(precinct, len(self.columns))
        return (
            max(self.rows[row] * self.spacing[1], self.origin[1]),
            max(self.columns[column] * self.spacing[0], self.origin[0]),
        )

    def code_blocks(self, precinct: int, band: Subband) -> tuple[list[int], int, int]:
        """Samples of a precinct's code-blocks in a subband, and how many lie across and down."""
        row, column = divmod(precinct, len(self.columns))
        halved = int(self.index > 0)
        bounds = band.bounds
        across = _cuts(
            self.columns[column],
            self.precinct[0] - halved,
            self.block[0],
            bounds.left,
            bounds.right,
        )
        down = _cuts(
            self.rows[row], self.precinct[1] - halved, self.block[1], bounds.top, bounds.bottom
        )
        return [width * height for height in down for width in across], len(across), len(down)


def resolutions(tile: Rectangle, component: Component, coding: Coding) -> list[Resolution]:
    """Resolutions of a tile's component, the coarsest first.

    Parameters
    ----------
    tile : Rectangle
        On the reference grid.
    component : Component
    coding : Coding
        The component's.
    """
    samples = Rectangle(
        -(-tile.left // component.across),
        -(-tile.top // component.down),
        -(-tile.right // component.across),
        -(-tile.bottom // component.down),
    )
    found = []
    for index in range(coding.levels + 1):
        below = coding.levels - index
        area = _shrunk(samples, below, 0, 0)
        width, height = coding.precincts[index]
        halved = int(index > 0)
        bands = []
        for place, (across, down) in enumerate(
            ((0, 0),) if not index else ((1, 0), (0, 1), (1, 1))
        ):
            level = below + halved
            bounds = _shrunk(samples, level, across, down)
            if bounds.area:
                number = 3 * index - 2 + place if index else 0
                bands.append(Subband(number, level, bool(across), bool(down), bounds))
        columns = range(area.left >> width, -(-area.right >> width))
        rows = range(area.top >> height, -(-area.bottom >> height))
        found.append(
            Resolution(
                index,
                tuple(bands),
                columns if area.area else range(0),
                rows if area.area else range(0),
                (width, height),
                (
                    min(coding.block_width, width - halved),
                    min(coding.block_height, height - halved),
                ),
                (component.across << width + below, component.down << height + below),
                (tile.left, tile.top),
            )
        )
    return found


def _shrunk(samples: Rectangle, level: int, across: int, down: int) -> Rectangle:
    """Bounds of a subband, equation (B-15)."""
    by = 1 << level
    left, top = (across * by) >> 1, (down * by) >> 1
    return Rectangle(
        -(-(samples.left - left) // by),
        -(-(samples.top - top) // by),
        -(-(samples.right - left) // by),
        -(-(samples.bottom - top) // by),
    )


def _cuts(precinct: int, size: int, block: int, first: int, stop: int) -> list[int]:
    """Lengths of the code-blocks along a side of a precinct, inside the subband's bounds."""
    first, stop = max(first, precinct << size), min(stop, (precinct + 1) << size)
    if first >= stop:
        return []
    return [
        min((at + 1) << block, stop) - max(at << block, first)
        for at in range(first >> block, ((stop - 1) >> block) + 1)
    ]
