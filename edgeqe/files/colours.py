"""Colours that a file states by numbers (ITU-T H.273) instead of by a profile."""

from __future__ import annotations

import struct

from edgeqe.files.icc import SRGB_CHROMATICITIES, matrix_profile
from edgeqe.files.picture import Metadata

#: Primaries of sRGB and BT.709; 2 is unspecified.
USUAL_PRIMARIES = (1, 2)
#: What ``gAMA`` and ``cHRM`` of sRGB say, in 1/100000, and how far from it they may be.
SRGB_GAMMA, SAME = 45455, 500
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


def profile_for(metadata: Metadata, *, gray: bool) -> bytes | None:
    """ICC profile that a file without PNG's chunks needs; empty if none.

    A PNG's gamma and chromaticities become one, unless another chunk overrules them or they are
    sRGB's (PNG, third edition, 4.3 and 11.3.2).

    Returns
    -------
    bytes or None
        None if they describe no colours.
    """
    said = dict(metadata.colour_chunks)
    if metadata.icc_profile or b"sRGB" in said or b"cICP" in said:
        return metadata.icc_profile
    gamma, exponent = said.get(b"gAMA"), None
    points = tuple(round(100000 * value) for value in SRGB_CHROMATICITIES)
    if gamma is not None:
        stated = int.from_bytes(gamma, "big")
        if len(gamma) != 4 or stated == 0:
            return None
        exponent = None if abs(stated - SRGB_GAMMA) <= SAME else 100000 / stated
    if (primaries := said.get(b"cHRM")) is not None and not gray:
        if len(primaries) != 32:
            return None
        found = struct.unpack(">8I", primaries)
        near = all(abs(a - b) <= SAME for a, b in zip(found, points, strict=True))
        points = points if near else found
        if not near and exponent is None and gamma is not None:
            exponent = 100000 / int.from_bytes(gamma, "big")
    if exponent is None and points == tuple(round(100000 * v) for v in SRGB_CHROMATICITIES):
        return b""
    return matrix_profile(exponent, tuple(v / 100000 for v in points), gray=gray) or None
