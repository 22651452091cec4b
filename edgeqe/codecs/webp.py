"""WebP: the quantizer of VP8's frame header, or that there is none (RFC 6386, RFC 9649)."""

from __future__ import annotations

import math
from dataclasses import replace

from edgeqe.codecs.coded import (
    CodedStrength,
    Scale,
    UnsupportedCodingError,
    damaged,
    mean_strength,
)

#: Step of AC coefficients by index (RFC 6386, 14.1), in 1/2 sample values.
AC_STEPS: tuple[int, ...] = (
    *range(4, 58),
    *range(58, 116, 2),
    *range(116, 173, 3),
    *range(173, 229, 4),
    *(229, 234, 239, 245, 249, 254, 259, 264, 269, 274, 279, 284),
)
LARGEST_INDEX = 127
START_CODE = b"\x9d\x01\x2a"
LOSSLESS_SIGNATURE = 0x2F
#: Chunks of a file that are looked at.
CHUNK_LIMIT = 10_000


def step_from_index(index: float) -> float:
    """Step of a quantizer index, in 8-bit sample values.

    A transform of VP8 is twice the orthonormal one, so is its table of steps. libwebp's luma errs
    as much as x265's, all intra, at 1.33 to 1.39 times that step (mean of eight pictures).

    Parameters
    ----------
    index : float
        0 to 127; between whole ones the step is interpolated.
    """
    low = min(int(index), LARGEST_INDEX - 1)
    return (AC_STEPS[low] + (index - low) * (AC_STEPS[low + 1] - AC_STEPS[low])) / 2


def index_from_quality(quality: float) -> int:
    """Index that libwebp codes an evenly textured picture with (``quant_enc.c``).

    Other pictures have up to four segments with indices around it.

    Parameters
    ----------
    quality : float
        libwebp's quality, 0 to 100.
    """
    share = quality / 100
    linear = share * 2 / 3 if share < 0.75 else 2 * share - 1
    return int(LARGEST_INDEX * (1 - math.pow(linear, 1 / 3)))


def strength(data: bytes) -> CodedStrength:
    """Strength of a file, lossy or lossless.

    Parameters
    ----------
    data : bytes

    Raises
    ------
    ImageError
        If it is damaged, or holds several pictures.
    """
    end = 8 + int.from_bytes(data[4:8], "little")
    if data[:4] != b"RIFF" or data[8:12] != b"WEBP" or end > len(data):
        raise damaged(f"a WebP says that it has {end} bytes, and it has {len(data)}")
    at, canvas = 12, None
    for _ in range(CHUNK_LIMIT):
        if at + 8 > end:
            break
        name, length = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8], "little")
        at += 8
        if length > end - at:
            raise damaged(f"a chunk of a WebP says that it has {length} bytes, {end - at} are left")
        if name == b"VP8X" and length >= 10:
            canvas = tuple(
                1 + int.from_bytes(data[at + place : at + place + 3], "little") for place in (4, 7)
            )
        if name in (b"VP8 ", b"VP8L"):
            content = data[at : at + length]
            found = _lossy(content) if name == b"VP8 " else _lossless(content)
            if canvas not in (None, (found.width, found.height)):
                raise damaged(
                    f"a WebP says a canvas of {'x'.join(map(str, canvas))} and a picture of "
                    f"{found.width}x{found.height}"
                )
            return found
        if name == b"ANMF":
            raise UnsupportedCodingError(
                "an animated WebP holds several pictures: give each as a file of its own."
            )
        at += length + length % 2
    raise damaged("a WebP holds no picture")


def _lossless(data: bytes) -> CodedStrength:
    if len(data) < 5 or data[0] != LOSSLESS_SIGNATURE:
        raise damaged("a lossless WebP has no header")
    sizes = int.from_bytes(data[1:5], "little")
    size = (1 + (sizes & 0x3FFF), 1 + (sizes >> 14 & 0x3FFF))
    found = mean_strength("webp", Scale.INDEX, [0.0], [1.0], size, 8)
    return replace(found, step=0.0, lossless=True)


def _lossy(data: bytes) -> CodedStrength:
    """Strength of a VP8 key frame: mean of its segments, by their share of the picture."""
    if len(data) < 10 or data[0] & 1 or data[3:6] != START_CODE:
        raise damaged("a WebP has no VP8 key frame")
    size = (
        int.from_bytes(data[6:8], "little") & 0x3FFF,
        int.from_bytes(data[8:10], "little") & 0x3FFF,
    )
    first = int.from_bytes(data[:3], "little") >> 5
    if first > len(data) - 10:
        raise damaged(f"VP8's header says that it has {first} bytes, {len(data) - 10} are left")
    segments = _segments(_BoolReader(data[10 : 10 + first]))
    index = sum(share * index for share, index in segments)
    step = math.exp(sum(share * math.log(step_from_index(index)) for share, index in segments))
    return mean_strength("webp", Scale.INDEX, [index], [step], size, 8)


def _segments(bits: _BoolReader) -> list[tuple[float, int]]:
    """Share of the picture and quantizer index of each segment that is used (RFC 6386, 9.3).

    The share follows from the probabilities that code the map of segments: an encoder sets
    them by its own counts. 255 stands for certainty.
    """
    bits.number(2)  # colour space, clamping
    quantizers, absolute, tree = [0, 0, 0, 0], False, [255, 255, 255]
    if bits.flag():
        has_map, has_data = bits.flag(), bits.flag()
        if has_data:
            absolute = bits.flag()
            quantizers = [bits.signed(7) for _ in range(4)]
            for _ in range(4):
                bits.signed(6)
        if has_map:
            tree = [bits.number(8) if bits.flag() else 255 for _ in range(3)]
    bits.number(10)  # loop filter
    if bits.flag() and bits.flag():
        for _ in range(8):
            bits.signed(6)
    bits.number(2)  # partitions
    base = bits.number(7)
    upper, left, right = (probability / 255 for probability in tree)
    shares = (upper * left, upper * (1 - left), (1 - upper) * right, (1 - upper) * (1 - right))
    indices = quantizers if absolute else [base + quantizer for quantizer in quantizers]
    return [
        (share, min(max(index, 0), LARGEST_INDEX))
        for share, index in zip(shares, indices, strict=True)
        if share > 0
    ]


class _BoolReader:
    """Reads bits of even odds from VP8's arithmetic coder (RFC 6386, 7)."""

    def __init__(self, data: bytes) -> None:
        if len(data) < 2:
            raise damaged("VP8's header ends too early")
        self._data = data
        self._at = 2
        self._value = int.from_bytes(data[:2], "big")
        self._range = 255
        self._shifted = 0

    def flag(self) -> bool:
        """One bit."""
        half = 1 + (self._range - 1 >> 1)
        found = self._value >= half << 8
        if found:
            self._range -= half
            self._value -= half << 8
        else:
            self._range = half
        while self._range < 128:
            self._value <<= 1
            self._range <<= 1
            self._shifted += 1
            if self._shifted == 8:
                self._shifted = 0
                if self._at >= len(self._data):
                    raise damaged("VP8's header ends too early")
                self._value |= self._data[self._at]
                self._at += 1
        return found

    def number(self, count: int) -> int:
        """Unsigned number of `count` bits."""
        value = 0
        for _ in range(count):
            value = value << 1 | self.flag()
        return value

    def signed(self, count: int) -> int:
        """Number of `count` bits and a sign, or 0 where it is left out."""
        if not self.flag():
            return 0
        value = self.number(count)
        return -value if self.flag() else value
