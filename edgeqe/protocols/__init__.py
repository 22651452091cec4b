"""Coding protocols: what `gray`, `planes` and `rgb` mean wherever quality is measured.

Bench, drift gate, blame, the validation of trainings and their reports share these. Each protocol
codes a reference picture as JPEG or by another codec, decodes it as a device does, and shows it to
a network; the enhanced picture is compared with the reference in 8 bits. Clips are read by
`edgeqe.protocols.clips`.
"""

from edgeqe.protocols.compress import compress, compress_low_delay
from edgeqe.protocols.pictures import (
    CompressedPicture,
    MeasuredNetwork,
    MeasuredPicture,
    ReferencePicture,
)
from edgeqe.protocols.protocol import CodingProtocol, protocols_of, protocols_with

__all__ = [
    "CodingProtocol",
    "CompressedPicture",
    "MeasuredNetwork",
    "MeasuredPicture",
    "ReferencePicture",
    "compress",
    "compress_low_delay",
    "protocols_of",
    "protocols_with",
]
