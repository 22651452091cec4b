"""The picture parameter set, and the tiles it cuts a picture into: clauses 7.3.2.3 and 6.5.1."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgeqe.codecs.hevc_intra.bits import SyntaxReader, damaged, unsupported
from edgeqe.codecs.hevc_intra.scaling_lists import Scaling, read_scaling_lists
from edgeqe.codecs.hevc_intra.sequence import SequenceParameters

#: Most columns and rows of tiles that a level allows (annex A).
MAX_TILE_COLUMNS = 20
MAX_TILE_ROWS = 22


@dataclass(frozen=True)
class Tiles:
    """Columns and rows of tiles (7.4.3.3.1).

    Attributes
    ----------
    columns, rows : int
    widths, heights : tuple of int, or None
        Sizes in coding tree blocks of all but the last; None for uniform spacing.
    """

    columns: int
    rows: int
    widths: tuple[int, ...] | None
    heights: tuple[int, ...] | None


@dataclass(frozen=True)
class PictureParameters:
    """What intra decoding needs of a picture parameter set; names as in 7.4.3.3.1."""

    sequence: int
    dependent_slice_segments: bool
    output_flag_present: bool
    extra_slice_header_bits: int
    sign_data_hiding: bool
    init_qp: int
    transform_skip: bool
    cu_qp_delta_depth: int | None
    chroma_qp_offsets: tuple[int, int]
    slice_chroma_qp_offsets: bool
    transquant_bypass: bool
    tiles: Tiles
    tiles_enabled: bool
    entropy_coding_sync: bool
    loop_filter_across_slices: bool
    deblocking_override: bool
    deblocking_disabled: bool
    scaling: Scaling | None
    slice_header_extension: bool


def read_picture(rbsp: bytes) -> tuple[int, PictureParameters]:
    """A picture parameter set and its identifier.

    Raises
    ------
    ImageError
        If it breaks the standard, or needs a tool that is not there.
    """
    bits = SyntaxReader(rbsp)
    identifier = bits.unsigned("pps_pic_parameter_set_id", 63)
    sequence = bits.unsigned("pps_seq_parameter_set_id", 15)
    dependent_slice_segments = bits.flag()
    output_flag_present = bits.flag()
    extra_slice_header_bits = bits.u(3)
    sign_data_hiding = bits.flag()
    bits.u(1)  # cabac_init_present_flag
    bits.unsigned("num_ref_idx_l0_default_active_minus1", 14)
    bits.unsigned("num_ref_idx_l1_default_active_minus1", 14)
    init_qp = 26 + bits.signed("init_qp_minus26", -26 - 12, 25)
    bits.u(1)  # constrained_intra_pred_flag: in an intra picture every block is intra
    transform_skip = bits.flag()
    cu_qp_delta_depth = bits.unsigned("diff_cu_qp_delta_depth", 3) if bits.flag() else None
    cb, cr = (bits.signed(f"pps_{name}_qp_offset", -12, 12) for name in ("cb", "cr"))
    slice_chroma_qp_offsets = bits.flag()
    bits.u(2)  # weighted_pred_flag, weighted_bipred_flag
    transquant_bypass = bits.flag()
    tiles_enabled = bits.flag()
    entropy_coding_sync = bits.flag()
    tiles = _tiles(bits) if tiles_enabled else Tiles(1, 1, None, None)
    loop_filter_across_slices = bits.flag()
    deblocking_override = deblocking_disabled = False
    if bits.flag():  # deblocking_filter_control_present_flag
        deblocking_override = bits.flag()
        deblocking_disabled = bits.flag()
        if not deblocking_disabled:
            bits.signed("pps_beta_offset_div2", -6, 6)
            bits.signed("pps_tc_offset_div2", -6, 6)
    scaling = read_scaling_lists(bits) if bits.flag() else None
    bits.u(1)  # lists_modification_present_flag
    bits.unsigned("log2_parallel_merge_level_minus2", 4)
    slice_header_extension = bits.flag()
    _extensions(bits, transform_skip)
    return identifier, PictureParameters(
        sequence=sequence,
        dependent_slice_segments=dependent_slice_segments,
        output_flag_present=output_flag_present,
        extra_slice_header_bits=extra_slice_header_bits,
        sign_data_hiding=sign_data_hiding,
        init_qp=init_qp,
        transform_skip=transform_skip,
        cu_qp_delta_depth=cu_qp_delta_depth,
        chroma_qp_offsets=(cb, cr),
        slice_chroma_qp_offsets=slice_chroma_qp_offsets,
        transquant_bypass=transquant_bypass,
        tiles=tiles,
        tiles_enabled=tiles_enabled,
        entropy_coding_sync=entropy_coding_sync,
        loop_filter_across_slices=loop_filter_across_slices,
        deblocking_override=deblocking_override,
        deblocking_disabled=deblocking_disabled,
        scaling=scaling,
        slice_header_extension=slice_header_extension,
    )


def _tiles(bits: SyntaxReader) -> Tiles:
    columns = 1 + bits.unsigned("num_tile_columns_minus1", MAX_TILE_COLUMNS - 1)
    rows = 1 + bits.unsigned("num_tile_rows_minus1", MAX_TILE_ROWS - 1)
    widths = heights = None
    if not bits.flag():  # uniform_spacing_flag
        widths = tuple(
            1 + bits.unsigned("column_width_minus1", 1 << 13) for _ in range(columns - 1)
        )
        heights = tuple(1 + bits.unsigned("row_height_minus1", 1 << 13) for _ in range(rows - 1))
    bits.u(1)  # loop_filter_across_tiles_enabled_flag
    return Tiles(columns, rows, widths, heights)


def _extensions(bits: SyntaxReader, transform_skip: bool) -> None:
    if not bits.flag():  # pps_extension_present_flag
        return
    in_range, multilayer, three_d, screen = (bits.flag() for _ in range(4))
    others = bits.u(4)
    for present, name in ((multilayer, "multilayer"), (three_d, "3D"), (screen, "screen content")):
        if present:
            raise unsupported(f"the {name} extension")
    if others:
        raise unsupported("an extension of a later edition (pps_extension_4bits)")
    if in_range:
        if transform_skip and bits.unsigned("log2_max_transform_skip_block_size_minus2", 3):
            raise unsupported("transform skip of large blocks, of the range extensions")
        for tool in ("cross_component_prediction", "chroma_qp_offset_list"):
            if bits.flag():
                raise unsupported(f"{tool} of the range extensions")


def tile_scan(sequence: SequenceParameters, tiles: Tiles) -> npt.NDArray[np.int32]:
    """Conversion of coding tree block addresses, and tile of each block (6.5.1).

    Returns
    -------
    ndarray of int32, shape (3, PicSizeInCtbsY)
        CtbAddrTsToRs by address in tile scan; CtbAddrRsToTs and the tile's number by address
        in raster scan.

    Raises
    ------
    ImageError
        If the picture is smaller than its tiles.
    """
    columns, rows = sequence.size_in_ctbs
    column_ends = _ends(columns, tiles.columns, tiles.widths)
    row_ends = _ends(rows, tiles.rows, tiles.heights)
    of_column = np.searchsorted(column_ends, np.arange(columns), "right")
    of_row = np.searchsorted(row_ends, np.arange(rows), "right")
    tile = (of_row[:, None] * tiles.columns + of_column).ravel()
    to_raster = np.argsort(tile, kind="stable")
    scan = np.empty((3, tile.size), np.int32)
    scan[0] = to_raster
    scan[1, to_raster] = np.arange(tile.size)
    scan[2] = tile
    return scan


def _ends(size: int, count: int, sizes: tuple[int, ...] | None) -> npt.NDArray[np.int64]:
    if sizes is None:
        ends = np.arange(1, count + 1) * size // count
    else:
        ends = np.cumsum([*sizes, 0])
        ends[-1] = size
    if (np.diff(ends, prepend=0) < 1).any():
        raise damaged(f"{count} tiles do not fit into {size} coding tree blocks")
    return ends
