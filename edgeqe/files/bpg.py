"""BPG: its HEVC stream by FFmpeg's decoder, luma by our own where its residual is asked for."""

from __future__ import annotations

from dataclasses import replace

from edgeqe.codecs import bpg
from edgeqe.errors import ImageError
from edgeqe.files.exif import exif_block
from edgeqe.files.ffmpeg import DecodedFrame, decode_frame
from edgeqe.files.formats import Undecoded
from edgeqe.files.frames import picture_of_frame
from edgeqe.files.intra import IntraFile, decode_intra
from edgeqe.files.picture import Metadata, Picture, Samples
from edgeqe.files.pillow_reading import several

#: Matrices of ITU-T H.273 by BPG's colour spaces: BT.601, RGB, YCgCo, BT.709, BT.2020.
MATRICES = (6, 0, 8, 1, 9)


def decode(file: Undecoded) -> Picture:
    """Decode a BPG; 8-bit 4:2:0 of full range and BT.601 comes as its planes.

    Raises
    ------
    ImageError
        If it is damaged, or of a kind that is not supported.
    """
    found = _read(file)
    return _picture(decode_frame("hevc", found.stream, file), _alpha(found, file), found, file)


def decode_with_residual(file: Undecoded) -> IntraFile:
    """Decode a BPG for a network that takes the prediction residual.

    Raises
    ------
    ImageError
        As of `decode` and `decode_intra`.
    """
    found = _read(file)
    alpha, whole = _alpha(found, file), decode_intra(found.stream, file)
    frame = _cut(whole.frame, found)
    residual = whole.residual[: found.height, : found.width]

    def finish(planes: tuple[Samples, ...]) -> Picture:
        return _picture(replace(frame, planes=planes), alpha, found, file)

    shown = finish(frame.planes)
    return IntraFile(frame.planes, found.bit_depth, residual, shown, finish)


def _read(file: Undecoded) -> bpg.BpgFile:
    """Content of a file, if it is of a kind that is enhanced."""
    found = bpg.read(file.data)
    if any(tag == bpg.ANIMATION for tag, _ in found.extensions):
        raise several(file.name)
    if found.premultiplied:
        raise ImageError(
            f"{file.name} holds colours that are multiplied with alpha, which edgeqe does "
            "not enhance: convert it to one with straight alpha first."
        )
    return found


def _alpha(found: bpg.BpgFile, file: Undecoded) -> DecodedFrame | None:
    return decode_frame("hevc", found.alpha, file) if found.alpha else None


def _picture(
    frame: DecodedFrame, alpha: DecodedFrame | None, found: bpg.BpgFile, file: Undecoded
) -> Picture:
    """Picture of a frame, cut to the size that is shown."""
    frame = _cut(frame, found)
    said = dict(found.extensions)
    metadata = Metadata(
        exif_block(said.get(bpg.EXIF, b"")),
        said.get(bpg.ICC_PROFILE, b""),
        xmp=said.get(bpg.XMP, b""),
    )
    matrix, full_range = MATRICES[found.color_space], not found.limited_range
    as_jpeg = matrix == MATRICES[0] and full_range and found.pixel_format == 1
    if file.as_coded and as_jpeg and found.bit_depth == 8 and alpha is None:
        return Picture(frame.planes, None, None, metadata)
    if alpha is not None:
        alpha = replace(_cut(alpha, found), full_range=full_range)
    return picture_of_frame(frame, alpha, matrix, full_range, metadata, file)


def _cut(frame: DecodedFrame, file: bpg.BpgFile) -> DecodedFrame:
    """Frame of the size that is shown: subsampled streams have an even one."""
    height, width = frame.planes[0].shape
    if not (0 <= height - file.height <= 1 and 0 <= width - file.width <= 1):
        raise ImageError(
            f"a BPG says that it is {file.width}x{file.height}, and its stream {width}x{height}: "
            "the file is damaged, get it again from its source."
        )
    planes = [frame.planes[0][: file.height, : file.width]]
    for plane in frame.planes[1:]:
        rows = file.height if plane.shape[0] == height else (file.height + 1) // 2
        columns = file.width if plane.shape[1] == width else (file.width + 1) // 2
        planes.append(plane[:rows, :columns])
    return replace(frame, planes=tuple(planes))
