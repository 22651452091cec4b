"""Picture files in and out: what `Enhancer.enhance_file` and the command line run."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal, Protocol

from edgeqe.codecs.coded import Scale
from edgeqe.codecs.strength import Strength, resolve_if_given
from edgeqe.errors import InputError
from edgeqe.estimation import StrengthEstimate
from edgeqe.files.components import coded_components, enhance_components
from edgeqe.files.file_report import FileReport
from edgeqe.files.picture import Picture, Samples
from edgeqe.files.reading import PIXEL_LIMIT, PictureFile, Source, read_picture
from edgeqe.files.stated import StatedStrength, strength_given, strength_in, strength_shown
from edgeqe.files.writing import Destination, Output, write_picture
from edgeqe.views.options import EnhanceOptions

if TYPE_CHECKING:
    from edgeqe.files.intra import IntraFile

#: All of the change, without an ensemble.
WHOLLY = EnhanceOptions()

__all__ = [
    "PIXEL_LIMIT",
    "Picture",
    "enhance_file",
    "enhance_picture",
    "read_picture",
    "write_picture",
]


class ArrayEnhancer(Protocol):
    """The part of `edgeqe.Enhancer` that picture files need.

    One that has ``enhance_rows`` too gives strips where they can be written. One whose attribute
    ``takes_planes`` is False gets 4:2:0 as RGB, as libjpeg decodes it. One whose ``takes_residual``
    is True gets the prediction residual of HEVC's decoder, and luma before the loop filters.
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


