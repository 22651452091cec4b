"""What of a picture's metadata a format cannot hold, by name: nothing is lost in silence."""

from __future__ import annotations

from edgeqe.files.colours import profile_for
from edgeqe.files.exif import tiff_exif
from edgeqe.files.jpeg_metadata import SEGMENT_BYTES, XMP_NAME
from edgeqe.files.picture import Metadata
from edgeqe.files.png_chunks import HDR_CHUNKS

#: What Pillow gives pictures that state no resolution.
NO_DPI = (None, (1.0, 1.0), (72.0, 72.0))


def fits_jpeg(xmp: bytes) -> bool:
    """Whether an XMP packet fits into a segment."""
    return len(xmp) <= SEGMENT_BYTES - len(XMP_NAME)


def not_kept(metadata: Metadata, target: str, *, gray: bool) -> tuple[str, ...]:
    """Name what a picture file of a format does not hold of its source's metadata.

    Parameters
    ----------
    metadata : Metadata
    target : str
        ``JPEG``, ``PNG``, ``TIFF`` or ``WEBP``.
    gray : bool
        Whether the picture is gray.

    Returns
    -------
    tuple of str
    """
    said = dict(metadata.colour_chunks)
    lost = list(metadata.left_behind)
    if any(kind in said for kind in HDR_CHUNKS):
        lost.append("brightness of HDR (mDCV, cLLI)")
    if target != "PNG":
        if b"cICP" in said and metadata.icc_profile:
            lost.append("colours by number (cICP)")
        if profile_for(metadata, gray=gray) is None:
            lost.append("gamma and chromaticities, which are damaged")
        if metadata.texts:
            lost.append("texts of PNG")
    if metadata.comment and target in ("TIFF", "WEBP"):
        lost.append("comment")
    if metadata.xmp and target == "JPEG" and not fits_jpeg(metadata.xmp):
        lost.append("XMP of more than 64 KiB")
    if metadata.extended_xmp and target != "JPEG":
        lost.append("extended XMP")
    if metadata.photoshop and target in ("PNG", "WEBP"):
        lost.append("IPTC and Photoshop's data")
    if metadata.dpi not in NO_DPI and target == "WEBP":
        lost.append("resolution")
    if metadata.exif and target == "TIFF" and not tiff_exif(metadata.exif)[1]:
        lost.append("damaged EXIF tags")
    return tuple(lost)
