"""Size of a GIF before it is decoded: its first frame may be larger than its screen."""

from __future__ import annotations

#: Blocks in front of the first frame that are looked at.
BLOCK_LIMIT = 100_000


def size_of(data: bytes) -> tuple[int, int]:
    """Width and height that hold the screen and the first frame, pixels.

    Parameters
    ----------
    data : bytes
        A GIF; where it is damaged, the size of the screen comes back.

    References
    ----------
    GIF89a specification, 18 to 25.
    """
    width, height = _pair(data, 6)
    at = 13 + _table(data, 10)
    for _ in range(BLOCK_LIMIT):
        kind = data[at : at + 1]
        if kind == b",":
            left, top = _pair(data, at + 1)
            across, down = _pair(data, at + 5)
            return max(width, left + across), max(height, top + down)
        if kind == b"!":
            at += 2
            while at < len(data) and data[at]:
                at += 1 + data[at]
        elif kind in (b"", b";"):
            break
        at += 1
    return width, height


def _pair(data: bytes, at: int) -> tuple[int, int]:
    return int.from_bytes(data[at : at + 2], "little"), int.from_bytes(
        data[at + 2 : at + 4], "little"
    )


def _table(data: bytes, at: int) -> int:
    """Bytes of the colour table that a byte of flags announces."""
    flags = data[at] if at < len(data) else 0
    return 3 << (flags & 7) + 1 if flags & 128 else 0
