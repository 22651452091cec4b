"""The sequence parameter set: clauses 7.3.2.2, 7.3.3 and 7.4.3.2."""

from __future__ import annotations

from dataclasses import dataclass

from edgeqe.codecs.hevc_intra.bits import SyntaxReader, damaged, unsupported
from edgeqe.codecs.hevc_intra.reference_sets import ReferenceSets, skip_reference_set
from edgeqe.codecs.hevc_intra.scaling_lists import DEFAULT, Scaling, read_scaling_lists
from edgeqe.codecs.hevc_intra.usability import skip_vui

#: MaxLumaPs of level 7.2, the largest of annex A: no picture has more luma samples.
MAX_LUMA_SAMPLES = 142_606_336

RANGE_TOOLS = (
    "transform_skip_rotation",
    "transform_skip_context",
    "implicit_rdpcm",
    "explicit_rdpcm",
    "extended_precision_processing",
    "intra_smoothing_disabled",
    "high_precision_offsets",
    "persistent_rice_adaptation",
    "cabac_bypass_alignment",
)


@dataclass(frozen=True)
class Pcm:
    """Blocks that are coded as samples (7.4.3.2.1, pcm_enabled_flag)."""

    luma_bits: int
    chroma_bits: int
    log2_min: int
    log2_max: int


