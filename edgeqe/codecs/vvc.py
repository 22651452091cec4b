"""VVC: the QP of each picture from its headers (ITU-T H.266, clauses 7.3.2.8 and 7.3.7)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial

from edgeqe.codecs.bits import BitReader
from edgeqe.codecs.coded import CodedStrength, Scale, damaged, mean_strength
from edgeqe.codecs.nal import ParameterSets, split_annex_b, unescape
from edgeqe.codecs.vvc_pps import VvcPps, read_pps
from edgeqe.codecs.vvc_sps import (
    VvcReferences,
    VvcSps,
    read_references,
    read_sps,
    skip_boundaries,
    skip_partition,
)

SLICES = (0, 1, 2, 3, 7, 8, 9, 10)
IDR_W_RADL, IDR_N_LP, GDR = 7, 8, 10
SPS, PPS, PICTURE_HEADER = 15, 16, 19
B_SLICE, P_SLICE, I_SLICE = range(3)


@dataclass(frozen=True)
class _Picture:
    """Picture header, as far as slice headers need it."""

    sps: VvcSps
    pps: VvcPps
    inter: bool
    lists: tuple[VvcReferences, ...]
    temporal: bool
    lmcs: bool
    scaling: bool
    qp: int
    """Of the picture where its header says it, else that of the PPS."""


def strength(units: Iterable[bytes]) -> CodedStrength:
    """Strength of a stream: mean QP over the slices of each picture.

    Parameters
    ----------
    units : iterable of bytes
        NAL units in decoding order, with the parameter sets before the slices.

    Raises
    ------
    ImageError
        If there is no slice, or a header is damaged or of an unknown kind.
    """
    sets: ParameterSets[VvcSps] = ParameterSets()
    sets_of_pictures: ParameterSets[VvcPps] = ParameterSets()
    picture: _Picture | None = None
    groups: list[list[int]] = []
    shape: VvcSps | None = None
    for unit in units:
        if len(unit) < 2 or unit[0]:
            continue  # other layers
        kind = unit[1] >> 3
        if kind not in (SPS, PPS, PICTURE_HEADER, *SLICES):
            continue
        bits = BitReader(unescape(unit[2:]), "VVC header")
        if kind == SPS:
            sets.take(unit, partial(read_sps, bits))
        elif kind == PPS:
            sets_of_pictures.take(unit, partial(read_pps, bits, sets))
        else:
            whole = kind != PICTURE_HEADER and bits.flag()
            if whole or kind == PICTURE_HEADER:
                picture = _read_picture(bits, sets, sets_of_pictures)
                groups.append([])
            if kind != PICTURE_HEADER:
                if picture is None:
                    raise damaged("a VVC slice comes before its picture's header")
                groups[-1].append(_read_slice(bits, kind, picture, whole))
                shape = shape or picture.sps
    if shape is None:
        raise damaged("the VVC stream holds no slice")
    qps = [sum(group) / len(group) for group in groups if group]
    steps = [2.0 ** ((qp - 4) / 6) for qp in qps]
    return mean_strength("vvc", Scale.QP, qps, steps, (shape.width, shape.height), shape.bit_depth)


def strength_of_stream(data: bytes) -> CodedStrength:
    """As `strength`, of a byte stream with start codes (annex B)."""
    return strength(split_annex_b(data))


def _read_picture(
    bits: BitReader, sets: dict[int, VvcSps], sets_of_pictures: dict[int, VvcPps]
) -> _Picture:
    entry = bits.flag()
    unused = bits.flag()
    gradual = entry and bits.flag()
    inter = bits.flag()
    intra = not inter or bits.flag()
    pps = sets_of_pictures.get(bits.ue(63, "ph_pic_parameter_set_id"))
    sps = sets.get(pps.sps) if pps else None
    if pps is None or sps is None:
        raise damaged("a VVC picture names parameter sets that did not come before it")
    bits.skip(sps.order_bits)
    if gradual:
        bits.ue()
    bits.skip(sps.extra_picture_bits)
    if sps.msb_bits and bits.flag():
        bits.skip(sps.msb_bits)
    if sps.alf and pps.alf_in_picture:
        _skip_alf(bits, sps)
    lmcs = sps.lmcs and bits.flag()
    if lmcs:
        bits.skip(2 + sps.chroma)
    scaling = sps.scaling_lists and bits.flag()
    if scaling:
        bits.skip(3)
    if sps.boundaries_in_picture and bits.flag():
        skip_boundaries(bits)
    if pps.has_output_flag and not unused:
        bits.skip(1)
    lists = _read_lists(bits, sps, pps) if pps.lists_in_picture else (VvcReferences(),) * 2
    override = sps.partition_override and bits.flag()
    if intra:
        if override:
            skip_partition(bits)
            if sps.dual_tree:
                skip_partition(bits)
        _skip_qp_groups(bits, pps)
    temporal = False
    if inter:
        if override:
            skip_partition(bits)
        _skip_qp_groups(bits, pps)
        temporal = _read_inter(bits, sps, pps, lists)
    qp = pps.qp + (bits.se() if pps.qp_in_picture else 0)
    bits.skip(int(sps.joint_chroma))
    if sps.sao and pps.sao_in_picture:
        bits.skip(1 + sps.chroma)
    if pps.filter_in_picture and bits.flag() and not pps.filter_off and not bits.flag():
        for _ in range(6 if pps.chroma_offsets else 2):
            bits.se()
    if pps.picture_extension:
        bits.skip(8 * bits.ue(256, "ph_extension_length"))
    return _Picture(sps, pps, inter, lists, temporal, lmcs, scaling, qp)


def _skip_alf(bits: BitReader, sps: VvcSps) -> None:
    if not bits.flag():
        return
    bits.skip(3 * bits.u(3))
    if sps.chroma and bits.u(2):
        bits.skip(3)
    if sps.cross_alf:
        for _ in range(2):
            if bits.flag():
                bits.skip(3)


def _skip_qp_groups(bits: BitReader, pps: VvcPps) -> None:
    for present in (pps.qp_varies, pps.chroma_offset_list):
        if present:
            bits.ue(24, "a QP group")


def _read_lists(bits: BitReader, sps: VvcSps, pps: VvcPps) -> tuple[VvcReferences, ...]:
    """Both lists of references of a header."""
    found: list[VvcReferences] = []
    listed, index = False, 0
    for place, lists in enumerate(sps.lists):
        says = place == 0 or pps.second_list_index
        if not lists:
            listed = False
        elif says:
            listed = bits.flag()
        if listed:
            if len(lists) == 1:
                index = 0
            elif says:
                index = bits.u((len(lists) - 1).bit_length())
            if index >= len(lists):
                raise damaged("a VVC header names a list of references that is not there")
            chosen = lists[index]
        else:
            chosen = read_references(
                bits, sps.weighted, sps.long_term, sps.order_bits, in_header=True
            )
        for _ in range(chosen.long_term):
            bits.skip(sps.order_bits if chosen.order_in_header else 0)
            if bits.flag():
                bits.ue()
        found.append(chosen)
    return tuple(found)


def _read_inter(
    bits: BitReader, sps: VvcSps, pps: VvcPps, lists: tuple[VvcReferences, ...]
) -> bool:
    """Pass over what a picture header says of inter slices; whether they use old vectors."""
    temporal = sps.temporal and bits.flag()
    if temporal and pps.lists_in_picture:
        first = not lists[1].entries or bits.flag()
        if lists[0 if first else 1].entries > 1:
            bits.ue(28, "ph_collocated_ref_idx")
    bits.skip(int(sps.fullpel_in_picture))
    if not pps.lists_in_picture or lists[1].entries:
        bits.skip(1 + sps.bdof_in_picture + sps.dmvr_in_picture)
    bits.skip(int(sps.prof_in_picture))
    if pps.weights_in_picture:
        _skip_weights(bits, sps, pps, lists, (0, 0))
    return temporal


def _skip_weights(
    bits: BitReader,
    sps: VvcSps,
    pps: VvcPps,
    lists: tuple[VvcReferences, ...],
    active: tuple[int, int],
) -> None:
    bits.ue(7, "luma_log2_weight_denom")
    if sps.chroma:
        bits.se()
    for place in range(2):
        if place and not (pps.weighted_b and lists[1].entries):
            return
        count = bits.ue(15, "weights") if pps.weights_in_picture else active[place]
        luma = [bits.flag() for _ in range(count)]
        chroma = [sps.chroma and bits.flag() for _ in range(count)]
        for has_luma, has_chroma in zip(luma, chroma, strict=True):
            for _ in range(2 * has_luma + 4 * has_chroma):
                bits.se()


def _read_slice(bits: BitReader, kind: int, picture: _Picture, whole: bool) -> int:
    """QP of a slice, whose header begins behind the picture's."""
    sps, pps = picture.sps, picture.pps
    if not pps.qp_in_picture:
        _skip_to_qp(bits, kind, picture, whole)
    qp = picture.qp + (0 if pps.qp_in_picture else bits.se())
    if not -6 * (sps.bit_depth - 8) <= qp <= 63:
        raise damaged(f"a VVC slice says QP {qp}")
    return qp


