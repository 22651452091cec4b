"""From a byte stream to pictures: parameter sets, slices, and the two passes over each picture."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from edgeqe.codecs.coded import damaged
from edgeqe.codecs.hevc_intra import layout as at
from edgeqe.codecs.hevc_intra.picture import IntraPicture
from edgeqe.codecs.hevc_intra.pictures import read_picture, tile_scan
from edgeqe.codecs.hevc_intra.scaling_factors import FLAT, scaling_factors
from edgeqe.codecs.hevc_intra.sequence import luma_window, read_sequence
from edgeqe.codecs.hevc_intra.slice_header import SliceHeader, read_slice_header
from edgeqe.codecs.hevc_intra.units import nal_units
from edgeqe.codecs.hevc_nal import PPS, SPS, is_slice
from edgeqe.codecs.hevc_pps import HevcPps, HevcTiles
from edgeqe.codecs.hevc_sps import HevcPcm, HevcSps


def decode(stream: bytes) -> list[IntraPicture]:
    """Decode the intra pictures of an HEVC stream, without loop filters.

    Parameters
    ----------
    stream : bytes
        A byte stream with start codes (annex B).

    Returns
    -------
    list of IntraPicture
        In decoding order.

    Raises
    ------
    ImageError
        If the stream is damaged, if it needs a tool that is not of the profiles Main, Main 10
        and Main Still Picture or inter prediction, which the message names, or if numba is not
        installed.
    """
    sequences: dict[int, HevcSps] = {}
    pictures: dict[int, HevcPps] = {}
    decoded: list[IntraPicture] = []
    current: _Picture | None = None
    for unit in nal_units(stream):
        if unit.kind == SPS:
            identifier, sequence = read_sequence(unit.rbsp)
            sequences[identifier] = sequence
        elif unit.kind == PPS:
            identifier, picture = read_picture(unit.rbsp)
            pictures[identifier] = picture
        elif is_slice(unit.kind):
            previous = current.header if current else None
            header = read_slice_header(unit, sequences, pictures, previous)
            if header.first_in_picture:
                if current:
                    decoded.append(current.finish())
                current = _Picture(header)
            if current is None:
                raise damaged("the first slice of an HEVC picture is missing")
            current.add(header, unit.rbsp)
    if current is None:
        raise damaged("the HEVC stream has no picture")
    decoded.append(current.finish())
    return decoded


class _Picture:
    """A picture while its slices come in."""

    def __init__(self, header: SliceHeader) -> None:
        self.header = header
        self._sequence = sequence = header.sequence
        self._window = luma_window(sequence)
        self._scan = tile_scan(sequence, header.picture.tiles or HevcTiles())
        shape = sequence.height // 4, sequence.width // 4
        rows = sequence.height * (3 if sequence.has_chroma else 2) // 2
        self._maps = np.zeros((at.MAPS, *shape), np.int32)
        self._blocks = np.empty(shape[0] * shape[1], np.int32)
        self._residual = np.zeros((rows, sequence.width), np.int16)
        self._variables = _variables(sequence, header.picture, int(self._scan[2, -1]) + 1)

    def add(self, header: SliceHeader, rbsp: bytes) -> None:
        """Parse a slice segment."""
        from edgeqe.codecs.hevc_intra.coding_tree import slice_segment_data
        from edgeqe.codecs.hevc_intra.contexts import CONTEXTS, initial_contexts

        v = self._variables
        if header.sequence is not self._sequence or header.picture is not self.header.picture:
            raise damaged("slices of one HEVC picture name different parameter sets")
        if v[at.CTB] == self._scan.shape[1]:
            raise damaged("an HEVC slice begins behind the last block")
        if self._scan[1, header.address] != v[at.CTB]:
            raise damaged(f"the HEVC slice before block {header.address} is missing")
        self.header = header
        v[at.DEPENDENT] = header.dependent
        if not header.dependent:
            v[at.SLICE_NUMBER] += 1
            v[at.SLICE_ADDRESS] = header.slice_address
            v[at.SLICE_QP] = header.qp
            v[at.SAO_LUMA] = header.sao_luma
            v[at.SAO_CHROMA] = header.sao_chroma
            v[at.CB_OFFSET], v[at.CR_OFFSET] = header.chroma_qp_offsets
            v[at.INITIAL : at.INITIAL + CONTEXTS] = initial_contexts(header.qp)
        v[at.POSITION] = header.data
        data = np.frombuffer(rbsp, np.uint8)
        slice_segment_data(data, v, self._scan, self._maps, self._residual, self._blocks)
        if v[at.ERROR]:
            raise damaged(f"in the HEVC stream {at.ERRORS[int(v[at.ERROR])]}")

    def finish(self) -> IntraPicture:
        """Reconstruct the picture."""
        from edgeqe.codecs.hevc_intra.reconstruction import reconstruct

        v = self._variables
        if v[at.CTB] != self._scan.shape[1]:
            raise damaged(
                f"the HEVC stream has {v[at.CTB]} of a picture's {self._scan.shape[1]} blocks"
            )
        lists = self._sequence.scaling_lists
        if lists is not None:
            lists = self.header.picture.scaling_lists or lists
        factors = FLAT if lists is None else scaling_factors(lists)
        prediction = np.empty(self._residual.shape, np.uint16)
        samples = np.empty(self._residual.shape, np.uint16)
        reconstruct(v, self._maps, self._blocks, factors, self._residual, prediction, samples)
        kind = np.uint8 if self._sequence.bit_depth == 8 else np.uint16
        left, right, top, bottom = self._window
        blocks = np.s_[top // 4 : -(-bottom // 4), left // 4 : -(-right // 4)]
        return IntraPicture(
            reconstruction=self._planes(samples, kind),
            prediction=self._planes(prediction, kind),
            residual=self._planes(self._residual, np.int16),
            tu_log2=self._maps[at.TU_LOG2][blocks].astype(np.uint8),
            qp=self._maps[at.QP][blocks].astype(np.int8),
            bit_depth=self._sequence.bit_depth,
        )

    def _planes(self, canvas: npt.NDArray[Any], kind: type) -> tuple[npt.NDArray[Any], ...]:
        """Planes of a canvas inside the conformance window, copied as another type."""
        left, right, top, bottom = self._window
        luma: npt.NDArray[Any] = canvas[top:bottom, left:right].astype(kind)
        if not self._sequence.has_chroma:
            return (luma,)
        height, half = self._sequence.height, self._sequence.width // 2
        rows = slice(height + top // 2, height + -(-bottom // 2))
        ends = left // 2, -(-right // 2)
        chroma = (canvas[rows, first + ends[0] : first + ends[1]] for first in (0, half))
        return luma, *(plane.astype(kind) for plane in chroma)


def _variables(sequence: HevcSps, picture: HevcPps, tiles: int) -> npt.NDArray[np.int64]:
    """Variables of a picture at its beginning."""
    v = np.zeros(at.VARIABLES, np.int64)
    v[at.WIDTH] = sequence.width
    v[at.HEIGHT] = sequence.height
    v[at.CHROMA] = sequence.has_chroma
    v[at.BIT_DEPTH] = sequence.bit_depth
    v[at.LOG2_MIN_CB] = sequence.log2_smallest_block
    v[at.LOG2_CTB] = sequence.log2_ctb
    v[at.LOG2_MIN_TB] = sequence.log2_smallest_transform
    v[at.LOG2_MAX_TB] = sequence.log2_largest_transform
    v[at.MAX_DEPTH_INTRA] = sequence.intra_depth
    v[at.STRONG_SMOOTHING] = sequence.strong_smoothing
    pcm = sequence.pcm or HevcPcm(0, 0, 1, -1, False)
    v[at.PCM_LOG2_MIN], v[at.PCM_LOG2_MAX] = pcm.log2_smallest, pcm.log2_largest
    v[at.PCM_LUMA_BITS], v[at.PCM_CHROMA_BITS] = pcm.luma_bits, pcm.chroma_bits
    v[at.SIGN_HIDING] = picture.has_sign_hiding
    v[at.TRANSFORM_SKIP_ENABLED] = picture.has_transform_skip
    v[at.QP_DELTA_ENABLED] = picture.qp_delta_depth is not None
    v[at.LOG2_MIN_QG] = sequence.log2_ctb - (picture.qp_delta_depth or 0)
    v[at.BYPASS_ENABLED] = picture.has_transquant_bypass
    v[at.WAVEFRONT] = picture.wavefronts
    v[at.TILES] = tiles
    v[at.SAO_OFFSET_MAX] = (1 << min(sequence.bit_depth, 10) - 5) - 1
    return v
