"""What a dry run says of a file of an archive: from its headers alone, nothing is decoded."""

from __future__ import annotations

from pathlib import Path

from edgeqe.archive.settings import ArchiveSettings, WorkerOptions
from edgeqe.enhancer import Enhancer
from edgeqe.errors import ImageError, InputError
from edgeqe.files.reading import PictureFile
from edgeqe.files.shape import shape_of
from edgeqe.files.stated import strength_in
from edgeqe.reports.tables import counted

__all__ = ["tried_clip", "tried_picture"]


def tried_picture(
    source: Path, enhancer: Enhancer, settings: ArchiveSettings, options: WorkerOptions
) -> str:
    """Size and strength of a picture, such as ``64x48  jpeg quality 20``.

    Parameters
    ----------
    source : Path
    enhancer : Enhancer
    settings : ArchiveSettings
    options : WorkerOptions

    Raises
    ------
    ImageError
        If its headers are damaged, say no strength where none is given, or a larger picture than
        the limit.
    InputError
        If the model does not serve its codec.
    MissingPackageError
        If a package is missing that reads it.
    """
    file, shape, given = PictureFile(source), shape_of(source), settings.given()
    size = "" if shape is None else f"{shape.width}x{shape.height}  "
    if shape is not None and shape.width * shape.height > options.pixel_limit:
        raise ImageError(
            f"'{source}' has {shape.width}x{shape.height} pixels, above the limit of "
            f"{options.pixel_limit / 1e6:g} megapixels: raise it if you trust the file."
        )
    if settings.quality == "auto":
        return f"{size}strength by its pixels"
    if given is not None:
        return f"{size}{given.codec} step {given.step:.4g}"
    stated = strength_in(file)
    if stated.strength.codec not in enhancer.codecs:
        raise InputError(
            f"'{source}' is of {stated.strength.codec}, and '{enhancer.info.model}' serves "
            f"{', '.join(enhancer.codecs)}: give another model."
        )
    number = "" if stated.number is None else f"{stated.number:.4g}"
    return f"{size}{stated.strength.codec} {stated.scale} {number}"


def tried_clip(
    source: Path,
    target: Path,
    enhancer: Enhancer,
    settings: ArchiveSettings,
    options: WorkerOptions,
) -> str:
    """Size and codec of a clip, such as ``1280x720  h264, 250 frames``.

    Raises
    ------
    ImageError
        If it cannot be read, or its frames are larger than the limit.
    InputError
        If the model does not serve its codec, or the container of the result cannot be written.
    MissingPackageError
        If PyAV is not installed.
    """
    from edgeqe.video.clip import ClipOptions, check_clip
    from edgeqe.video.reading import ClipReader

    wanted = ClipOptions(
        settings.given(),
        settings.amount,
        settings.ensemble,
        settings.encoding(),
        overwrite=True,  # whether something is in the way is decided by the manifest
        pixel_limit=options.pixel_limit,
    )
    check_clip(str(source), str(target), enhancer, wanted)
    clip = ClipReader(str(source), str(source), pixel_limit=options.pixel_limit)
    try:
        context, frames = clip.stream.codec_context, clip.expected_frames
    finally:
        clip.close()
    count = f", {counted(frames, 'frame')}" if frames else ""
    return f"{context.width}x{context.height}  {clip.codec or clip.format_name}{count}"