def enhance_file(
    enhancer: ArrayEnhancer,
    source: Source,
    destination: Destination,
    *,
    quality: int | Literal["auto"] | None = None,
    qp: float | None = None,
    rate: float | None = None,
    step: float | None = None,
    codec: str | None = None,
    options: EnhanceOptions = WHOLLY,
    overwrite: bool = False,
    output_quality: int | None = None,
    pixel_limit: int = PIXEL_LIMIT,
    accept_truncated: bool = False,
    check: Callable[[Strength], None] = lambda strength: None,
) -> FileReport:
    """Enhance a picture file into another.

    Stored order of pixels with its orientation tag, EXIF block, XMP, colour profile, gamma and
    chromaticities, resolution, alpha and 16-bit depth are kept; the report names what the output's
    format cannot hold. The output appears whole or not at all.

    Parameters
    ----------
    enhancer : Enhancer
    source : path, bytes, or binary stream
        See `read_picture`.
    destination : path or binary stream
        PNG, TIFF, WebP (lossless) or JPEG by suffix; PNG into a stream.
    quality, qp, rate, step
        Strength, at most one: JPEG quality 1 to 100, HEVC QP 0 to 63, rate of JPEG 2000 in bits
        per pixel, or the quantization step in 8-bit sample values. If left out, the file's own
        headers say it: of JPEG, JPEG 2000, HEIC, AVIF, WebP and BPG. Quality ``auto`` takes the
        coarsest coding as JPEG that the pixels show, see `edgeqe.estimation`.
    codec : str, optional
        What the strength is of, as of `Enhancer.enhance`; only with a strength.
    options : EnhanceOptions
        How much of the change is made, and whether by an ensemble.
    overwrite : bool
        Replace an existing file.
    output_quality : int, optional
        Of JPEG, where one that follows the strength is taken if left out (`lossy.py`), or of WebP,
        which is lossless if left out: 1 to 100.
    pixel_limit : int
        As of `read_picture`.
    accept_truncated : bool
        As of `read_picture`; the report says how much of the picture was there.
    check : callable
        Called with a file's own strength before the picture is decoded; raises InputError to
        refuse it.

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
    auto = quality == "auto"
    asked = None if quality == "auto" else quality
    given = resolve_if_given(quality=asked, qp=qp, rate=rate, step=step, codec=codec)
    if auto and given is not None:
        raise InputError("quality 'auto' and another strength are given: give one of them.")
    with Output(destination, overwrite=overwrite, quality=output_quality) as output:
        file, estimate, intra = PictureFile(source), None, None
        takes_residual = getattr(enhancer, "takes_residual", False)
        if takes_residual:
            file.check_residual()
        if given is not None:
            stated = strength_given(given, quality=asked, qp=qp, rate=rate)
        elif not auto:
            stated = _checked(strength_in(file), file, check)
        if takes_residual:
            intra = file.decode_with_residual(pixel_limit=pixel_limit)
        picture = (
            intra.picture
            if intra
            else file.decode(pixel_limit=pixel_limit, accept_truncated=accept_truncated)
        )
        if auto:
            stated, estimate = strength_shown(file, picture)
            _checked(stated, file, check)
        picture = coded_components(picture, stated.strength, stated.origin)
        if not intra and len(picture.planes) == 3 and not getattr(enhancer, "takes_planes", True):
            picture = dataclasses.replace(picture, planes=(picture.pixels(),))
        output.check(picture)
        before = time.perf_counter()
        both, kind = picture.nbytes, picture.kind
        rows = getattr(enhancer, "enhance_rows", None)
        if rows and not intra and not picture.component_steps and output.takes_strips(picture):
            how = {**_keywords(stated.strength, options), "planes": picture.planes}
            both += output.write_strips(picture, lambda take: rows(take=take, **how))
            enhance_seconds = time.perf_counter() - before
        else:
            if intra:
                picture = enhance_intra(enhancer, intra, stated.strength, options)
            else:  # frees the first
                picture = enhance_picture(enhancer, picture, stated.strength, options)
            both += sum(plane.nbytes for plane in picture.planes)
            enhance_seconds = time.perf_counter() - before
            output.write(picture, stated.strength.step)
        seconds = time.perf_counter() - start
        return FileReport(
            source=file.name,
            destination=output.name,
            width=picture.width,
            height=picture.height,
            kind=kind,
            step=stated.strength.step,
            codec=stated.strength.codec,
            scale=stated.scale,
            number=stated.number,
            amount=float(options.amount),
            ensemble=options.ensemble,
            quality=stated.quality,
            quality_exact=None if stated.quality is None else stated.exact,
            strength_from=stated.origin,
            residual_from="file" if intra else "",
            **_estimated(stated, estimate, file),
            seconds=seconds,
            enhance_seconds=enhance_seconds,
            megapixels_per_second=picture.width * picture.height / 1e6 / seconds,
            exact=enhancer.is_exact(picture.height, picture.width),
            picture_bytes=both,
            present=picture.present,
            not_kept=output.not_kept(picture),
            source_bytes=file.bytes,
            destination_bytes=output.bytes,
            output_quality=output.quality,
        )


def _checked(
    stated: StatedStrength, file: PictureFile, check: Callable[[Strength], None]
) -> StatedStrength:
    """A strength that was found, if the model serves it."""
    try:
        check(stated.strength)
    except InputError as error:
        raise InputError(f"{file.name}: {error}") from error
    return stated


def _estimated(
    stated: StatedStrength, estimate: StrengthEstimate | None, file: PictureFile
) -> dict[str, float | None]:
    """Fields of the report that an estimate fills."""
    found = estimate.coding if estimate is not None and stated.origin == "pixels" else None
    coded = file.strength
    told = found is not None and coded is not None and coded.scale is Scale.QUALITY
    return {
        "confidence": found.confidence if found is not None else None,
        "stated_quality": coded.number if coded is not None and told else None,
        "drawn": estimate.drawn if estimate is not None else None,
    }


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
    how = _keywords(strength, options)
    if picture.component_steps is not None:
        del how["step"]
        made = enhance_components(enhancer, picture, strength.step, how)
        return dataclasses.replace(picture, planes=(made,), table=None, component_steps=None)
    if len(picture.planes) == 3:
        y, cb, cr = picture.planes
        planes: tuple[Samples, ...] = tuple(enhancer.enhance_planes(y, cb, cr, **how))
    else:
        (image,) = picture.planes
        depth = picture.bit_depth if picture.bit_depth > 8 else None
        planes = (enhancer.enhance(image, **how, bit_depth=depth),)
    return dataclasses.replace(picture, planes=planes, table=None)


def enhance_intra(
    enhancer: ArrayEnhancer, intra: IntraFile, strength: Strength, options: EnhanceOptions
) -> Picture:
    """Enhance the planes of an intra picture with its prediction residual; see `enhance_picture`."""
    how = _keywords(strength, options)
    how |= {"bit_depth": intra.bit_depth, "prediction_residual": intra.residual}
    if len(intra.planes) == 3:
        y, u, v = intra.planes
        return intra.finish(tuple(enhancer.enhance_planes(y, u, v, **how)))
    return intra.finish((enhancer.enhance(intra.planes[0], **how),))


def _keywords(strength: Strength, options: EnhanceOptions) -> dict[str, Any]:
    return {
        "step": strength.step,
        "codec": strength.codec or None,
        "amount": options.amount,
        "ensemble": options.ensemble,
    }
