"""Kinds of HEVC's NAL units (ITU-T H.265, 7.3.1.2 and table 7-1)."""

from __future__ import annotations

VPS, SPS, PPS = 32, 33, 34
#: Slices of pictures that refer to none before them, and those of which decoding may begin at.
IDR, IRAP = (19, 20), range(16, 24)
#: Slice segments; the kinds between them are reserved, and decoders pass over them.
SLICES = (*range(10), *range(16, 22))


def unit_kind(unit: bytes) -> int:
    """Kind of a NAL unit; -1 for those of other layers and without a whole header."""
    if len(unit) < 2 or unit[0] & 1 or unit[1] >> 3:
        return -1
    return unit[0] >> 1 & 63


def is_slice(kind: int) -> bool:
    """Whether a kind of NAL unit is a slice segment."""
    return kind in SLICES
