"""Parameter sets and slice headers of the HEVC streams that tests write: ITU-T H.265, 7.3.2, 7.3.6."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from tests.hevc_bits import Bits


@dataclass
class Design:
    """What a stream shall have; slices and segments begin at these blocks of the tile scan."""

    width: int = 64
    height: int = 48
    chroma: int = 1
    bit_depth: int = 8
    window: tuple[int, int, int, int] = (0, 0, 0, 0)
    pcm: tuple[int, int] | None = None
    tiles: tuple[int, int] = (1, 1)
    wavefront: bool = False
    slices: tuple[int, ...] = ()
    segments: tuple[int, ...] = ()
    lossless: bool = False
    transform_skip: bool = False
    qp_delta_depth: int | None = None
    scaling: bool = False
    qp: int = 30
    pictures: int = 1
    range_tool: int | None = None

    @property
    def ctbs(self) -> tuple[int, int]:
        return -(-self.width // 16), -(-self.height // 16)


class HevcHeaders:
    """Writes the headers of a design.

    Attributes
    ----------
    random : numpy.random.Generator
    tile : ndarray of int
        Number of the tile of each coding tree block.
    """

    def __init__(self, design: Design, seed: int) -> None:
        self.design = design
        self.random = np.random.default_rng(seed)
        columns, rows = design.ctbs
        across, down = design.tiles
        column = [(i * across + across - 1) // columns for i in range(columns)]
        row = [(i * down + down - 1) // rows for i in range(rows)]
        self.tile: Any = np.add.outer(np.array(row) * across, np.array(column))

    def _profile(self, bits: Bits) -> None:
        """profile_tier_level(1, 0) of Main or Main 10."""
        eight = self.design.bit_depth == 8
        bits.u(8, 1 if eight else 2)
        bits.u(32, 0x60000000 if eight else 0x20000000)
        bits.u(48, 0x900000000000)
        bits.u(8, 120)

    def video(self) -> bytes:
        bits = Bits()
        bits.u(16, 0x0C01)  # VPS 0, one layer, one sub-layer
        bits.u(16, 0xFFFF)
        self._profile(bits)
        bits.flags(1)
        bits.ue(4, 0, 0)
        bits.u(6, 0)
        bits.ue(0)
        bits.flags(0, 0, 1)
        bits.align()
        return bits.nal(32)

    def sequence(self) -> bytes:
        d, bits = self.design, Bits()
        bits.u(8, 1)  # VPS 0, one sub-layer, temporal nesting
        self._profile(bits)
        bits.ue(0, d.chroma, d.width, d.height)
        bits.flags(any(d.window))
        if any(d.window):
            bits.ue(*d.window)
        bits.ue(d.bit_depth - 8, d.bit_depth - 8, 4)
        bits.flags(0)
        bits.ue(4, 0, 0)
        bits.ue(0, 1, 0, 2, 1, 1)  # coding blocks of 8 and 16, transforms of 4 to 16, depth 1
        bits.flags(d.scaling)
        if d.scaling:
            bits.flags(0)  # the default lists, and the picture has its own
        bits.flags(0, 0, d.pcm is not None)
        if d.pcm:
            bits.u(4, d.pcm[0] - 1)
            bits.u(4, d.pcm[1] - 1)
            bits.ue(0, 1)
            bits.flags(1)
        bits.ue(2)  # two short-term sets: the pictures 1 and 2 before, and the same by prediction
        bits.ue(2, 0)
        for _ in range(2):
            bits.ue(0)
            bits.flags(1)
        bits.flags(1, 1)
        bits.ue(0)
        bits.flags(1, 0, 0, 0, 1)  # of those less 1: used, not kept, and -1 itself kept
        bits.flags(1)
        bits.ue(2)  # two candidates for long-term pictures
        bits.u(18, 0)
        bits.flags(1, 0, 0, d.range_tool is not None)  # temporal MVs, smoothing, VUI, extension
        if d.range_tool is not None:
            bits.u(8, 0x80)
            bits.flags(*(tool == d.range_tool for tool in range(9)))
        bits.flags(1)
        bits.align()
        return bits.nal(33)

    def picture(self) -> bytes:
        d, bits = self.design, Bits()
        bits.ue(0, 0)
        bits.flags(bool(d.segments), 0, 0, 0, 1, 0, 0)  # one extra bit in slice headers
        bits.ue(0, 0)
        bits.se(0)
        bits.flags(0, d.transform_skip, d.qp_delta_depth is not None)
        if d.qp_delta_depth is not None:
            bits.ue(d.qp_delta_depth)
        bits.se(3, -2)
        bits.flags(1, 0, 0, d.lossless, d.tiles != (1, 1), d.wavefront)
        if d.tiles != (1, 1):
            across, down = d.tiles
            columns, rows = d.ctbs
            bits.ue(across - 1, down - 1)
            bits.flags(0)  # sizes are told
            widths = [int((self.tile[0] == i).sum()) for i in range(across - 1)]
            heights = [int((self.tile[:, 0] == i * across).sum()) for i in range(down - 1)]
            bits.ue(*(size - 1 for size in widths + heights))
            bits.flags(1)
        bits.flags(0, 0, d.scaling)
        if d.scaling:
            self._scaling_lists(bits)
        bits.flags(0)
        bits.ue(0)
        bits.flags(1, 0, 1)  # slice header extension, none of the picture's; stop bit
        bits.align()
        return bits.nal(34)

    def _scaling_lists(self, bits: Bits) -> None:
        for size in range(4):
            for matrix in range(0, 6, 3 if size == 3 else 1):
                kind = int(self.random.integers(3)) if matrix else 2
                bits.flags(kind == 2)
                if kind < 2:  # the default list, or that before
                    bits.ue(kind)
                    continue
                if size > 1:
                    bits.se(int(self.random.integers(-4, 30)))
                bits.se(*self.random.integers(-1, 3, 16 if size == 0 else 64).tolist())

    def slice_header(self, index: int, address: int, dependent: bool) -> Bits:
        d, bits = self.design, Bits()
        bits.flags(address == 0)
        if index == 0:
            bits.flags(0)
        bits.ue(0)
        if address:
            if d.segments:
                bits.flags(dependent)
            columns, rows = d.ctbs
            bits.u((columns * rows - 1).bit_length(), address)
        if not dependent:
            bits.flags(0)
            bits.ue(2)
            if index:
                bits.u(8, index)
                bits.flags(0, 1)  # a short-term set of its own, predicted
                bits.ue(0)
                bits.flags(1)
                bits.ue(0)
                bits.flags(0, 0, 0, 0, 1)  # of those less 1: not kept, not kept, -1 itself used
                bits.ue(1, 1)  # two long-term pictures, both the first: a candidate and another
                bits.flags(1, 0)
                bits.u(9, 0)
                bits.flags(1)
                bits.ue(0)
                bits.flags(0)  # slice_temporal_mvp_enabled_flag
            bits.se(d.qp - 26, -1, 1)
        if d.tiles != (1, 1) or d.wavefront:
            bits.ue(0)
        bits.ue(2)
        bits.u(16, 0xABCD)
        bits.flags(1)
        bits.align()
        return bits
