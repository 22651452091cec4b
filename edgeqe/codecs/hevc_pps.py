"""HEVC's picture parameter set up to its extensions (ITU-T H.265, 7.3.2.3)."""

from __future__ import annotations

from dataclasses import dataclass

from edgeqe.codecs.bits import BitReader
from edgeqe.codecs.hevc_scaling_lists import ScalingLists, read_scaling_lists


@dataclass(frozen=True)
class HevcTiles:
    """Columns and rows of tiles."""

    columns: int = 1
    rows: int = 1
    widths: tuple[int, ...] | None = None
    """In coding tree blocks, of all but the last; None for even ones. So are the heights."""
    heights: tuple[int, ...] | None = None


@dataclass(frozen=True)
class HevcPps:
    """Picture parameter set."""

    sps: int
    dependent_slices: bool
    has_output_flag: bool
    extra_bits: int
    has_sign_hiding: bool
    has_cabac_init: bool
    references: tuple[int, int]
    """Of the two lists, unless a slice says another number."""
    qp: int
    has_transform_skip: bool
    qp_delta_depth: int | None
    """Of the blocks that may change the QP; None where it stays that of the slice."""
    chroma_qp_offsets: tuple[int, int]
    has_slice_chroma_qp_offsets: bool
    weighted: bool
    weighted_b: bool
    has_transquant_bypass: bool
    tiles: HevcTiles | None
    wavefronts: bool
    loop_filter_across_slices: bool
    has_deblocking_override: bool
    deblocking_off: bool
    scaling_lists: ScalingLists | None
    """Instead of those of the sequence."""
    lists_modified: bool
    has_slice_extension: bool


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
    sign_hiding, cabac_init = bits.flag(), bits.flag()
    references = (1 + bits.ue(14, "references"), 1 + bits.ue(14, "references"))
    qp = 26 + bits.se(-26 - 6 * 8, 25, "init_qp_minus26")
    bits.skip(1)  # constrained_intra_pred_flag
    transform_skip = bits.flag()
    depth = bits.ue(3, "diff_cu_qp_delta_depth") if bits.flag() else None
    offsets = (bits.se(-12, 12, "pps_cb_qp_offset"), bits.se(-12, 12, "pps_cr_qp_offset"))
    slice_offsets, weighted, weighted_b = bits.flag(), bits.flag(), bits.flag()
    bypass, has_tiles, wavefronts = bits.flag(), bits.flag(), bits.flag()
    tiles = _tiles(bits) if has_tiles else None
    across_slices = bits.flag()
    override = deblocking_off = False
    if bits.flag():  # deblocking_filter_control_present_flag
        override, deblocking_off = bits.flag(), bits.flag()
        if not deblocking_off:
            bits.se(-6, 6, "pps_beta_offset_div2")
            bits.se(-6, 6, "pps_tc_offset_div2")
    lists = read_scaling_lists(bits) if bits.flag() else None
    modified = bits.flag()
    bits.ue(4, "log2_parallel_merge_level_minus2")
    return number, HevcPps(
        sps, dependent, output, extra, sign_hiding, cabac_init, references, qp, transform_skip,
        depth, offsets, slice_offsets, weighted, weighted_b, bypass, tiles, wavefronts,
        across_slices, override, deblocking_off, lists, modified, bits.flag(),
    )  # fmt: skip


def _tiles(bits: BitReader) -> HevcTiles:
    columns = 1 + bits.ue(1023, "num_tile_columns_minus1")
    rows = 1 + bits.ue(1023, "num_tile_rows_minus1")
    widths = heights = None
    if not bits.flag():  # uniform_spacing_flag
        widths = tuple(1 + bits.ue(name="column_width_minus1") for _ in range(columns - 1))
        heights = tuple(1 + bits.ue(name="row_height_minus1") for _ in range(rows - 1))
    bits.skip(1)  # loop_filter_across_tiles_enabled_flag
    return HevcTiles(columns, rows, widths, heights)
