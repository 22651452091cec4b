"""Picture files in and out: what `Enhancer.enhance_file` and the command line run."""

from __future__ import annotations

import dataclasses
import time
from dataclasses import dataclass
from typing import Any, Protocol

from edgeqe.codecs.strength import Strength, nearest_quality, resolve_if_given, step_from_table
from edgeqe.errors import ImageError
from edgeqe.files.picture import Picture, Samples
from edgeqe.files.reading import PIXEL_LIMIT, Source, read_picture, source_name
from edgeqe.files.writing import Destination, Output, write_picture
from edgeqe.views.options import EnhanceOptions

#: All of the change, without an ensemble.
WHOLLY = EnhanceOptions()

__all__ = [
    "PIXEL_LIMIT",
    "FileReport",
    "Picture",
    "enhance_file",
    "enhance_picture",
    "read_picture",
    "write_picture",
]


class ArrayEnhancer(Protocol):
    """The part of `edgeqe.Enhancer` that picture files need.

    One whose attribute ``takes_planes`` is False gets 4:2:0 as RGB, as libjpeg decodes it.
    """

    def enhance(
        self,
        image: Samples,
        *,
        step: float | None,
        codec: str | None,
        amount: float,
        ensemble: int,
        bit_depth: int | None = None,
    ) -> Samples:
        """Enhance a gray or RGB array."""

    def is_exact(self, height: int, width: int) -> bool:
        """Whether a picture of this size gets what the network gives for it as a whole."""

    def enhance_planes(
        self,
        y: Samples,
        u: Samples,
        v: Samples,
        *,
        step: float | None,
        codec: str | None,
        amount: float,
        ensemble: int,
    ) -> tuple[Samples, Samples, Samples]:
        """Enhance I420 planes."""


@dataclass(frozen=True)
class FileReport:
    """What became of one picture file."""

    source: str
    destination: str
    width: int
    """Pixels, as stored."""
    height: int
    """Pixels, as stored."""
    kind: str
    """What was enhanced: ``4:2:0 planes``, ``gray``, ``16-bit gray`` or ``RGB``; ``+ alpha``
    behind where there is one."""
    step: float
    """Strength that was asked for: quantization step, 8-bit sample values."""
    codec: str
    """What the strength is of; empty where a step alone was given."""
    amount: float
    """How much of the change was made, 0 to 1."""
    ensemble: int
    """8 where the change is the mean over the eight flips and rotations, else 1."""
    quality: int | None
    """IJG quality nearest to the strength's table; None where a QP or a step was given."""
    quality_exact: bool | None
    """Whether that quality's table is the strength's table, entry for entry."""
    strength_from: str
    """``file`` for a JPEG's own table, else ``argument``."""
    seconds: float
    """Wall time from reading to writing."""
    enhance_seconds: float
    """Wall time of the enhancement alone."""
    megapixels_per_second: float
    """Of the whole way, from file to file."""
    exact: bool
    """Whether the tiles equal the whole: not where the target has windows larger than the
    picture."""
    picture_bytes: int
    """Bytes of the decoded and the enhanced picture, held beside the enhancer's memory
    limit; the buffers of the file formats' own libraries are not counted."""

    def to_dict(self) -> dict[str, Any]:
        """Give the fields as plain values."""
        return dataclasses.asdict(self)


