"""VVC's picture parameter set, as far as slice headers need it (ITU-T H.266, 7.3.2.5)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from edgeqe.codecs.bits import BitReader
from edgeqe.codecs.coded import check_size, damaged, unsupported
from edgeqe.codecs.vvc_sps import VvcSps

MOST_TILES = 990


@dataclass(frozen=True)
class VvcPps:
    """Picture parameter set."""

    sps: int
    has_output_flag: bool
    tiles: int
    rectangular: bool
    has_cabac_init: bool
    references: tuple[int, int]
    second_list_index: bool
    weighted: bool
    weighted_b: bool
    qp: int
    qp_varies: bool
    chroma_offsets: bool
    chroma_offset_list: bool
    filter_off: bool
    filter_in_picture: bool
    lists_in_picture: bool
    sao_in_picture: bool
    alf_in_picture: bool
    weights_in_picture: bool
    qp_in_picture: bool
    picture_extension: bool


def read_pps(bits: BitReader, sets: Mapping[int, VvcSps]) -> tuple[int, VvcPps]:
    """Read a picture parameter set without its NAL header: its identifier and its content.

    Raises
    ------
    ImageError
        If it is damaged, or its SPS did not come before it.
    """
    number = bits.u(6)
    sps_number = bits.u(4)
    sps = sets.get(sps_number)
    if sps is None:
        raise damaged("a VVC PPS names an SPS that did not come before it")
    bits.skip(1)
    width, height = bits.ue(sps.width, "the width"), bits.ue(sps.height, "the height")
    check_size(width, height)
    for signed in (False, True):
        if bits.flag():
            for _ in range(4):
                bits.se() if signed else bits.ue()
    output, whole = bits.flag(), bits.flag()
    if bits.flag():
        if not whole:
            bits.ue(0, "pps_num_subpics_minus1")
        bits.skip(1 + bits.ue(15, "pps_subpic_id_len_minus1"))
    tiles, rectangular = (1, True) if whole else _partition(bits, sps, width, height)
    cabac_init = bits.flag()
    references = (1 + bits.ue(14, "references"), 1 + bits.ue(14, "references"))
    second, weighted, weighted_b = bits.flag(), bits.flag(), bits.flag()
    if bits.flag():
        bits.ue()
    qp = 26 + bits.se()
    varies, chroma_offsets = bits.flag(), bits.flag()
    slice_offsets = chroma_offsets and _chroma_offsets(bits)
    override, off, in_picture = False, False, False
    if bits.flag():
        override, off = bits.flag(), bits.flag()
        in_picture = not whole and override and bits.flag()
        if not off:
            for _ in range(6 if chroma_offsets else 2):
                bits.se()
    lists, sao, alf, weights, in_ph = False, False, False, False, False
    if not whole:
        lists, sao, alf = bits.flag(), bits.flag(), bits.flag()
        weights = (weighted or weighted_b) and lists and bits.flag()
        in_ph = bits.flag()
    return number, VvcPps(
        sps_number, output, tiles, rectangular, cabac_init, references, second,
        weighted, weighted_b, qp, varies, chroma_offsets, slice_offsets, off, in_picture, lists,
        sao, alf, weights, in_ph, bits.flag(),
    )  # fmt: skip


def _partition(bits: BitReader, sps: VvcSps, width: int, height: int) -> tuple[int, bool]:
    """Tiles of a picture, and whether its slices are rectangles."""
    bits.skip(2)
    sides = [-(-side >> sps.log2_tree_unit) for side in (width, height)]
    explicit = [1 + bits.ue(side - 1, "tiles") for side in sides]
    tiles = 1
    for side, count in zip(sides, explicit, strict=True):
        left, last = side, side
        for _ in range(count):
            last = 1 + bits.ue(left - 1, "the size of a tile") if left else 0
            left -= last
            if not last:
                raise damaged("the tiles of a VVC picture are larger than it")
        tiles *= count + -(-left // last)
    if tiles > MOST_TILES:
        raise damaged(f"a VVC picture has {tiles} tiles")
    rectangular = True
    if tiles > 1:
        bits.skip(1)
        rectangular = bits.flag()
    if rectangular and not bits.flag():  # pps_single_slice_per_subpic_flag
        if bits.ue(999, "pps_num_slices_in_pic_minus1"):
            raise unsupported("VVC pictures of several rectangular slices")
    else:
        bits.skip(1)
    return tiles, rectangular


def _chroma_offsets(bits: BitReader) -> bool:
    """Pass over the offsets of chroma's QP; whether blocks choose from a list of them."""
    bits.se()
    bits.se()
    joint = bits.flag()
    if joint:
        bits.se()
    bits.skip(1)
    choose = bits.flag()
    if choose:
        for _ in range((1 + bits.ue(5, "pps_chroma_qp_offset_list_len_minus1")) * (2 + joint)):
            bits.se()
    return choose
