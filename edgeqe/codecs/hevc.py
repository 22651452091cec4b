"""HEVC: the QP of each picture from the headers of its slices (ITU-T H.265, clause 7.3.6)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import partial

from edgeqe.codecs.bits import BitReader
from edgeqe.codecs.coded import CodedStrength, Scale, damaged, mean_strength, unsupported
from edgeqe.codecs.hevc_nal import IDR, IRAP, PPS, SPS, is_slice, unit_kind
from edgeqe.codecs.hevc_pps import HevcPps, read_pps
from edgeqe.codecs.hevc_references import read_slice_references
from edgeqe.codecs.hevc_sps import HevcSps, read_sps
from edgeqe.codecs.nal import ParameterSets, split_annex_b, unescape

B_SLICE, P_SLICE, I_SLICE = range(3)


@dataclass
class HevcHeaders:
    """Parameter sets that came so far, by their identifiers."""

    sps: ParameterSets[HevcSps] = field(default_factory=ParameterSets)
    pps: ParameterSets[HevcPps] = field(default_factory=ParameterSets)

    def take(self, unit: bytes) -> None:
        """Keep a unit if it is a parameter set of the base layer."""
        if unit_kind(unit) == SPS:
            bits = BitReader(unescape(unit[2:]), "HEVC SPS")
            self.sps.take(unit, partial(read_sps, bits))
        elif unit_kind(unit) == PPS:
            bits = BitReader(unescape(unit[2:]), "HEVC PPS")
            self.pps.take(unit, partial(read_pps, bits))


@dataclass(frozen=True)
class HevcSlice:
    """Header of an independent slice segment."""

    first: bool
    """Whether it is the first one of its picture."""
    kind: int
    """0 for B, 1 for P, 2 for I."""
    qp: int
    sps: HevcSps
    pps: HevcPps


def strength(units: Iterable[bytes], codec: str = "hevc") -> CodedStrength:
    """Strength of a stream: mean QP over the slices of each picture.

    Parameters
    ----------
    units : iterable of bytes
        NAL units in decoding order, with the parameter sets before the slices.
    codec : str
        Codec to report, where a container has a name of its own.

    Raises
    ------
    ImageError
        If there is no slice, or a header is damaged or of an unknown kind.
    """
    headers = HevcHeaders()
    pictures: list[list[int]] = []
    shape: HevcSps | None = None
    for unit in units:
        if not is_slice(unit_kind(unit)):
            headers.take(unit)
            continue
        found = read_slice(unit, headers)
        if found is None:
            continue
        shape = shape or found.sps
        if found.first or not pictures:
            pictures.append([])
        pictures[-1].append(found.qp)
    if shape is None:
        raise damaged("the HEVC stream holds no slice")
    qps = [sum(group) / len(group) for group in pictures]
    steps = [2.0 ** ((qp - 4) / 6) for qp in qps]
    return mean_strength(codec, Scale.QP, qps, steps, (shape.width, shape.height), shape.bit_depth)


def strength_of_stream(data: bytes) -> CodedStrength:
    """As `strength`, of a byte stream with start codes (annex B)."""
    return strength(split_annex_b(data))


def read_slice(unit: bytes, headers: HevcHeaders) -> HevcSlice | None:
    """Header of a slice segment up to its QP; None for a dependent one, which has none.

    Raises
    ------
    ImageError
        If it is damaged, or its parameter sets did not come before it.
    """
    kind = unit_kind(unit)
    bits = BitReader(unescape(unit[2:]), "HEVC slice header")
    first = bits.flag()
    if kind in IRAP:
        bits.skip(1)  # no_output_of_prior_pics_flag
    pps = headers.pps.get(bits.ue(63, "slice_pic_parameter_set_id"))
    sps = headers.sps.get(pps.sps) if pps else None
    if pps is None or sps is None:
        raise damaged("an HEVC slice names parameter sets that did not come before it")
    if not first:
        dependent = pps.dependent_slices and bits.flag()
        columns, rows = sps.size_in_ctbs
        bits.skip((columns * rows - 1).bit_length())
        if dependent:
            return None
    bits.skip(pps.extra_bits)
    slice_type = bits.ue(2, "slice_type")
    bits.skip(int(pps.has_output_flag))
    if sps.separate_planes:
        bits.skip(2)
    references, temporal = 0, False
    if kind not in IDR:
        references = read_slice_references(bits, sps.references)
        temporal = sps.has_temporal_vectors and bits.flag()
    if sps.has_sao:
        bits.skip(2 if sps.has_chroma else 1)
    if slice_type != I_SLICE:
        _skip_prediction(bits, slice_type, sps, pps, references, temporal)
    qp = pps.qp + bits.se()
    if not -6 * (sps.bit_depth - 8) <= qp <= 51:
        raise damaged(f"an HEVC slice says QP {qp}")
    return HevcSlice(first, slice_type, qp, sps, pps)


def _skip_prediction(
    bits: BitReader, slice_type: int, sps: HevcSps, pps: HevcPps, total: int, temporal: bool
) -> None:
    """Pass over what P and B slices say of their prediction."""
    if sps.profile in (9, 11):
        raise unsupported("P and B slices of HEVC's screen content profiles")
    counts = list(pps.references)
    if bits.flag():
        counts[0] = 1 + bits.ue(14, "num_ref_idx_l0_active_minus1")
        if slice_type == B_SLICE:
            counts[1] = 1 + bits.ue(14, "num_ref_idx_l1_active_minus1")
    counts = counts if slice_type == B_SLICE else counts[:1]
    if pps.lists_modified and total > 1:
        for count in counts:
            if bits.flag():
                bits.skip(count * (total - 1).bit_length())
    if slice_type == B_SLICE:
        bits.skip(1)  # mvd_l1_zero_flag
    if pps.has_cabac_init:
        bits.skip(1)
    if temporal:
        other = slice_type == B_SLICE and not bits.flag()
        if counts[int(other)] > 1:
            bits.ue(14, "collocated_ref_idx")
    if pps.weighted_b if slice_type == B_SLICE else pps.weighted:
        _skip_weights(bits, counts, sps.has_chroma)
    bits.ue(4, "five_minus_max_num_merge_cand")


def _skip_weights(bits: BitReader, counts: list[int], has_chroma: bool) -> None:
    bits.ue(7, "luma_log2_weight_denom")
    if has_chroma:
        bits.se()
    for count in counts:
        luma = [bits.flag() for _ in range(count)]
        chroma = [has_chroma and bits.flag() for _ in range(count)]
        for has_luma, has_both in zip(luma, chroma, strict=True):
            for _ in range(2 * has_luma + 4 * has_both):
                bits.se()
