"""VVC's sequence parameter set, as far as slice headers need it (ITU-T H.266, 7.3.2.4)."""

from __future__ import annotations

from dataclasses import dataclass

from edgeqe.codecs.bits import BitReader
from edgeqe.codecs.coded import check_size, unsupported

#: Constraint flags of a profile, without those that have a count of their own.
CONSTRAINT_BITS = 71
MOST_REFERENCES, MOST_LISTS = 29, 64


@dataclass(frozen=True)
class VvcReferences:
    """A list of references."""

    entries: int = 0
    long_term: int = 0
    order_in_header: bool = True
    """Whether the header that names the list says the order of its long-term entries."""


@dataclass(frozen=True)
class VvcSps:
    """Sequence parameter set."""

    chroma: bool
    log2_tree_unit: int
    width: int
    height: int
    has_subpicture: bool
    subpicture_bits: int
    bit_depth: int
    order_bits: int
    msb_bits: int
    """Bits of a picture's whole order; 0 if there is none."""
    extra_picture_bits: int
    extra_slice_bits: int
    partition_override: bool
    dual_tree: bool
    joint_chroma: bool
    sao: bool
    alf: bool
    cross_alf: bool
    lmcs: bool
    weighted: bool
    long_term: bool
    idr_lists: bool
    lists: tuple[tuple[VvcReferences, ...], tuple[VvcReferences, ...]]
    temporal: bool
    bdof_in_picture: bool
    dmvr_in_picture: bool
    fullpel_in_picture: bool
    prof_in_picture: bool
    scaling_lists: bool
    boundaries_in_picture: bool


def read_sps(bits: BitReader) -> tuple[int, VvcSps]:
    """Read a sequence parameter set without its NAL header: its identifier and its content.

    Raises
    ------
    ImageError
        If it is damaged, or of several layers or subpictures.
    """
    number, vps = bits.u(4), bits.u(4)
    sublayers, chroma = bits.u(3), bits.u(2)
    log2_tree_unit = 5 + bits.u(2)
    has_profile = bits.flag()
    if has_profile:
        _skip_profile(bits, sublayers)
    bits.skip(1)
    if bits.flag():
        bits.skip(1)
    width, height = bits.ue(name="the width"), bits.ue(name="the height")
    check_size(width, height)
    if bits.flag():
        for _ in range(4):
            bits.ue()
    subpicture = bits.flag()
    subpicture_bits = _subpicture(bits) if subpicture else 0
    depth = 8 + bits.ue(8, "sps_bitdepth_minus8")
    bits.skip(2)
    order_bits = 4 + bits.u(4)
    msb_bits = 1 + bits.ue(27, "sps_poc_msb_cycle_len_minus1") if bits.flag() else 0
    extra_picture = sum(bits.u(1) for _ in range(8 * bits.u(2)))
    extra_slice = sum(bits.u(1) for _ in range(8 * bits.u(2)))
    if has_profile:
        every = sublayers > 0 and bits.flag()
        for _ in range(3 * (sublayers + 1 if every else 1)):
            bits.ue()
    bits.ue(4, "sps_log2_min_luma_coding_block_size_minus2")
    override = bits.flag()
    skip_partition(bits)
    dual_tree = chroma != 0 and bits.flag()
    if dual_tree:
        skip_partition(bits)
    skip_partition(bits)
    large_transforms = log2_tree_unit > 5 and bits.flag()
    transform_skip = bits.flag()
    if transform_skip:
        bits.ue(3, "sps_log2_transform_skip_max_size_minus2")
        bits.skip(1)
    if bits.flag():
        bits.skip(2)
    lfnst = bits.flag()
    joint = chroma != 0 and _chroma_tables(bits)
    sao, alf = bits.flag(), bits.flag()
    cross = alf and chroma != 0 and bits.flag()
    lmcs, weighted = bits.flag(), bits.u(2) > 0
    long_term = bits.flag()
    if vps and bits.flag():
        raise unsupported("VVC streams of several layers")
    idr_lists, same = bits.flag(), bits.flag()
    lists = [
        tuple(
            read_references(bits, weighted, long_term, order_bits)
            for _ in range(bits.ue(MOST_LISTS, "sps_num_ref_pic_lists"))
        )
        for _ in range(1 if same else 2)
    ]
    bits.skip(1)
    temporal = bits.flag()
    bits.skip(int(temporal))
    inter = _inter_tools(bits)
    colour_transform = _intra_tools(bits, chroma, transform_skip, large_transforms)
    scaling = _scaling(bits, lfnst, colour_transform)
    bits.skip(2)
    boundaries = bits.flag() and not _boundaries(bits)
    return number, VvcSps(
        chroma != 0, log2_tree_unit, width, height, subpicture, subpicture_bits, depth,
        order_bits, msb_bits, extra_picture, extra_slice, override, dual_tree, joint, sao, alf,
        cross, lmcs, weighted, long_term, idr_lists, (lists[0], lists[-1]), temporal, *inter,
        scaling, boundaries,
    )  # fmt: skip


