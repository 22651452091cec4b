"""JPEG decoders that a picture may meet on a device.

``islow``
    libjpeg's accurate integer DCT, by Pillow: what networks are trained and measured on.
``ifast``
    libjpeg's fast integer DCT, by TensorFlow. Nothing else differs: with the accurate DCT
    TensorFlow gives Pillow's bytes, gray and 4:2:0 with interpolated chroma.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from PIL import features

from edgeqe.codecs import jpeg
from edgeqe.errors import InputError, MissingPackageError
from edgeqe.typing import Uint8

#: A JPEG's bytes and whether it is gray to (H, W) or RGB (H, W, 3).
Decoder = Callable[[bytes, bool], Uint8]

DECODERS = ("islow", "ifast")


def decoder_of(name: str) -> Decoder:
    """Decoder of a name.

    Parameters
    ----------
    name : str
        One of `DECODERS`.

    Raises
    ------
    InputError
        If it is none of them, or its library is not installed.
    """
    if name == "islow":
        return islow
    if name == "ifast":
        return _tensorflow("INTEGER_FAST")
    raise InputError(f"decoder {name!r} is none of {', '.join(DECODERS)}.")


def islow(data: bytes, gray: bool) -> Uint8:
    """Pixels of a JPEG by libjpeg's accurate integer DCT."""
    return jpeg.decode_luma(data) if gray else jpeg.decode_rgb(data)


def islow_version() -> str:
    """Library of the decoder ``islow``, in words."""
    turbo = features.version("libjpeg_turbo")
    return f"libjpeg-turbo {turbo}" if turbo else f"libjpeg {features.version('jpg')}"


def _tensorflow(dct_method: str) -> Decoder:
    try:
        import tensorflow
    except ImportError as error:
        raise MissingPackageError(
            f"another DCT needs TensorFlow's decoder ({error}): run pip install 'edgeqe[host]'."
        ) from error
    decode: Any = tensorflow.io.decode_jpeg

    def decoded(data: bytes, gray: bool) -> Uint8:
        pixels: Uint8 = decode(
            data, channels=1 if gray else 3, dct_method=dct_method, fancy_upscaling=True
        ).numpy()
        return pixels[..., 0] if gray else pixels

    return decoded
