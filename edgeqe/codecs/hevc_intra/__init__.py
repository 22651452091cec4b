"""HEVC intra pictures with what the decoder knows: prediction, residual, transform blocks, QP.

Written from ITU-T H.265; clause numbers are those of its second edition (10/2014). Parsing
(clauses 7 and 9) and decoding (clause 8) are two passes over a picture: the first leaves
transform coefficients where their residual will be, and modes in maps of 4x4 blocks.
"""

from edgeqe.codecs.hevc_intra.decoder import decode
from edgeqe.codecs.hevc_intra.picture import IntraPicture

__all__ = ["IntraPicture", "decode"]
