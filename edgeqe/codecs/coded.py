"""What a coded file or stream says of its own strength, the same for every codec."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from edgeqe.errors import ImageError

#: Pixels of the largest picture whose header is believed.
LARGEST_PICTURE = 2**30


class Scale(str, Enum):
    """How a codec counts its own strength."""

    QUALITY = "quality"
    """IJG quality of JPEG, 1 to 100, whose luma table is nearest."""
    QP = "qp"
    """Quantization parameter of H.264, HEVC and VVC; negative for fine steps of 10 bit."""
    INDEX = "index"
    """Index into the codec's table of steps: 0 to 255 of AV1, 0 to 127 of WebP."""
    RATE = "rate"
    """Bits per pixel of a JPEG 2000 codestream, of all components together."""


@dataclass(frozen=True)
class CodedStrength:
    """How strongly a file or stream was coded, read from its own headers."""

    codec: str
    """A name of `edgeqe.codecs.strength.STATED_BY`."""
    step: float
    """Quantization step in 8-bit sample values, also of deeper samples; of several pictures
    the geometric mean. 0 where `lossless`."""
    scale: Scale
    """What `number` counts."""
    number: float
    """The codec's own number; of several pictures the mean."""
    per_picture: tuple[float, ...]
    """The codec's own number of each picture, in coding order."""
    width: int
    """Pixels, as coded; borders that a decoder cuts off may be counted."""
    height: int
    """Pixels, as `width`."""
    bit_depth: int
    """Bits of a luma sample."""
    lossless: bool = False
    """Whether the headers say that nothing was quantized."""
    exact: bool = True
    """False for a JPEG whose table is none of the IJG's, which `number` does not say, and for a
    JPEG 2000 file whose step is guessed from its rate."""


class UnsupportedCodingError(ImageError):
    """A file's strength cannot be read, because its kind is not known; its pixels may be."""


def damaged(what: str) -> ImageError:
    """Error for bytes that are not what they say.

    Parameters
    ----------
    what : str
        What is wrong, without a full stop.
    """
    return ImageError(f"{what}: the file is damaged or cut short, get it again from its source.")


def unsupported(what: str) -> UnsupportedCodingError:
    """Error for something that the reader does not know.

    Parameters
    ----------
    what : str
        What it is, in the plural.
    """
    return UnsupportedCodingError(
        f"{what} are not supported: state the strength yourself, with quality=, qp= or step=."
    )


def check_size(width: int, height: int) -> None:
    """Refuse a size that no picture has.

    Raises
    ------
    ImageError
        If a side is 0, or there are more than `LARGEST_PICTURE` pixels.
    """
    if width < 1 or height < 1 or width * height > LARGEST_PICTURE:
        raise damaged(
            f"a header says that the picture is {width}x{height}, and edgeqe believes 1 to "
            f"{LARGEST_PICTURE} pixels"
        )


def mean_strength(
    codec: str,
    scale: Scale,
    numbers: Sequence[float],
    steps: Sequence[float],
    size: tuple[int, int],
    bit_depth: int,
) -> CodedStrength:
    """Strength of a stream from those of its pictures.

    Parameters
    ----------
    codec : str
    scale : Scale
    numbers : sequence of float
        The codec's own number of each picture, at least one.
    steps : sequence of float
        Step of each picture, 8-bit sample values, above 0.
    size : tuple of int
        Width and height, pixels.
    bit_depth : int
    """
    check_size(*size)
    step = math.exp(sum(math.log(step) for step in steps) / len(steps))
    number = sum(numbers) / len(numbers)
    return CodedStrength(codec, step, scale, number, tuple(numbers), *size, bit_depth)
