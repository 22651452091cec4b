"""What the pixels of a picture say of how it was compressed, where no file says it any more."""

from edgeqe.estimation.estimate import StrengthEstimate, estimate_strength
from edgeqe.estimation.jpeg_history import FACTOR, JpegCoding

__all__ = ["FACTOR", "JpegCoding", "StrengthEstimate", "estimate_strength"]
