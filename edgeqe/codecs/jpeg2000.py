"""JPEG 2000: the rate of a codestream, and the step that errs as much (ITU-T T.800).

A codestream's own step sizes say nothing: encoders quantize finely and cut bit planes until the
rate is met. So the strength is the rate, and the step follows from it by a measured rule: see
`step_from_rate`.
"""

from __future__ import annotations

from edgeqe.codecs.boxes import ByteReader, boxes
from edgeqe.codecs.coded import CodedStrength, Scale, check_size, damaged, mean_strength

SIGNATURE = b"\0\0\0\x0cjP  \r\n\x87\n"
CODESTREAM = b"\xff\x4f\xff\x51"
START_OF_TILE, END_OF_CODESTREAM = 0xFF90, 0xFFD9
#: Tile-parts and header segments of a codestream that are looked at.
PART_LIMIT = 70_000
#: Step times rate of a colour picture, and of a gray one.
STEP_TIMES_RATE, GRAY_STEP_TIMES_RATE = 35.0, 14.0
#: Largest step: a blank picture takes hardly a bit.
LARGEST_STEP = 4096.0


def step_from_rate(rate: float, gray: bool = False) -> float:
    """Step at which HEVC's luma errs as much as that of JPEG 2000 at a rate: 35 / rate.

    Measured on 24 pictures of CID22's training part: x265 all intra on luma, OpenJPEG
    irreversible at ratios 13 to 100, equal mean squared error of luma, mean over the pictures of
    the logarithm of the step. The straight line of least squares through that has the slope -1.00
    and the products 34.6 in colour and 13.7 in gray; the means lie within 11 % of it. A single
    picture does not: the rate says nothing of its detail, and three of four lie within a factor
    of two, smooth ones below.

    Parameters
    ----------
    rate : float
        Bits per pixel of the codestream, of all components, above 0.
    gray : bool
        Whether the picture has no colour.
    """
    return min((GRAY_STEP_TIMES_RATE if gray else STEP_TIMES_RATE) / rate, LARGEST_STEP)


def strength(data: bytes) -> CodedStrength:
    """Strength of a file (.jp2) or codestream (.j2k).

    Parameters
    ----------
    data : bytes

    Raises
    ------
    ImageError
        If it is damaged or cut short, or holds no codestream.
    """
    start, stop = 0, len(data)
    if data.startswith(SIGNATURE):
        box = next((box for box in boxes(data, 0, stop) if box.kind == b"jp2c"), None)
        if box is None:
            raise damaged("a JP2 file holds no codestream")
        start, stop = box.start, box.stop
    if data[start : start + 4] != CODESTREAM:
        raise damaged("a JPEG 2000 codestream does not begin with its size")
    width, height, components, depth = _size(ByteReader(data, start + 4, stop, "JPEG 2000 header"))
    check_size(width, height)
    rate = 8 * (_end(data, start + 2, stop) - start) / (width * height)
    step = step_from_rate(rate, gray=components < 3)
    return mean_strength("jpeg2000", Scale.RATE, [rate], [step], (width, height), depth)


def _size(reader: ByteReader) -> tuple[int, int, int, int]:
    """Width, height, components and bit depth."""
    reader.take(4)
    right, bottom, left, top = (reader.u(4) for _ in range(4))
    reader.take(16)
    components, depth = reader.u(2), 1 + (reader.u(1) & 127)
    if not components:
        raise damaged("a JPEG 2000 codestream has no components")
    return right - left, bottom - top, components, depth


def _end(data: bytes, at: int, stop: int) -> int:
    """Where a codestream ends, with its last marker; from the first segment of its header on."""
    for _ in range(PART_LIMIT):
        reader = ByteReader(data, at, stop, "JPEG 2000 codestream")
        marker = reader.u(2)
        if marker == END_OF_CODESTREAM:
            return reader.at
        length = reader.u(2)
        if marker == START_OF_TILE:
            reader.take(2)
            length = reader.u(4) or _last_part(data, at, stop)
            at += length
        else:
            at += 2 + length
        if length < (14 if marker == START_OF_TILE else 2) or at > stop or marker < 0xFF01:
            raise damaged("a part of a JPEG 2000 codestream says a length that it has not")
    raise damaged(f"a JPEG 2000 codestream has more than {PART_LIMIT} parts")


def _last_part(data: bytes, at: int, stop: int) -> int:
    """Length of a tile-part that goes up to the end."""
    end = data.rfind(END_OF_CODESTREAM.to_bytes(2, "big"), at, stop)
    if end < 0:
        raise damaged("a JPEG 2000 codestream has no end")
    return end - at