@dataclass(frozen=True)
class SequenceParameters:
    """What intra decoding needs of a sequence parameter set; names as in 7.4.3.2.1.

    Attributes
    ----------
    chroma : bool
        4:2:0; otherwise 4:0:0.
    width, height : int
        Of the coded picture, luma samples, multiples of the smallest coding block.
    window : tuple of int
        Conformance window in luma samples: left, right, top, bottom (ends exclusive).
    references : ReferenceSets
        What slice headers need to pass over their reference pictures.
    """

    chroma: bool
    width: int
    height: int
    window: tuple[int, int, int, int]
    bit_depth: int
    log2_min_cb: int
    log2_ctb: int
    log2_min_tb: int
    log2_max_tb: int
    max_hierarchy_depth_intra: int
    scaling: Scaling | None
    sao: bool
    pcm: Pcm | None
    references: ReferenceSets
    temporal_mvp: bool
    strong_intra_smoothing: bool

    @property
    def size_in_ctbs(self) -> tuple[int, int]:
        """Columns and rows of coding tree blocks."""
        side = 1 << self.log2_ctb
        return -(-self.width // side), -(-self.height // side)


def read_sequence(rbsp: bytes) -> tuple[int, SequenceParameters]:
    """A sequence parameter set and its identifier.

    Raises
    ------
    ImageError
        If it breaks the standard, or needs a tool that is not there.
    """
    bits = SyntaxReader(rbsp)
    bits.u(4)  # sps_video_parameter_set_id
    sub_layers = bits.u(3)
    if sub_layers > 6:
        raise damaged(f"sps_max_sub_layers_minus1 is {sub_layers}")
    bits.u(1)  # sps_temporal_id_nesting_flag
    _skip_profile_tier_level(bits, sub_layers)
    identifier = bits.unsigned("sps_seq_parameter_set_id", 15)
    chroma_format = bits.unsigned("chroma_format_idc", 3)
    if chroma_format > 1:
        raise unsupported(f"{'4:2:2' if chroma_format == 2 else '4:4:4'} chroma")
    width = bits.unsigned("pic_width_in_luma_samples", 1 << 16)
    height = bits.unsigned("pic_height_in_luma_samples", 1 << 16)
    window = _conformance_window(bits, 1 + chroma_format, width, height)
    bit_depth = 8 + bits.unsigned("bit_depth_luma_minus8", 8)
    if bit_depth not in (8, 10):
        raise unsupported(f"{bit_depth} bit luma")
    chroma_depth = 8 + bits.unsigned("bit_depth_chroma_minus8", 8)
    if chroma_format and chroma_depth != bit_depth:
        raise unsupported(f"{bit_depth} bit luma with {chroma_depth} bit chroma")
    poc_bits = 4 + bits.unsigned("log2_max_pic_order_cnt_lsb_minus4", 12)
    for _ in range(sub_layers + 1 if bits.flag() else 1):
        for name in ("max_dec_pic_buffering_minus1", "max_num_reorder", "max_latency_increase"):
            bits.unsigned(f"sps_{name}", (1 << 32) - 2)
    log2_min_cb, log2_ctb, log2_min_tb, log2_max_tb = _block_sizes(bits)
    if not width or not height or (width | height) & (1 << log2_min_cb) - 1:
        raise damaged(f"{width}x{height} is no multiple of the smallest coding block")
    if width * height > MAX_LUMA_SAMPLES:
        raise unsupported(f"a picture of {width}x{height}, which no level allows")
    bits.unsigned("max_transform_hierarchy_depth_inter", log2_ctb - log2_min_tb)
    depth_intra = bits.unsigned("max_transform_hierarchy_depth_intra", log2_ctb - log2_min_tb)
    scaling = None
    if bits.flag():  # scaling_list_enabled_flag
        scaling = read_scaling_lists(bits) if bits.flag() else DEFAULT
    bits.u(1)  # amp_enabled_flag
    sao = bits.flag()
    pcm = _pcm(bits, bit_depth, log2_min_cb, log2_ctb) if bits.flag() else None
    references = _references(bits, poc_bits)
    temporal_mvp = bits.flag()
    strong_intra_smoothing = bits.flag()
    if bits.flag():  # vui_parameters_present_flag
        skip_vui(bits, sub_layers)
    _extensions(bits)
    return identifier, SequenceParameters(
        chroma=chroma_format == 1,
        width=width,
        height=height,
        window=window,
        bit_depth=bit_depth,
        log2_min_cb=log2_min_cb,
        log2_ctb=log2_ctb,
        log2_min_tb=log2_min_tb,
        log2_max_tb=log2_max_tb,
        max_hierarchy_depth_intra=depth_intra,
        scaling=scaling,
        sao=sao,
        pcm=pcm,
        references=references,
        temporal_mvp=temporal_mvp,
        strong_intra_smoothing=strong_intra_smoothing,
    )


def _skip_profile_tier_level(bits: SyntaxReader, sub_layers: int) -> None:
    """profile_tier_level(1, sub_layers) of 7.3.3: the tools say all that decoding needs."""
    bits.u(88)
    bits.u(8)  # general_level_idc
    present = [(bits.flag(), bits.flag()) for _ in range(sub_layers)]
    if sub_layers:
        bits.u(2 * (8 - sub_layers))
    for profile, level in present:
        bits.u(88 * profile + 8 * level)


def _conformance_window(
    bits: SyntaxReader, unit: int, width: int, height: int
) -> tuple[int, int, int, int]:
    if not bits.flag():
        return 0, width, 0, height
    names = ("left", "right", "top", "bottom")
    left, right, top, bottom = (
        unit * bits.unsigned(f"conf_win_{name}_offset", 1 << 16) for name in names
    )
    if left + right >= width or top + bottom >= height:
        raise damaged("the conformance window is empty")
    return left, width - right, top, height - bottom


def _block_sizes(bits: SyntaxReader) -> tuple[int, int, int, int]:
    log2_min_cb = 3 + bits.unsigned("log2_min_luma_coding_block_size_minus3", 3)
    log2_ctb = log2_min_cb + bits.unsigned("log2_diff_max_min_luma_coding_block_size", 3)
    if not 4 <= log2_ctb <= 6:
        raise damaged(f"coding tree blocks of {1 << log2_ctb} samples")
    log2_min_tb = 2 + bits.unsigned("log2_min_luma_transform_block_size_minus2", 3)
    log2_max_tb = log2_min_tb + bits.unsigned("log2_diff_max_min_luma_transform_block_size", 3)
    if log2_min_tb >= log2_min_cb or log2_max_tb > min(log2_ctb, 5):
        raise damaged(f"transform blocks of {1 << log2_min_tb} to {1 << log2_max_tb} samples")
    return log2_min_cb, log2_ctb, log2_min_tb, log2_max_tb


def _pcm(bits: SyntaxReader, bit_depth: int, log2_min_cb: int, log2_ctb: int) -> Pcm:
    luma_bits = 1 + bits.u(4)
    chroma_bits = 1 + bits.u(4)
    log2_min = 3 + bits.unsigned("log2_min_pcm_luma_coding_block_size_minus3", 2)
    log2_max = log2_min + bits.unsigned("log2_diff_max_min_pcm_luma_coding_block_size", 2)
    bits.u(1)  # pcm_loop_filter_disabled_flag
    if max(luma_bits, chroma_bits) > bit_depth:
        raise damaged(f"PCM samples of {max(luma_bits, chroma_bits)} bits")
    if log2_min < min(log2_min_cb, 5) or log2_max > min(log2_ctb, 5):
        raise damaged(f"PCM blocks of {1 << log2_min} to {1 << log2_max} samples")
    return Pcm(luma_bits, chroma_bits, log2_min, log2_max)


def _references(bits: SyntaxReader, poc_bits: int) -> ReferenceSets:
    sizes: list[int] = []
    count = bits.unsigned("num_short_term_ref_pic_sets", 64)
    for _ in range(count):
        sizes.append(skip_reference_set(bits, sizes, len(sizes), in_slice=False))
    long_term = bits.flag()
    candidates = bits.unsigned("num_long_term_ref_pics_sps", 32) if long_term else 0
    for _ in range(candidates):
        bits.u(poc_bits + 1)  # lt_ref_pic_poc_lsb_sps, used_by_curr_pic_lt_sps_flag
    return ReferenceSets(poc_bits, tuple(sizes), long_term, candidates)


def _extensions(bits: SyntaxReader) -> None:
    if not bits.flag():  # sps_extension_present_flag
        return
    in_range, multilayer, three_d, screen = (bits.flag() for _ in range(4))
    others = bits.u(4)
    for present, name in ((multilayer, "multilayer"), (three_d, "3D"), (screen, "screen content")):
        if present:
            raise unsupported(f"the {name} extension")
    if others:
        raise unsupported("an extension of a later edition (sps_extension_4bits)")
    if in_range:
        for tool in RANGE_TOOLS:
            if bits.flag():
                raise unsupported(f"{tool} of the range extensions")
