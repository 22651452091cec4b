"""One HEVC picture as a byte stream (.hevc, .h265, .265) or in an MP4 or QuickTime file."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from edgeqe.codecs import hevc, movie
from edgeqe.codecs.nal import split_annex_b
from edgeqe.errors import ImageError
from edgeqe.files.colours import unusual
from edgeqe.files.ffmpeg import DecodedFrame, decode_frame
from edgeqe.files.formats import Undecoded
from edgeqe.files.frames import depth_of, picture_of_frame
from edgeqe.files.intra import IntraFile, decode_intra
from edgeqe.files.picture import Metadata, Picture, Samples
from edgeqe.files.ycbcr import UNSPECIFIED

#: Matrices of BT.709 and BT.601. A film that says none has the former from HD on, as players have it.
BT709, BT601 = 1, 6
HD_ROWS, HD_COLUMNS = 720, 1280


def decode(file: Undecoded) -> Picture:
    """Decode a stream or film of one picture, upright.

    Raises
    ------
    ImageError
        If it is damaged, holds several pictures, or is of a kind that is not supported.
    """
    still = _read(file)
    return _picture(decode_frame("hevc", still.stream, file), still, file)


def decode_with_residual(file: Undecoded) -> IntraFile:
    """Decode a stream or film of one picture for a network that takes the prediction residual.

    Raises
    ------
    ImageError
        As of `decode` and `decode_intra`.
    """
    still = _read(file)
    whole = decode_intra(still.stream, file)

    def finish(planes: tuple[Samples, ...]) -> Picture:
        return _picture(replace(whole.frame, planes=planes), still, file)

    depth, planes = depth_of(whole.frame, file), whole.frame.planes
    return IntraFile(planes, depth, whole.residual, finish(planes), finish)


def _read(file: Undecoded) -> movie.MovieStill:
    """Stream of a file's one picture."""
    if movie.is_movie(file.data):
        return movie.read_still(file.data)
    count = len(hevc.strength(split_annex_b(file.data)).per_picture)
    if count > 1:
        raise ImageError(f"{file.name}: {movie.several_pictures(count)}")
    return movie.MovieStill(file.data, 0, None)


def _picture(frame: DecodedFrame, still: movie.MovieStill, file: Undecoded) -> Picture:
    """Upright picture of a frame."""
    said = frame.primaries, frame.transfer, frame.matrix, frame.full_range
    if still.colours and said[:3] == (UNSPECIFIED,) * 3:
        said = still.colours
    primaries, transfer, matrix, full_range = said
    colours = unusual(primaries, transfer)
    if matrix == UNSPECIFIED:
        rows, columns = frame.planes[0].shape
        matrix = BT709 if rows >= HD_ROWS or columns >= HD_COLUMNS else BT601
    made = picture_of_frame(frame, None, matrix, full_range, Metadata(colours=colours), file)
    turned = np.ascontiguousarray(np.rot90(made.planes[0], still.turns))
    return replace(made, planes=(turned,))
