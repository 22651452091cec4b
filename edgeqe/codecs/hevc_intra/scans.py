"""Orders in which the coefficients of a block are scanned: clause 6.5.3 to 6.5.5."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np


def _up_right_diagonal(side: int) -> Iterator[tuple[int, int]]:
    for diagonal in range(2 * side - 1):
        for x in range(side):
            y = diagonal - x
            if 0 <= y < side:
                yield x, y


def _horizontal(side: int) -> Iterator[tuple[int, int]]:
    return ((x, y) for y in range(side) for x in range(side))


def _vertical(side: int) -> Iterator[tuple[int, int]]:
    return ((x, y) for x in range(side) for y in range(side))


#: Place (8 * y + x) of each position of a scan, by scanIdx, log2 of the side (0 to 3), position.
SCAN = np.zeros((3, 4, 64), np.uint8)
#: Position of each place (8 * y + x) in a scan.
POSITION = np.zeros((3, 4, 64), np.uint8)

for _index, _scan in enumerate((_up_right_diagonal, _horizontal, _vertical)):
    for _log2 in range(4):
        for _position, (_x, _y) in enumerate(_scan(1 << _log2)):
            SCAN[_index, _log2, _position] = 8 * _y + _x
            POSITION[_index, _log2, 8 * _y + _x] = _position
