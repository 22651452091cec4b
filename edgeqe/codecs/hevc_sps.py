"""HEVC's sequence parameter set up to its VUI (ITU-T H.265, 7.3.2.2)."""

from __future__ import annotations

from dataclasses import dataclass

from edgeqe.codecs.bits import BitReader
from edgeqe.codecs.coded import check_size
from edgeqe.codecs.hevc_references import HevcReferences, read_references
from edgeqe.codecs.hevc_scaling_lists import DEFAULT_LISTS, ScalingLists, read_scaling_lists


@dataclass(frozen=True)
class HevcPcm:
    """How samples that are not transformed are coded."""

    luma_bits: int
    chroma_bits: int
    log2_smallest: int
    log2_span: int
    loop_filter_off: bool

    @property
    def log2_largest(self) -> int:
        """Side of the largest block of such samples."""
        return self.log2_smallest + self.log2_span


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
    log2_smallest_block: int
    log2_block_span: int
    log2_smallest_transform: int
    log2_transform_span: int
    intra_depth: int
    scaling_lists: ScalingLists | None
    has_sao: bool
    pcm: HevcPcm | None
    references: HevcReferences
    has_temporal_vectors: bool
    strong_smoothing: bool
    sub_layers: int
    """Less one, as `read_vui` takes it."""
    has_vui: bool
    """Whether it goes on with the VUI, before the extensions."""

    @property
    def has_chroma(self) -> bool:
        """Whether slices hold chroma."""
        return self.chroma_format != 0 and not self.separate_planes

    @property
    def log2_ctb(self) -> int:
        """Side of a coding tree block."""
        return self.log2_smallest_block + self.log2_block_span

    @property
    def log2_largest_transform(self) -> int:
        """Side of the largest transform block."""
        return self.log2_smallest_transform + self.log2_transform_span

    @property
    def size_in_ctbs(self) -> tuple[int, int]:
        """Columns and rows of coding tree blocks."""
        return -(-self.width >> self.log2_ctb), -(-self.height >> self.log2_ctb)


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
    lists = None
    if bits.flag():  # scaling_list_enabled_flag
        lists = read_scaling_lists(bits) if bits.flag() else DEFAULT_LISTS
    bits.skip(1)  # amp_enabled_flag
    sao = bits.flag()
    pcm = read_pcm(bits)
    references = read_references(bits, order_bits)
    return number, HevcSps(
        profile, chroma, separate, width, height, window, *depths, *blocks, *transforms,
        intra_depth, lists, sao, pcm, references, bits.flag(), bits.flag(), sub_layers,
        bits.flag(),
    )  # fmt: skip


def read_pcm(bits: BitReader) -> HevcPcm | None:
    """Read how samples that are not transformed are coded; None where none are.

    Raises
    ------
    ImageError
        If it is damaged.
    """
    if not bits.flag():  # pcm_enabled_flag
        return None
    luma, chroma = 1 + bits.u(4), 1 + bits.u(4)
    smallest, span = 3 + bits.ue(2, "smallest PCM block"), bits.ue(2, "span of PCM blocks")
    return HevcPcm(luma, chroma, smallest, span, bits.flag())


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
