"""A picture's parameters as far as this decoder takes them, and its tiles: clause 6.5.1."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from edgeqe.codecs.bits import BitReader
from edgeqe.codecs.coded import damaged
from edgeqe.codecs.hevc_intra.units import outside_profiles
from edgeqe.codecs.hevc_pps import HevcPps, HevcTiles, read_pps
from edgeqe.codecs.hevc_sps import HevcSps

#: Most columns and rows of tiles that a level allows (annex A).
MAX_TILE_COLUMNS = 20
MAX_TILE_ROWS = 22


def read_picture(rbsp: bytes) -> tuple[int, HevcPps]:
    """A picture parameter set whose pictures can be decoded, and its identifier.

    Raises
    ------
    ImageError
        If it breaks the standard, or needs a tool that is not there.
    """
    bits = BitReader(rbsp, "HEVC PPS")
    identifier, pps = read_pps(bits)
    tiles = pps.tiles
    if tiles and (tiles.columns > MAX_TILE_COLUMNS or tiles.rows > MAX_TILE_ROWS):
        raise damaged(f"an HEVC PPS says {tiles.columns} columns and {tiles.rows} rows of tiles")
    _check_extensions(bits, pps.has_transform_skip)
    return identifier, pps


def _check_extensions(bits: BitReader, transform_skip: bool) -> None:
    if not bits.flag():  # pps_extension_present_flag
        return
    in_range, multilayer, three_d, screen = (bits.flag() for _ in range(4))
    others = bits.u(4)
    for present, name in ((multilayer, "multilayer"), (three_d, "3D"), (screen, "screen content")):
        if present:
            raise outside_profiles(f"the {name} extension")
    if others:
        raise outside_profiles("an extension of a later edition (pps_extension_4bits)")
    if in_range:
        if transform_skip and bits.ue(3, "log2_max_transform_skip_block_size_minus2"):
            raise outside_profiles("transform skip of large blocks, of the range extensions")
        for tool in ("cross_component_prediction", "chroma_qp_offset_list"):
            if bits.flag():
                raise outside_profiles(f"{tool} of the range extensions")


def tile_scan(sps: HevcSps, tiles: HevcTiles) -> npt.NDArray[np.int32]:
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
    columns, rows = sps.size_in_ctbs
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
        raise damaged(f"{count} tiles of an HEVC PPS do not fit into {size} coding tree blocks")
    return ends
