"""XMP, Photoshop's data and comments of a JPEG, out of its segments and into others.

References
----------
XMP specification, part 3 (2020): 1.1.3, segments of JPEG; 1.1.3.1, extended XMP.
"""

from __future__ import annotations

from edgeqe.codecs.jpeg_segments import APP1, APP2, APP13, COM, EOI, segments
from edgeqe.files.picture import DAMAGED_PROFILE, Metadata

XMP_NAME = b"http://ns.adobe.com/xap/1.0/\0"
EXTENDED_NAME = b"http://ns.adobe.com/xmp/extension/\0"
PHOTOSHOP_NAME = b"Photoshop 3.0\0"
#: Names of a list of further pictures (CIPA DC-007), such as a gain map.
PICTURES_NAME = b"MPF\0"
PROFILE_NAME = b"ICC_PROFILE\0"
#: Largest content of a segment, bytes.
SEGMENT_BYTES = 65533


def metadata_in(data: bytes, profile: bytes) -> Metadata:
    """What a JPEG's segments say that Pillow does not hand over whole.

    Parameters
    ----------
    data : bytes
        A JPEG whose segments are sound.
    profile : bytes
        Colour profile as Pillow found it: empty also where parts of it are missing.
    """
    xmp, comment, behind = b"", b"", ""
    extended: list[bytes] = []
    photoshop: list[bytes] = []
    left: list[str] = []
    for segment in segments(data):
        content = segment.content
        if segment.marker == APP1 and content.startswith(XMP_NAME):
            xmp = xmp or content[len(XMP_NAME) :]
        elif segment.marker == APP1 and content.startswith(EXTENDED_NAME):
            extended.append(content)
        elif segment.marker == APP13 and content.startswith(PHOTOSHOP_NAME):
            photoshop.append(content)
        elif segment.marker == APP2 and content.startswith(PICTURES_NAME):
            behind = "further pictures of the file"
        elif segment.marker == APP2 and content.startswith(PROFILE_NAME) and not profile:
            left = [DAMAGED_PROFILE]
        elif segment.marker == COM:
            comment = comment or content
        elif segment.marker == EOI and data[segment.stop :].strip(b"\0"):
            left.append(behind or "data behind the picture")
    return Metadata(
        xmp=xmp, extended_xmp=tuple(extended), photoshop=tuple(photoshop), comment=comment,
        left_behind=tuple(left),
    )  # fmt: skip


def extra_segments(metadata: Metadata) -> bytes:
    """Segments of a new JPEG for what Pillow does not write by itself."""
    made = b""
    for marker, contents in ((APP1, metadata.extended_xmp), (APP13, metadata.photoshop)):
        for content in contents:
            made += bytes((0xFF, marker)) + (len(content) + 2).to_bytes(2, "big") + content
    return made


def resources(metadata: Metadata) -> bytes:
    """Photoshop's data as TIFF holds it: all segments without their names."""
    return b"".join(content.removeprefix(PHOTOSHOP_NAME) for content in metadata.photoshop)


def segments_of_resources(content: bytes) -> tuple[bytes, ...]:
    """Photoshop's data of a TIFF as contents of segments."""
    size = SEGMENT_BYTES - len(PHOTOSHOP_NAME)
    return tuple(PHOTOSHOP_NAME + content[at : at + size] for at in range(0, len(content), size))
