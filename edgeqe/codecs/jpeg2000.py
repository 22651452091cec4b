"""JPEG 2000: the rate of a codestream, and its quantization step on HEVC's scale (ITU-T T.800).

A codestream's own step sizes say nothing: encoders quantize finely and leave out bit planes until
the rate is met. So the step follows from the packets' headers, which say what was left out
(`edgeqe.codecs.jpeg2000_step`); where they cannot be read, from the rate by a measured rule.
The rate stays the number that people state.
"""

from __future__ import annotations

import math
from dataclasses import replace

from edgeqe.codecs.boxes import MediaBox, boxes
from edgeqe.codecs.coded import CodedStrength, Scale, damaged, mean_strength
from edgeqe.codecs.jpeg2000_codestream import Codestream, read_codestream
from edgeqe.codecs.jpeg2000_step import read_effective_step
from edgeqe.errors import ImageError

SIGNATURE = b"\0\0\0\x0cjP  \r\n\x87\n"
CODESTREAM = b"\xff\x4f\xff\x51"
#: Step times rate of a colour picture, and of a gray one.
STEP_TIMES_RATE, GRAY_STEP_TIMES_RATE = 17.0, 11.0
#: Steps that are given: a blank picture takes hardly a bit.
SMALLEST_STEP, LARGEST_STEP = 2.0**-10, 4096.0
#: Power of the effective step that HEVC's rises with; HEVC's at an effective step of 1, of luma,
#: and of R, G and B, whose errors cancel each other in luma in part.
HEVC_POWER, HEVC_AT_ONE, HEVC_AT_ONE_OF_RGB = 1.08, 1.34, 1.11
#: Enumerated colour spaces of a JP2 file whose first component is luma: gray, and sYCC.
LUMA_FIRST = (17, 18)


def step_from_rate(rate: float, gray: bool = False) -> float:
    """Step of a stated rate, on the same scale as `step_from_effective`: 17 / rate.

    For pictures whose codestream is not there, or cannot be read. Measured on 23 pictures of
    CID22's training part at ratios 8 to 100, OpenJPEG irreversible with its colour transform, as most
    encoders have it (without it the product is 29): the effective step times the rate, mean of the
    logarithm. A single picture does not follow it, because the rate says nothing of its detail: the
    logarithm to the base of two errs by 1.0 (standard deviation).

    Parameters
    ----------
    rate : float
        Bits per pixel of the codestream, of all components, above 0.
    gray : bool
        Whether the picture has no colour.
    """
    return min((GRAY_STEP_TIMES_RATE if gray else STEP_TIMES_RATE) / rate, LARGEST_STEP)


def step_from_effective(step: float, luma: bool = True) -> float:
    """Step at which HEVC's luma errs as much as JPEG 2000's at an effective step: 1.34 step^1.08.

    Measured on 23 pictures of CID22's training part: x265 all intra on luma at seven QPs, OpenJPEG
    with both wavelets at ratios 8 to 100 in gray, colour with and without its transform; equal
    mean squared error of luma. On ten other pictures the logarithm to the base of two of the step
    errs by 0.10 to 0.14 (standard deviation), and by 0.19 without the transform, its means by
    0.06 at most; that of `step_from_rate` by 0.8 to 1.1, its means by up to 1.0.

    Parameters
    ----------
    step : float
        Of an `EffectiveStep`, above 0.
    luma : bool
        Whether luma was quantized; if not, R, G and B were.
    """
    at_one = HEVC_AT_ONE if luma else HEVC_AT_ONE_OF_RGB
    found = at_one * math.pow(step, HEVC_POWER)
    return min(max(found, SMALLEST_STEP), LARGEST_STEP)


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
    start, stop, luma_first = 0, len(data), False
    if data.startswith(SIGNATURE):
        for box in boxes(data, 0, stop):
            if box.kind == b"jp2h":
                luma_first = _colour_space(data, box) in LUMA_FIRST
            elif box.kind == b"jp2c":
                start, stop = box.start, box.stop
                break
        else:
            raise damaged("a JP2 file holds no codestream")
    if data[start : start + 4] != CODESTREAM:
        raise damaged("a JPEG 2000 codestream does not begin with its size")
    codestream = read_codestream(data, start, stop)
    picture, components = codestream.size.picture, codestream.size.components
    width, height = picture.right - picture.left, picture.bottom - picture.top
    rate = 8 * (codestream.stop - start) / (width * height)
    step = _step(codestream, luma_first)
    exact = step is not None
    if step is None:
        step = step_from_rate(rate, gray=len(components) < 3)
    size, depth = (width, height), components[0].bit_depth
    coded = mean_strength("jpeg2000", Scale.RATE, [rate], [step or 1.0], size, depth)
    return replace(coded, step=step, lossless=step == 0.0, exact=exact)


def _step(codestream: Codestream, luma_first: bool) -> float | None:
    """Step on HEVC's scale, 0 if nothing was lost; None if the packets cannot be read."""
    try:
        found = read_effective_step(codestream, luma_first)
    except ImageError:
        return None
    return 0.0 if found.lossless else step_from_effective(found.step, found.luma)


def _colour_space(data: bytes, header: MediaBox) -> int | None:
    """Enumerated colour space of a JP2 header, if it has one."""
    for box in boxes(data, header.start, header.stop):
        if box.kind == b"colr" and data[box.start] == 1:
            return int.from_bytes(data[box.start + 3 : box.start + 7], "big")
    return None