def enhance_file(
    enhancer: ArrayEnhancer,
    source: Source,
    destination: Destination,
    *,
    quality: int | None = None,
    qp: float | None = None,
    rate: float | None = None,
    step: float | None = None,
    codec: str | None = None,
    options: EnhanceOptions = WHOLLY,
    overwrite: bool = False,
    pixel_limit: int = PIXEL_LIMIT,
) -> FileReport:
    """Enhance a picture file into another.

    Stored order of pixels with its orientation tag, EXIF block, colour profile,
    resolution, alpha and 16-bit depth are kept. The output appears whole or not at all.

    Parameters
    ----------
    enhancer : Enhancer
    source : path, bytes, or binary stream
        See `read_picture`.
    destination : path or binary stream
        PNG, TIFF, WebP (lossless) or JPEG (quality 95) by suffix; PNG into a stream.
    quality, qp, rate, step
        Strength, at most one: JPEG quality 1 to 100, HEVC QP 0 to 63, rate of JPEG 2000 in bits
        per pixel, or the quantization step in 8-bit sample values. If left out, a JPEG's own
        luma table says it.
    codec : str, optional
        What the strength is of, as of `Enhancer.enhance`; only with a strength.
    options : EnhanceOptions
        How much of the change is made, and whether by an ensemble.
    overwrite : bool
        Replace an existing file.
    pixel_limit : int
        Largest number of pixels that is decoded.

    Returns
    -------
    FileReport

    Raises
    ------
    ImageError
        If a file cannot be read or written, or the output's format cannot hold the picture.
    InputError
        If an argument is wrong, the file carries no strength and none is given, or the
        model does not serve the codec.
    """
    start = time.perf_counter()
    strength = resolve_if_given(quality=quality, qp=qp, rate=rate, step=step, codec=codec)
    with Output(destination, overwrite=overwrite) as output:
        picture = read_picture(source, pixel_limit=pixel_limit)
        if len(picture.planes) == 3 and not getattr(enhancer, "takes_planes", True):
            picture = dataclasses.replace(picture, planes=(picture.pixels(),))
        output.check(picture)
        strength_from = "file" if strength is None else "argument"
        exact = None if quality is None else True
        if strength is None:
            if picture.table is None:
                raise ImageError(
                    f"{source_name(source)} carries no strength: give the setting that it was "
                    "compressed with, --quality (JPEG, 1 to 100), --qp (HEVC, 0 to 63) or --rate "
                    "(JPEG 2000, bits per pixel); in Python quality=, qp=, rate= or step=."
                )
            strength = Strength(step_from_table(picture.table), "jpeg")
            quality, distance = nearest_quality(picture.table)
            exact = distance == 0.0
        before = time.perf_counter()
        enhanced = enhance_picture(enhancer, picture, strength, options)
        enhance_seconds = time.perf_counter() - before
        output.write(enhanced)
        seconds = time.perf_counter() - start
        return FileReport(
            source=source_name(source),
            destination=output.name,
            width=picture.width,
            height=picture.height,
            kind=picture.kind,
            step=strength.step,
            codec=strength.codec,
            amount=float(options.amount),
            ensemble=options.ensemble,
            quality=quality,
            quality_exact=exact,
            strength_from=strength_from,
            seconds=seconds,
            enhance_seconds=enhance_seconds,
            megapixels_per_second=picture.width * picture.height / 1e6 / seconds,
            exact=enhancer.is_exact(picture.height, picture.width),
            picture_bytes=picture.nbytes + sum(plane.nbytes for plane in enhanced.planes),
        )


def enhance_picture(
    enhancer: ArrayEnhancer, picture: Picture, strength: Strength, options: EnhanceOptions = WHOLLY
) -> Picture:
    """Enhance the samples of a picture; alpha and metadata stay as they are.

    Parameters
    ----------
    enhancer : Enhancer
    picture : Picture
    strength : Strength
    options : EnhanceOptions
    """
    how: dict[str, Any] = {"step": strength.step, "codec": strength.codec or None}
    how |= {"amount": options.amount, "ensemble": options.ensemble}
    if len(picture.planes) == 3:
        y, cb, cr = picture.planes
        planes: tuple[Samples, ...] = tuple(enhancer.enhance_planes(y, cb, cr, **how))
    else:
        (image,) = picture.planes
        depth = picture.bit_depth if picture.bit_depth > 8 else None
        planes = (enhancer.enhance(image, **how, bit_depth=depth),)
    return dataclasses.replace(picture, planes=planes, table=None)
