"""A picture out of a file: its samples, and what must come back with them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[Any]

#: Name, among what is not kept, of a colour profile that nothing can be made of.
DAMAGED_PROFILE = "damaged colour profile"


@dataclass(frozen=True)
class Metadata:
    """What a file says beside its samples. Empty values mean that it says nothing."""

    exif: bytes = b""
    """EXIF block, with the orientation tag that belongs to the stored order of pixels."""
    icc_profile: bytes = b""
    dpi: tuple[float, float] | None = None
    """Dots per inch, across and down."""
    colours: tuple[int, int] | None = None
    """Primaries and transfer by their numbers in ITU-T H.273, where a file says these instead of
    a profile, and others than sRGB's."""
    xmp: bytes = b""
    """XMP packet."""
    extended_xmp: tuple[bytes, ...] = ()
    """Segments of a JPEG's extended XMP, as they stand there."""
    photoshop: tuple[bytes, ...] = ()
    """Segments of Photoshop's data, with IPTC in it, as a JPEG has them."""
    comment: bytes = b""
    colour_chunks: tuple[tuple[bytes, bytes], ...] = ()
    """Chunks of a PNG that say what colours its samples are, kind and content."""
    texts: tuple[tuple[bytes, bytes], ...] = ()
    """Chunks of a PNG's texts, kind and content."""
    left_behind: tuple[str, ...] = ()
    """What the file holds beside that no output has, by name."""


@dataclass(frozen=True, eq=False)
class Picture:
    """Samples of a picture file, in the order in which the file stores them."""

    planes: tuple[Samples, ...]
    """One array, gray (H, W) or RGB (H, W, 3), uint8 or uint16 of 16 bits; or the three
    planes Y, Cb, Cr of 4:2:0 as coded, uint8, the latter two of shape
    (ceil(H / 2), ceil(W / 2))."""
    alpha: Samples | None = None
    """Alpha, shape (H, W), of the planes' type, never enhanced."""
    table: tuple[int, ...] | None = None
    """Luma quantization table of a JPEG in row order; None where the file carries none."""
    metadata: Metadata = field(default_factory=Metadata)
    coded_depth: int | None = None
    """Bits of a sample in the file, such as 10, where `sixteen_bits` made them 16."""
    component_steps: tuple[float, ...] | None = None
    """Quantization steps of R, G and B of a JPEG that codes these and no luma, 8-bit sample
    values; 0 for one that is coded at less than full size."""
    present: float | None = None
    """Share of the picture that the file holds, 0 to 1, where it is cut short; of a progressive
    JPEG the share that is there at least coarsely."""

    @property
    def kind(self) -> str:
        """``4:2:0 planes``, ``gray``, ``RGB`` or, of JPEGs that code R, G and B, ``RGB planes``.

        ``10-bit`` and the like before it, ``+ alpha`` behind.
        """
        if len(self.planes) == 3:
            name = "4:2:0 planes"
        elif self.component_steps is not None:
            name = "RGB planes"
        else:
            depth = self.coded_depth or self.bit_depth
            name = "RGB" if self.planes[0].ndim == 3 else "gray"
            name = name if depth == 8 else f"{depth}-bit {name}"
        return name if self.alpha is None else f"{name} + alpha"

    @property
    def height(self) -> int:
        """Rows."""
        return int(self.planes[0].shape[0])

    @property
    def width(self) -> int:
        """Columns."""
        return int(self.planes[0].shape[1])

    @property
    def bit_depth(self) -> int:
        """Bits of a sample: 8 or 16."""
        return 8 * int(self.planes[0].dtype.itemsize)

    @property
    def nbytes(self) -> int:
        """Bytes of all samples."""
        alpha = 0 if self.alpha is None else self.alpha.nbytes
        return alpha + sum(int(plane.nbytes) for plane in self.planes)

    def pixels(self) -> Samples:
        """Gray (H, W) or RGB (H, W, 3) without alpha; 4:2:0 as libjpeg would decode it."""
        if len(self.planes) == 1:
            return self.planes[0]
        from edgeqe.files.upsample import i420_to_rgb

        y, cb, cr = self.planes
        return i420_to_rgb(y, cb, cr)


def sixteen_bits(values: Samples, depth: int) -> Samples:
    """Samples of 9 to 16 bits over the whole range of uint16: black is 0, white 65535.

    The bits are repeated below, which is ``v * 65535 / (2 ** depth - 1)`` to within one.

    Parameters
    ----------
    values : ndarray of uint16
    depth : int
        Their significant low bits.
    """
    if depth == 16:
        return values
    made: Samples = values << np.uint16(16 - depth) | values >> np.uint16(2 * depth - 16)
    return made


def picture_from_array(image: Samples) -> Picture:
    """Picture of an array, without metadata.

    Parameters
    ----------
    image : ndarray of uint8 or uint16, shape (H, W), (H, W, 3) or (H, W, 4)
        Gray, RGB or RGBA.

    Raises
    ------
    InputError
        If the shape or the dtype is another one.
    """
    from edgeqe.errors import InputError

    colour = image.ndim == 3 and image.shape[2] in (3, 4)
    fits = image.dtype in (np.uint8, np.uint16)
    if not (colour or image.ndim == 2) or not fits or image.size == 0:
        raise InputError(
            f"an array of shape {image.shape} and dtype {image.dtype} is no picture file's: give "
            "uint8 or uint16 (H, W), (H, W, 3) or (H, W, 4)."
        )
    if colour and image.shape[2] == 4:
        return Picture((image[..., :3],), image[..., 3])
    return Picture((image,))