def _skip_to_qp(bits: BitReader, kind: int, picture: _Picture, whole: bool) -> None:
    sps, pps = picture.sps, picture.pps
    if sps.has_subpicture:
        bits.skip(sps.subpicture_bits)
    address = 0
    if not pps.rectangular:
        address = bits.u((pps.tiles - 1).bit_length())
    bits.skip(sps.extra_slice_bits)
    if not pps.rectangular and pps.tiles - address > 1:
        bits.ue(pps.tiles - 1, "sh_num_tiles_in_slice_minus1")
    slice_type = bits.ue(2, "sh_slice_type") if picture.inter else I_SLICE
    if IDR_W_RADL <= kind <= GDR:
        bits.skip(1)
    if sps.alf and not pps.alf_in_picture:
        _skip_alf(bits, sps)
    if not whole:
        bits.skip(picture.lmcs + picture.scaling)
    lists = picture.lists
    if not pps.lists_in_picture and (kind not in (IDR_W_RADL, IDR_N_LP) or sps.idr_lists):
        lists = _read_lists(bits, sps, pps)
    if slice_type == I_SLICE:
        return
    counts = [entries.entries for entries in lists[: 2 if slice_type == B_SLICE else 1]]
    active = [1, 1]
    if any(count > 1 for count in counts):
        override = bits.flag()
        for place, count in enumerate(counts):
            if not override:
                active[place] = min(count, pps.references[place])
            elif count > 1:
                active[place] = 1 + bits.ue(14, "sh_num_ref_idx_active_minus1")
    bits.skip(int(pps.has_cabac_init))
    if picture.temporal and not pps.lists_in_picture:
        second = slice_type == B_SLICE and not bits.flag()
        if active[int(second)] > 1:
            bits.ue(14, "sh_collocated_ref_idx")
    if not pps.weights_in_picture and (pps.weighted_b if slice_type == B_SLICE else pps.weighted):
        _skip_weights(bits, sps, pps, lists, (active[0], active[1] if slice_type == B_SLICE else 0))
