"""Writes HEVC intra pictures of random blocks, with tools that the encoders at hand do not have.

It follows the syntax tables of ITU-T H.265 from the other side: a test gets a stream from it, and
another decoder says what is in it. Coding tree blocks have 16 samples, coding blocks 8 or
16, and a transform block has no coefficient or its first.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from edgeqe.codecs.hevc_intra import contexts as place
from edgeqe.codecs.hevc_intra.contexts import initial_contexts
from tests.hevc_bits import ArithmeticEncoder, Bits
from tests.hevc_headers import Design, HevcHeaders

IDR = 20
TRAILING = 1


def _blocks(x: int, y: int, log2: int) -> tuple[slice, slice]:
    side = 1 << log2 - 2
    return slice(y // 4, y // 4 + side), slice(x // 4, x // 4 + side)


class HevcWriter:
    """Writes the pictures of a design, their blocks by chance.

    Of the last picture it keeps, for each block of 4x4 luma samples, `tu_log2`, whether the
    transform block has a coefficient (`coded`), and `qp` unless groups are smaller than trees.
    """

    def __init__(self, design: Design, seed: int = 0) -> None:
        self.design = design
        self._headers = HevcHeaders(design, seed)
        self.random = self._headers.random
        self.tile = self._headers.tile
        self.order = [int(i) for i in np.argsort(self.tile.ravel(), kind="stable")]

    def stream(self) -> bytes:
        headers = self._headers
        units = [headers.video(), headers.sequence(), headers.picture()]
        for index in range(self.design.pictures):
            units += self._slices(index)
        return b"".join(units)

    def _slices(self, index: int) -> Iterator[bytes]:
        d = self.design
        columns, rows = d.ctbs
        self.region = np.full((rows * 2, columns * 2), -1)  # of blocks of 8x8, -1 not yet coded
        self.depth = np.zeros((rows * 2, columns * 2), int)
        self.tu_log2 = np.zeros((d.height // 4, d.width // 4), int)
        self.coded = np.zeros((d.height // 4, d.width // 4), bool)
        self.qp = np.zeros((d.height // 4, d.width // 4), int)
        saved: dict[str, Any] = {}
        number = 0
        coder = ArithmeticEncoder(Bits(), d.qp)
        for ts, address in enumerate(self.order):
            y, x = divmod(address, columns)
            tile = self.tile[y, x]
            left = x > 0 and self.tile[y, x - 1] == tile
            new_tile = ts == 0 or self.tile.flat[self.order[ts - 1]] != tile
            new_row = d.wavefront and not left
            new_slice = ts == 0 or ts in d.slices
            begins = new_slice or ts in d.segments
            number += new_slice
            if begins:
                coder.bits = self._headers.slice_header(index, address, not new_slice)
            elif new_tile or new_row:
                coder.terminate(1)
                coder.bits.align()
            here = 1000 * number + int(tile)
            if begins or new_tile or new_row:
                coder.restart()
                coder.context = initial_contexts(d.qp)
                if new_slice or new_tile or new_row:
                    self.qp_now = d.qp
                if new_row and not new_tile:
                    if x + 1 < columns and self.region[2 * y - 1, 2 * x + 2] == here:
                        coder.context = saved["row"].copy()
                elif begins and not new_slice and not new_tile:
                    coder.context = saved["segment"].copy()
            self._coding_tree(coder, 16 * x, 16 * y, here)
            if left and (x == 1 or self.tile[y, x - 2] != tile):
                saved["row"] = coder.context.copy()
            after = ts + 1
            ends = after == len(self.order) or after in d.slices or after in d.segments
            coder.terminate(ends)
            if ends:
                saved["segment"] = coder.context.copy()
                coder.bits.align()
                yield coder.bits.nal(TRAILING if index else IDR)

    def _chance(self, probability: float = 0.5) -> bool:
        return bool(self.random.random() < probability)

    def _coding_tree(self, coder: ArithmeticEncoder, x: int, y: int, here: int) -> None:
        d = self.design
        split = True
        self.delta_coded = False
        self.qp_predicted = self.qp_now
        if x + 16 <= d.width and y + 16 <= d.height:
            split = self._chance()
            context = place.SPLIT_CU
            for row, column in ((y // 8, x // 8 - 1), (y // 8 - 1, x // 8)):
                if row >= 0 and column >= 0 and self.region[row, column] == here:
                    context += int(self.depth[row, column])
            coder.decision(context, split)
        for row in (0, 8) if split else (0,):
            for column in (0, 8) if split else (0,):
                if x + column < d.width and y + row < d.height:
                    if split and d.qp_delta_depth == 1:
                        self.delta_coded = False
                    log2 = 3 if split else 4
                    self._coding_unit(coder, x + column, y + row, log2, here)
                    self.qp[_blocks(x + column, y + row, log2)] = self.qp_now

    def _coding_unit(self, coder: ArithmeticEncoder, x: int, y: int, log2: int, here: int) -> None:
        d = self.design
        blocks = np.s_[y // 8 : (y >> 3) + log2 - 2, x // 8 : (x >> 3) + log2 - 2]
        self.region[blocks] = here
        self.depth[blocks] = 4 - log2
        self.lossless = d.lossless and self._chance()
        if d.lossless:
            coder.decision(place.TRANSQUANT_BYPASS, self.lossless)
        parted = log2 == 3 and self._chance(0.4)
        if log2 == 3:
            coder.decision(place.PART_MODE, not parted)
        if d.pcm and not parted:
            pcm = self._chance(0.3)
            coder.terminate(pcm)
            if pcm:
                coder.bits.align()
                for bits, side in zip((*d.pcm, d.pcm[1]), (1, 2, 2), strict=True):
                    for _ in range((1 << 2 * log2) // side**2 if side == 1 or d.chroma else 0):
                        coder.bits.u(bits, int(self.random.integers(1 << bits)))
                coder.bits.align()
                coder.restart()
                self.tu_log2[_blocks(x, y, log2)] = log2
                return
        parts = [self._chance() for _ in range(4 if parted else 1)]
        for most_probable in parts:
            coder.decision(place.PREV_INTRA_LUMA, most_probable)
        for most_probable in parts:
            if most_probable:
                coder.bypass(*((1, 0), (2, 2), (2, 3))[self.random.integers(3)])
            else:
                coder.bypass(5, int(self.random.integers(32)))
        if d.chroma:
            other = self._chance()
            coder.decision(place.CHROMA_PRED_MODE, other)
            if other:
                coder.bypass(2, int(self.random.integers(4)))
        self._transform_tree(coder, (x, y), log2, 0, 0, parted, 3 if d.chroma else 0)

    def _transform_tree(
        self,
        coder: ArithmeticEncoder,
        corner: tuple[int, int],
        log2: int,
        depth: int,
        part: int,
        parted: bool,
        cbf: int,
    ) -> None:
        split = parted and depth == 0
        if not split and log2 > 2 and depth < 1 + parted:
            split = self._chance(0.4)
            coder.decision(place.SPLIT_TRANSFORM + 5 - log2, split)
        if log2 > 2:
            for plane in range(2):
                if cbf >> plane & 1:
                    coded = self._chance()
                    coder.decision(place.CBF_CHROMA + depth, coded)
                    cbf &= ~(0 if coded else 1 << plane)
        if split:
            x, y = corner
            half = 1 << log2 - 1
            for child in range(4):
                quarter = x + half * (child & 1), y + half * (child >> 1)
                self._transform_tree(coder, quarter, log2 - 1, depth + 1, child, parted, cbf)
            return
        luma = self._chance()
        coder.decision(place.CBF_LUMA + (depth == 0), luma)
        self.tu_log2[_blocks(*corner, log2)] = log2
        self.coded[_blocks(*corner, log2)] = luma
        if (luma or cbf) and self.design.qp_delta_depth is not None and not self.delta_coded:
            self._qp_delta(coder)
        if luma:
            self._coefficient(coder, log2, 0)
        if log2 > 2 or part == 3:
            for plane in range(2):
                if cbf >> plane & 1:
                    self._coefficient(coder, max(log2 - 1, 2), 1)

    def _qp_delta(self, coder: ArithmeticEncoder) -> None:
        self.delta_coded = True
        value = int(self.random.integers(-26, 26))
        extra = 6 * (self.design.bit_depth - 8)
        self.qp_now = (self.qp_predicted + value + 52 + 2 * extra) % (52 + extra) - extra
        for i in range(min(abs(value), 5)):
            coder.decision(place.QP_DELTA + (i > 0), 1)
        if abs(value) < 5:
            coder.decision(place.QP_DELTA + (value != 0), 0)
        else:
            rest, order = abs(value) - 5, 0
            while rest >= 1 << order:
                coder.bypass(1, 1)
                rest -= 1 << order
                order += 1
            coder.bypass(1, 0)
            coder.bypass(order, rest)
        if value:
            coder.bypass(1, value < 0)

    def _coefficient(self, coder: ArithmeticEncoder, log2: int, chroma: int) -> None:
        """residual_coding() of a block whose only coefficient is its first."""
        if self.design.transform_skip and log2 == 2 and not self.lossless:
            coder.decision(place.TRANSFORM_SKIP + chroma, self._chance())
        offset = 15 if chroma else 3 * (log2 - 2) + (log2 - 1 >> 2)
        coder.decision(place.LAST_X + offset, 0)
        coder.decision(place.LAST_Y + offset, 0)
        level = int(self.random.choice([1, 2, 3, 5, 9, 40]))
        coder.decision(place.GREATER1 + 16 * chroma + 1, level > 1)
        if level > 1:
            coder.decision(place.GREATER2 + 4 * chroma, level > 2)
        coder.bypass(1, self._chance())
        if level > 2:
            rest, prefix = level - 3, 0
            while rest >= (prefix + 1 if prefix < 3 else (1 << prefix - 2) + 2):
                prefix += 1
            coder.bypass(prefix + 1, (1 << prefix + 1) - 2)
            if prefix > 3:
                coder.bypass(prefix - 3, rest - (1 << prefix - 3) - 2)
