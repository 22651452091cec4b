"""Colours that a file states by numbers (ITU-T H.273) instead of by a profile."""

from __future__ import annotations

#: Primaries of sRGB and BT.709; 2 is unspecified.
USUAL_PRIMARIES = (1, 2)
#: Transfers that are shown as sRGB's: BT.709 and its equals, unspecified, sRGB.
USUAL_TRANSFERS = (1, 2, 6, 13, 14, 15)


def unusual(primaries: int, transfer: int) -> tuple[int, int] | None:
    """Primaries and transfer, or None where a picture without a profile has just these."""
    if primaries in USUAL_PRIMARIES and transfer in USUAL_TRANSFERS:
        return None
    return primaries, transfer


def png_chunk(colours: tuple[int, int]) -> bytes:
    """Content of the chunk ``cICP`` of RGB of full range (PNG, third edition, 11.3.2.6)."""
    return bytes((*colours, 0, 1))
