"""HEVC pictures for networks that see the decoder's prediction residual beside the reconstruction.

Such a network stands where the loop filters do: it gets luma without deblocking and SAO. Chroma,
which it does not change, comes with its loop filters, as every decoder shows it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from edgeqe.codecs import hevc, hevc_intra
from edgeqe.codecs.nal import split_annex_b
from edgeqe.errors import ImageError, InputError
from edgeqe.files.ffmpeg import DecodedFrame, decode_frame
from edgeqe.files.formats import Undecoded
from edgeqe.files.picture import Picture, Samples


@dataclass(frozen=True, eq=False)
class IntraFrame:
    """A decoded intra picture, as its stream has it: not turned, not cut by a container."""

    frame: DecodedFrame
    """Its luma without the loop filters, its chroma with them."""
    residual: Samples
    """Prediction residual of luma, int16 (H, W), in sample values of the stream's depth."""


@dataclass(frozen=True, eq=False)
class IntraFile:
    """A picture file on its way to such a network."""

    planes: tuple[Samples, ...]
    """Luma without loop filters (H, W), and chroma of half size where there is any; uint8, or
    uint16 with the samples in the low bits."""
    bit_depth: int
    residual: Samples
    """Prediction residual of luma, int16 (H, W)."""
    picture: Picture
    """The file as any decoder shows it, upright, with its metadata and alpha."""
    finish: Callable[[tuple[Samples, ...]], Picture]
    """Makes a picture as `picture` is of other `planes`."""


def decode_intra(stream: bytes, file: Undecoded) -> IntraFrame:
    """Decode a stream of one intra picture.

    Parameters
    ----------
    stream : bytes
        Byte stream with start codes (annex B).
    file : Undecoded
        Whose stream it is: its limit of size holds, and its name is in messages.

    Raises
    ------
    ImageError
        If it is damaged or too large, holds several pictures, or needs a tool that is not of the
        intra profiles, which the message names.
    MissingPackageError
        If PyAV or numba is not installed.
    """
    try:
        coded = hevc.strength(split_annex_b(stream))
        file.check_size(coded.width, coded.height)
        frame = decode_frame("hevc", stream, replace(file, coded=coded))
        (found,) = hevc_intra.decode(stream)
    except InputError as error:
        if str(error).startswith(file.name):
            raise
        raise type(error)(f"{file.name}: {error}") from error
    luma = found.reconstruction[0]
    if luma.shape != frame.planes[0].shape or luma.dtype != frame.planes[0].dtype:
        raise ImageError(
            f"{file.name} is damaged: two decoders find pictures of {luma.shape[1]}x{luma.shape[0]} "
            f"and {frame.planes[0].shape[1]}x{frame.planes[0].shape[0]} in its stream."
        )
    return IntraFrame(replace(frame, planes=(luma, *frame.planes[1:])), found.residual[0])
