"""Bits and arithmetic codewords of HEVC streams that tests write: ITU-T H.265, 7.3.1 and 9.3.5."""

from __future__ import annotations

from edgeqe.codecs.hevc_intra.cabac import AFTER_LPS, AFTER_MPS, RANGE_LPS
from edgeqe.codecs.hevc_intra.contexts import initial_contexts
from edgeqe.codecs.hevc_intra.layout import CONTEXT


class Bits:
    """Bits of a header or of slice data, written one behind the other."""

    def __init__(self) -> None:
        self.bits: list[int] = []

    def u(self, count: int, value: int) -> None:
        self.bits += [value >> i & 1 for i in range(count - 1, -1, -1)]

    def flags(self, *values: bool | int) -> None:
        self.bits += map(int, values)

    def ue(self, *values: int) -> None:
        for value in values:
            self.u(2 * (value + 1).bit_length() - 1, value + 1)

    def se(self, *values: int) -> None:
        self.ue(*(2 * value - 1 if value > 0 else -2 * value for value in values))

    def align(self) -> None:
        self.bits += [0] * (-len(self.bits) % 8)

    def nal(self, kind: int) -> bytes:
        """A NAL unit with its start code and emulation prevention; the bits must be aligned."""
        payload = bytearray()
        for i in range(0, len(self.bits), 8):
            byte = int("".join(map(str, self.bits[i : i + 8])), 2)
            if byte <= 3 and payload[-2:] == b"\0\0":
                payload.append(3)
            payload.append(byte)
        return b"\0\0\0\1" + bytes([kind << 1, 1]) + bytes(payload)


class ArithmeticEncoder:
    """The arithmetic encoder of 9.3.5; contexts are named by the decoder's places."""

    def __init__(self, bits: Bits, slice_qp: int) -> None:
        self.bits = bits
        self.context = initial_contexts(slice_qp)
        self.restart()

    def restart(self) -> None:
        self._low, self._range, self._first, self._outstanding = 0, 510, True, 0

    def _put(self, bit: int) -> None:
        if not self._first:
            self.bits.flags(bit)
        self._first = False
        self.bits.flags(*[1 - bit] * self._outstanding)
        self._outstanding = 0

    def _renormalise(self) -> None:
        while self._range < 256:
            if self._low < 256:
                self._put(0)
            elif self._low >= 512:
                self._low -= 512
                self._put(1)
            else:
                self._low -= 256
                self._outstanding += 1
            self._range <<= 1
            self._low <<= 1

    def decision(self, place: int, value: bool | int) -> None:
        state = int(self.context[place - CONTEXT])
        least = int(RANGE_LPS[state >> 1, self._range >> 6 & 3])
        self._range -= least
        after = AFTER_MPS
        if value != (state & 1):
            self._low += self._range
            self._range = least
            after = AFTER_LPS
        self.context[place - CONTEXT] = after[state]
        self._renormalise()

    def bypass(self, count: int, value: int) -> None:
        for i in range(count - 1, -1, -1):
            self._low <<= 1
            if value >> i & 1:
                self._low += self._range
            if self._low >= 1024:
                self._low -= 1024
                self._put(1)
            elif self._low < 512:
                self._put(0)
            else:
                self._low -= 512
                self._outstanding += 1

    def terminate(self, value: bool | int) -> None:
        self._range -= 2
        if value:
            self._low += self._range
            self._range = 2
            self._renormalise()
            self._put(self._low >> 9 & 1)
            self.bits.u(2, self._low >> 7 & 3 | 1)
        else:
            self._renormalise()
