"""Boxes of ISO base media files and of JP2: each length compared with what holds it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from edgeqe.codecs.coded import damaged

#: Boxes at one place that are looked at.
BOX_LIMIT = 70_000


@dataclass(frozen=True)
class MediaBox:
    """A box, and where its content lies in the file."""

    kind: bytes
    start: int
    stop: int


def boxes(data: bytes, start: int, stop: int) -> Iterator[MediaBox]:
    """Boxes that lie side by side.

    Parameters
    ----------
    data : bytes
        The file.
    start, stop : int
        Where they begin and end.

    Raises
    ------
    ImageError
        If one goes beyond the end, or there are more than `BOX_LIMIT`.
    """
    for _ in range(BOX_LIMIT):
        if stop - start < 8:
            return
        size = int.from_bytes(data[start : start + 4], "big")
        kind = data[start + 4 : start + 8]
        content = start + 8
        if size == 1:
            size = int.from_bytes(data[start + 8 : start + 16], "big")
            content = start + 16
        elif size == 0:
            size = stop - start
        if size < content - start or size > stop - start:
            name = kind.decode("ascii", "replace")
            raise damaged(
                f"the box {name!r} says that it has {size} bytes, {stop - start} are left"
            )
        yield MediaBox(kind, content, start + size)
        start += size
    raise damaged(f"the file has more than {BOX_LIMIT} boxes at one place")


def find(data: bytes, start: int, stop: int, kind: bytes) -> MediaBox | None:
    """First box of a kind among those that lie side by side."""
    return next((box for box in boxes(data, start, stop) if box.kind == kind), None)


class ByteReader:
    """Reads numbers of whole bytes, most significant first, from a part of a file."""

    def __init__(self, data: bytes, start: int, stop: int, what: str) -> None:
        self._data = data
        self.at = start
        self._stop = stop
        self._what = what

    @property
    def left(self) -> int:
        """Bytes that are left."""
        return self._stop - self.at

    def u(self, count: int) -> int:
        """Unsigned number of `count` bytes.

        Raises
        ------
        ImageError
            If the part ends before.
        """
        return int.from_bytes(self.take(count), "big")

    def take(self, count: int) -> bytes:
        """Give the next bytes.

        Raises
        ------
        ImageError
            If the part ends before.
        """
        if count > self.left:
            raise damaged(f"the {self._what} ends too early")
        self.at += count
        return self._data[self.at - count : self.at]
