"""NAL units of H.264, HEVC and VVC: start codes, lengths, emulation prevention."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Generic, TypeVar

from edgeqe.codecs.coded import damaged

#: Units of a stream that are looked at. A hostile stream is all start codes.
UNIT_LIMIT = 2_000
#: Different parameter sets of a stream; encoders repeat the same few.
SET_LIMIT = 100
#: Bytes of a unit that a header may take.
HEADER_BYTES = 8192
START = b"\0\0\1"


T = TypeVar("T")


class ParameterSets(dict[int, T], Generic[T]):
    """Parameter sets of one kind that came so far, by their identifiers."""

    def __init__(self) -> None:
        super().__init__()
        self._read: dict[bytes, tuple[int, T]] = {}

    def take(self, unit: bytes, read: Callable[[], tuple[int, T]]) -> None:
        """Keep a set; one that came before, byte for byte, is not read again.

        Parameters
        ----------
        unit : bytes
        read : callable
            Reads it: its identifier and its content.

        Raises
        ------
        ImageError
            If there are more than `SET_LIMIT` different ones, or as of `read`.
        """
        if unit not in self._read:
            if len(self._read) >= SET_LIMIT:
                raise damaged(f"the stream has more than {SET_LIMIT} different parameter sets")
            self._read[unit] = read()
        number, content = self._read[unit]
        self[number] = content


def split_annex_b(data: bytes) -> Iterator[bytes]:
    """Units between the start codes of a byte stream, the first `UNIT_LIMIT` of them.

    Parameters
    ----------
    data : bytes
        As of annex B of the standards; what precedes the first start code is passed over.

    Yields
    ------
    bytes
        A unit with its header, still with emulation prevention; never empty.
    """
    start = data.find(START)
    for _ in range(UNIT_LIMIT):
        if start < 0:
            return
        stop = data.find(START, start + 3)
        unit = data[start + 3 : len(data) if stop < 0 else stop].rstrip(b"\0")
        if unit:
            yield unit
        start = stop


def join_annex_b(units: Iterable[bytes]) -> bytes:
    """Byte stream of units, each behind a start code of four bytes."""
    return b"".join(b"\0" + START + unit for unit in units)


def split_lengths(data: bytes, size: int) -> Iterator[bytes]:
    """Units with their length in front, as files of ISO base media hold them.

    Parameters
    ----------
    data : bytes
    size : int
        Bytes of a length, 1 to 4.

    Yields
    ------
    bytes
        A unit with its header, still with emulation prevention; never empty.

    Raises
    ------
    ImageError
        If a length goes beyond the data.
    """
    at = 0
    for _ in range(UNIT_LIMIT):
        if at >= len(data):
            return
        length = int.from_bytes(data[at : at + size], "big")
        at += size
        left = len(data) - at
        if length > left:
            raise damaged(f"a NAL unit says that it has {length} bytes, {max(left, 0)} are left")
        if length:
            yield data[at : at + length]
        at += length


def unescape(unit: bytes) -> bytes:
    """Beginning of a unit without emulation prevention, at most `HEADER_BYTES` of it."""
    return unit[:HEADER_BYTES].replace(b"\0\0\3", b"\0\0")


def escape(payload: bytes) -> bytes:
    """Unit with emulation prevention: no start code, and no 00 00 03, is left in it."""
    out = bytearray()
    zeros = 0
    for byte in payload:
        if zeros == 2 and byte <= 3:
            out.append(3)
            zeros = 0
        out.append(byte)
        zeros = zeros + 1 if byte == 0 else 0
    return bytes(out)
