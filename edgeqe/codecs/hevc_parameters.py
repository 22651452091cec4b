"""HEVC's parameter sets, as far as slice headers and BPG need them (ITU-T H.265, 7.3.2)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edgeqe.codecs.bits import BitReader
from edgeqe.codecs.coded import check_size, damaged

#: Distance in output order, and whether it is used, of each short-term reference.
ReferenceSet = tuple[tuple[int, bool], ...]
#: Pictures that a decoder may hold.
MOST_REFERENCES = 16


@dataclass(frozen=True)
class HevcPcm:
    """How samples that are not transformed are coded."""

    luma_bits: int
    chroma_bits: int
    log2_smallest: int
    log2_span: int
    loop_filter_off: bool


@dataclass(frozen=True)
class HevcSps:
    """Sequence parameter set."""

    profile: int
    chroma_format: int
    """0 gray, 1 4:2:0, 2 4:2:2, 3 4:4:4."""
    separate_planes: bool
    width: int
    height: int
    window: tuple[int, int, int, int]
    """Cut off left, right, top and bottom, in units of chroma samples."""
    bit_depth: int
    chroma_bit_depth: int
    order_bits: int
    log2_smallest_block: int
    log2_block_span: int
    log2_smallest_transform: int
    log2_transform_span: int
    intra_depth: int
    has_scaling_lists: bool
    has_sao: bool
    pcm: HevcPcm | None
    references: tuple[ReferenceSet, ...]
    has_long_term: bool
    long_term: tuple[bool, ...]
    """Whether each listed long-term reference is used."""
    has_temporal_vectors: bool
    strong_smoothing: bool
    has_vui: bool
    read_bits: int
    """Bits up to and with `has_vui`; the VUI and the extensions follow."""

    @property
    def has_chroma(self) -> bool:
        """Whether slices hold chroma."""
        return self.chroma_format != 0 and not self.separate_planes

    @property
    def tree_units(self) -> int:
        """Number of coding tree units."""
        log2 = self.log2_smallest_block + self.log2_block_span
        return -(-self.width >> log2) * -(-self.height >> log2)


@dataclass(frozen=True)
class HevcPps:
    """Picture parameter set."""

    sps: int
    dependent_slices: bool
    has_output_flag: bool
    extra_bits: int
    has_cabac_init: bool
    references: tuple[int, int]
    qp: int
    weighted: bool
    weighted_b: bool
    lists_modified: bool


def read_sps(bits: BitReader) -> tuple[int, HevcSps]:
    """Read a sequence parameter set without its NAL header: its identifier and its content.

    Raises
    ------
    ImageError
        If it is damaged.
    """
    bits.skip(4)
    sub_layers = bits.u(3)
    bits.skip(1)
    profile = _profile(bits, sub_layers)
    number = bits.ue(15, "sps_seq_parameter_set_id")
    chroma = bits.ue(3, "chroma_format_idc")
    separate = chroma == 3 and bits.flag()
    width = bits.ue(name="pic_width_in_luma_samples")
    height = bits.ue(name="pic_height_in_luma_samples")
    check_size(width, height)
    window = (0, 0, 0, 0)
    if bits.flag():
        window = (bits.ue(width), bits.ue(width), bits.ue(height), bits.ue(height))
    depths = (8 + bits.ue(8, "bit_depth_luma_minus8"), 8 + bits.ue(8, "bit_depth_chroma_minus8"))
    order_bits = 4 + bits.ue(12, "log2_max_pic_order_cnt_lsb_minus4")
    for _ in range(0 if bits.flag() else sub_layers, sub_layers + 1):
        for _ in range(3):
            bits.ue()
    blocks = (3 + bits.ue(3, "log2_min_luma_coding_block_size_minus3"), bits.ue(3, "block span"))
    transforms = (2 + bits.ue(3, "log2_min_luma_transform_block_size_minus2"), bits.ue(3, "span"))
    bits.ue(4, "max_transform_hierarchy_depth_inter")
    intra_depth = bits.ue(4, "max_transform_hierarchy_depth_intra")
    scaling = bits.flag()
    if scaling and bits.flag():
        skip_scaling_lists(bits)
    bits.skip(1)  # amp_enabled_flag
    sao = bits.flag()
    pcm = None
    if bits.flag():
        luma, chroma_pcm = 1 + bits.u(4), 1 + bits.u(4)
        smallest, span = 3 + bits.ue(2, "smallest PCM block"), bits.ue(2, "span of PCM blocks")
        pcm = HevcPcm(luma, chroma_pcm, smallest, span, bits.flag())
    references: list[ReferenceSet] = []
    for index in range(bits.ue(64, "num_short_term_ref_pic_sets")):
        references.append(read_reference_set(bits, index, references))
    has_long_term = bits.flag()
    long_term = []
    for _ in range(bits.ue(32, "num_long_term_ref_pics_sps") if has_long_term else 0):
        bits.skip(order_bits)
        long_term.append(bits.flag())
    return number, HevcSps(
        profile, chroma, separate, width, height, window, *depths, order_bits, *blocks,
        *transforms, intra_depth, scaling, sao, pcm, tuple(references), has_long_term,
        tuple(long_term), bits.flag(), bits.flag(), bits.flag(), bits.position,
    )  # fmt: skip


def _profile(bits: BitReader, sub_layers: int) -> int:
    """Profile of a stream; passes over its tier, its level and those of sub-layers."""
    bits.skip(3)
    profile = bits.u(5)
    bits.skip(80 + 8)
    present = [(bits.flag(), bits.flag()) for _ in range(sub_layers)]
    if sub_layers:
        bits.skip(2 * (8 - sub_layers))
    for has_profile, has_level in present:
        bits.skip(88 * has_profile + 8 * has_level)
    return profile


def skip_scaling_lists(bits: BitReader) -> None:
    """Pass over scaling lists."""
    for size in range(4):
        for _ in range(2 if size == 3 else 6):
            if not bits.flag():
                bits.ue(5, "scaling_list_pred_matrix_id_delta")
                continue
            for _ in range(min(64, 16 << 2 * size) + (size > 1)):
                bits.se()


def read_reference_set(
    bits: BitReader, index: int, before: Sequence[ReferenceSet], in_slice: bool = False
) -> ReferenceSet:
    """Read a set of short-term references.

    Parameters
    ----------
    bits : BitReader
    index : int
        Of the set; the number of sets of the SPS for one in a slice.
    before : sequence of ReferenceSet
        Sets that it may be predicted from.
    in_slice : bool
        Whether it says by itself which one that is.

    Raises
    ------
    ImageError
        If it is damaged.
    """
    if index and bits.flag():
        back = 1 + (bits.ue(index - 1, "delta_idx_minus1") if in_slice else 0)
        negative = bits.flag()
        shift = 1 + bits.ue(32767, "abs_delta_rps_minus1")
        shift = -shift if negative else shift
        found = []
        for distance in (*(entry[0] for entry in before[index - back]), 0):
            used = bits.flag()
            if (used or bits.flag()) and distance + shift:
                found.append((distance + shift, used))
    else:
        counts = (bits.ue(16, "num_negative_pics"), bits.ue(16, "num_positive_pics"))
        found = []
        for count, sign in zip(counts, (-1, 1), strict=True):
            distance = 0
            for _ in range(count):
                distance += sign * (1 + bits.ue(32767, "delta_poc_minus1"))
                found.append((distance, bits.flag()))
    if len(found) > MOST_REFERENCES:
        raise damaged(f"an HEVC header lists {len(found)} references")
    # the nearest first, those before the picture before those after it
    return tuple(sorted(found, key=lambda entry: (entry[0] > 0, abs(entry[0]))))


def read_pps(bits: BitReader) -> tuple[int, HevcPps]:
    """Read a picture parameter set without its NAL header: its identifier and its content.

    Raises
    ------
    ImageError
        If it is damaged.
    """
    number = bits.ue(63, "pps_pic_parameter_set_id")
    sps = bits.ue(15, "pps_seq_parameter_set_id")
    dependent, output = bits.flag(), bits.flag()
    extra = bits.u(3)
    bits.skip(1)  # sign_data_hiding_enabled_flag
    cabac_init = bits.flag()
    references = (1 + bits.ue(14, "references"), 1 + bits.ue(14, "references"))
    qp = 26 + bits.se()
    bits.skip(2)
    if bits.flag():
        bits.ue(3, "diff_cu_qp_delta_depth")
    bits.se()
    bits.se()
    bits.skip(1)
    weighted, weighted_b = bits.flag(), bits.flag()
    bits.skip(1)  # transquant_bypass_enabled_flag
    tiles = bits.flag()
    bits.skip(1)  # entropy_coding_sync_enabled_flag
    if tiles:
        counts = bits.ue(1023, "num_tile_columns_minus1") + bits.ue(1023, "num_tile_rows_minus1")
        if not bits.flag():
            for _ in range(counts):
                bits.ue()
        bits.skip(1)
    bits.skip(1)
    if bits.flag():
        bits.skip(1)
        if not bits.flag():
            bits.se()
            bits.se()
    if bits.flag():
        skip_scaling_lists(bits)
    lists_modified = bits.flag()
    return number, HevcPps(sps, dependent, output, extra, cabac_init, references, qp, weighted,
                   weighted_b, lists_modified)  # fmt: skip