def _skip_profile(bits: BitReader, sublayers: int) -> None:
    bits.skip(18)
    if bits.flag():
        bits.skip(CONSTRAINT_BITS)
        bits.skip(bits.u(8))
    bits.align()
    present = [bits.flag() for _ in range(sublayers)]
    bits.align()
    bits.skip(8 * sum(present))
    bits.skip(32 * bits.u(8))


def _subpicture(bits: BitReader) -> int:
    """Bits of a subpicture's identifier."""
    if bits.ue(name="sps_num_subpics_minus1"):
        raise unsupported("VVC streams of several subpictures")
    length = 1 + bits.ue(15, "sps_subpic_id_len_minus1")
    if bits.flag() and bits.flag():
        bits.skip(length)
    return length


def skip_partition(bits: BitReader) -> None:
    """Pass over the bounds of a partition of blocks."""
    bits.ue(6, "a block size")
    if bits.ue(12, "a depth"):
        bits.ue(6, "a block size")
        bits.ue(6, "a block size")


def _chroma_tables(bits: BitReader) -> bool:
    """Pass over the tables of chroma's QP; whether residuals of chroma may be joint."""
    joint, same = bits.flag(), bits.flag()
    for _ in range(1 if same else 2 + joint):
        bits.se()
        for _ in range(1 + bits.ue(63, "sps_num_points_in_qp_table_minus1")):
            bits.ue(255, "a QP")
            bits.ue(255, "a QP")
    return joint


def _inter_tools(bits: BitReader) -> tuple[bool, bool, bool, bool]:
    """Which of BDOF, DMVR, whole vectors and PROF each picture switches."""
    has_amvr = bits.flag()
    bdof = bits.flag() and bits.flag()
    bits.skip(1)
    dmvr = bits.flag() and bits.flag()
    fullpel = bits.flag() and bits.flag()
    merges = 6 - bits.ue(5, "sps_six_minus_max_num_merge_cand")
    bits.skip(1)
    prof = False
    if bits.flag():
        bits.ue(5, "sps_five_minus_max_num_subblock_merge_cand")
        bits.skip(1 + has_amvr)
        prof = bits.flag() and bits.flag()
    bits.skip(2)
    if merges >= 2 and bits.flag() and merges >= 3:
        bits.ue(4, "sps_max_num_merge_cand_minus_max_num_gpm_cand")
    bits.ue(5, "sps_log2_parallel_merge_level_minus2")
    return bdof, dmvr, fullpel, prof


def _intra_tools(
    bits: BitReader, chroma: int, transform_skip: bool, large_transforms: bool
) -> bool:
    """Pass over the tools of intra blocks; whether the colour transform is among them."""
    bits.skip(3 + (chroma != 0) + 2 * (chroma == 1))
    palette = bits.flag()
    colour_transform = chroma == 3 and not large_transforms and bits.flag()
    if transform_skip or palette:
        bits.ue(8, "sps_min_qp_prime_ts")
    if bits.flag():
        bits.ue(5, "sps_six_minus_max_num_ibc_merge_cand")
    if bits.flag():
        intervals = 1 + bits.u(2)
        bits.se()
        for _ in range(intervals):
            bits.se()
            bits.ue()
    return colour_transform


def _scaling(bits: BitReader, lfnst: bool, colour_transform: bool) -> bool:
    """Whether there are explicit scaling lists."""
    explicit = bits.flag()
    bits.skip(int(explicit and lfnst))
    if explicit and colour_transform and bits.flag():
        bits.skip(1)
    return explicit


def _boundaries(bits: BitReader) -> bool:
    """Pass over virtual boundaries; whether they are said here and not in each picture."""
    here = bits.flag()
    if here:
        skip_boundaries(bits)
    return here


def skip_boundaries(bits: BitReader) -> None:
    """Pass over virtual boundaries, vertical and horizontal ones."""
    for _ in range(2):
        for _ in range(bits.ue(3, "virtual boundaries")):
            bits.ue()


def read_references(
    bits: BitReader, weighted: bool, long_term: bool, order_bits: int, in_header: bool = False
) -> VvcReferences:
    """Read a list of references, of the SPS or of a header.

    Raises
    ------
    ImageError
        If it is damaged.
    """
    entries = bits.ue(MOST_REFERENCES, "num_ref_entries")
    ordered = in_header or (long_term and entries > 0 and bits.flag())
    found = 0
    for index in range(entries):
        if not long_term or bits.flag():
            distance = bits.ue(32767, "abs_delta_poc_st")
            if distance or not (weighted and index):
                bits.skip(1)
        else:
            found += 1
            bits.skip(0 if ordered else order_bits)
    return VvcReferences(entries, found, ordered)
