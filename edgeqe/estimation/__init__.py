"""What the pixels of a picture say of how it was compressed, where no file says it any more."""

from edgeqe.estimation.jpeg_history import JpegCoding, jpeg_codings

__all__ = ["JpegCoding", "jpeg_codings"]
