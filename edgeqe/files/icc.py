"""ICC profile of a gamma and chromaticities, for formats that have no field for these.

References
----------
ICC.1:2001-04: header (6.1), tags of display and gray profiles (6.3.2), types (6.5).
Lindbloom, "Chromatic adaptation": the Bradford transform.
"""

from __future__ import annotations

import struct

import numpy as np
import numpy.typing as npt

#: sRGB's white, red, green and blue, x and y each.
SRGB_CHROMATICITIES = (0.3127, 0.329, 0.64, 0.33, 0.3, 0.6, 0.15, 0.06)
#: White of the profile connection space, X, Y, Z.
D50 = np.array((0.9642, 1.0, 0.8249))
BRADFORD = np.array(
    ((0.8951, 0.2664, -0.1614), (-0.7502, 1.7135, 0.0367), (0.0389, -0.0685, 1.0296))
)
#: Entries of sRGB's curve, which is no power.
CURVE_ENTRIES = 1024
#: Exponents that a curve can state, 8 bits before the point and 8 behind it.
EXPONENTS = (1 / 256, 255.0)

Array = npt.NDArray[np.float64]


def matrix_profile(
    exponent: float | None, chromaticities: tuple[float, ...], *, gray: bool
) -> bytes:
    """Profile of samples with a power and primaries; empty if they describe no colours.

    Parameters
    ----------
    exponent : float or None
        Light is the sample, 0 to 1, to this power; None is sRGB's curve.
    chromaticities : tuple of float, length 8
        Of white, red, green and blue, x and y each.
    gray : bool
        For a gray picture, which has no primaries.
    """
    if exponent is not None and not EXPONENTS[0] <= exponent <= EXPONENTS[1]:
        return b""
    points = np.array(chromaticities).reshape(4, 2)
    if not (np.isfinite(points).all() and (points[:, 1] > 0).all()):
        return b""
    light = np.column_stack((points, 1.0 - points.sum(axis=1))) / points[:, 1:]
    primaries, white = light[1:].T, light[0]
    if abs(np.linalg.det(primaries)) < 1e-6:
        return b""
    curve = _curve(exponent)
    tags = {
        b"desc": _description("gamma and chromaticities"),
        b"cprt": b"text\0\0\0\0No copyright\0",
        b"wtpt": _point(white),
    }
    if gray:
        tags[b"kTRC"] = curve
    else:
        columns = _adaptation(white) @ (primaries * np.linalg.solve(primaries, white))
        for name, column in zip((b"r", b"g", b"b"), columns.T, strict=True):
            if np.abs(column).max() >= 2**15:
                return b""
            tags[name + b"XYZ"], tags[name + b"TRC"] = _point(column), curve
    return _assembled(b"GRAY" if gray else b"RGB ", tags)


def _adaptation(white: Array) -> Array:
    """Colours as seen under `white` to those under D50."""
    scales: Array = (BRADFORD @ D50) / (BRADFORD @ white)
    made: Array = np.linalg.inv(BRADFORD) @ np.diag(scales) @ BRADFORD
    return made


def _curve(exponent: float | None) -> bytes:
    if exponent is not None:
        return struct.pack(">4s4xIH", b"curv", 1, round(exponent * 256))
    samples = np.linspace(0.0, 1.0, CURVE_ENTRIES)
    light = np.where(samples <= 0.04045, samples / 12.92, ((samples + 0.055) / 1.055) ** 2.4)
    entries: bytes = np.rint(light * 65535).astype(">u2").tobytes()
    return struct.pack(">4s4xI", b"curv", CURVE_ENTRIES) + entries


def _point(light: Array) -> bytes:
    return struct.pack(">4s4x3i", b"XYZ ", *(round(float(value) * 65536) for value in light))


def _description(text: str) -> bytes:
    name = text.encode("ascii") + b"\0"
    return struct.pack(">4s4xI", b"desc", len(name)) + name + bytes(4 + 4 + 2 + 1 + 67)


def _assembled(space: bytes, tags: dict[bytes, bytes]) -> bytes:
    """Profile of tags; those of equal content share it."""
    at = 128 + 4 + 12 * len(tags)
    places: dict[bytes, int] = {}
    body, table = b"", b""
    for name, content in tags.items():
        if content not in places:
            places[content] = at + len(body)
            body += content + bytes(-len(content) % 4)
        table += struct.pack(">4sII", name, places[content], len(content))
    header = struct.pack(
        ">I4xI4s4s4s6H4s28x3i48x", at + len(body), 0x02100000, b"mntr", space, b"XYZ ",
        2000, 1, 1, 0, 0, 0, b"acsp", *(round(float(value) * 65536) for value in D50),
    )  # fmt: skip
    return header + struct.pack(">I", len(tags)) + table + body
