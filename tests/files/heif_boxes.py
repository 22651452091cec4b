"""A HEIC file by hand (ISO/IEC 23008-12): a grid of HEVC streams, or one, with any properties."""

from __future__ import annotations

import struct

from edgeqe.codecs.hevc_nal import PPS, SPS, VPS, is_slice, unit_kind
from edgeqe.codecs.nal import split_annex_b


def box(kind: bytes, *content: bytes) -> bytes:
    body = b"".join(content)
    return struct.pack(">I", 8 + len(body)) + kind + body


def full(kind: bytes, version: int, *content: bytes) -> bytes:
    return box(kind, bytes((version, 0, 0, 0)), *content)


def configuration(stream: bytes) -> tuple[bytes, bytes]:
    """Box ``hvcC`` of a 4:2:0 stream of 8 bits, and its slices with lengths of four bytes."""
    units = list(split_annex_b(stream))
    sets = [unit for unit in units if unit_kind(unit) in (VPS, SPS, PPS)]
    arrays = b"".join(
        bytes((unit_kind(unit), 0, 1)) + struct.pack(">H", len(unit)) + unit for unit in sets
    )
    head = b"\1" + bytes(15) + bytes((0xFD, 0xF8, 0xF8, 0, 0, 3, len(sets)))
    slices = [unit for unit in units if is_slice(unit_kind(unit))]
    return box(b"hvcC", head + arrays), b"".join(struct.pack(">I", len(u)) + u for u in slices)


def grid(
    streams: list[bytes], columns: int, size: tuple[int, int], tile: tuple[int, int], *props: bytes
) -> bytes:
    """HEIC whose item 1 is a grid of the items 2, 3, ...

    Parameters
    ----------
    streams : list of bytes
        Of the tiles, row by row.
    columns : int
    size, tile : tuple of int
        Width and height of the grid as it is shown, and of a tile.
    props : bytes
        Boxes of further properties of the grid, such as ``irot``, in order.
    """
    coded = [configuration(stream) for stream in streams]
    shape = bytes((0, 0, len(streams) // columns - 1, columns - 1)) + struct.pack(">HH", *size)
    numbers = range(2, 2 + len(streams))
    entries = [full(b"infe", 2, struct.pack(">HH4s", 1, 0, b"grid"), b"\0")]
    # hidden: version 2, flags 1
    entries += [box(b"infe", b"\2\0\0\1", struct.pack(">HH4sB", n, 0, b"hvc1", 0)) for n in numbers]
    properties = [full(b"ispe", 0, struct.pack(">II", *size)), *props]
    properties += [full(b"ispe", 0, struct.pack(">II", *tile))]
    shared = len(properties)
    properties += [record for record, _ in coded]
    own = [1, *range(2, 2 + len(props))]
    links = [struct.pack(">HB", 1, len(own)) + bytes(own)]
    links += [
        struct.pack(">HBBB", n, 2, shared, 0x80 | shared + 1 + at) for at, n in enumerate(numbers)
    ]
    contents = [content for _, content in coded]

    def meta(first: int) -> bytes:
        places = [struct.pack(">HHHHII", 1, 1, 0, 1, 0, len(shape))]
        at = first
        for number, content in zip(numbers, contents, strict=True):
            places.append(struct.pack(">HHHHII", number, 0, 0, 1, at, len(content)))
            at += len(content)
        tiles = struct.pack(">HH", 1, len(streams)) + b"".join(
            struct.pack(">H", n) for n in numbers
        )
        return full(
            b"meta",
            0,
            full(b"hdlr", 0, bytes(4), b"pict", bytes(13)),
            full(b"pitm", 0, struct.pack(">H", 1)),
            full(b"iinf", 0, struct.pack(">H", len(entries)), *entries),
            full(b"iloc", 1, b"\x44\0", struct.pack(">H", len(places)), *places),
            full(b"iref", 0, box(b"dimg", tiles)),
            box(
                b"iprp",
                box(b"ipco", *properties),
                full(b"ipma", 0, struct.pack(">I", len(links)), *links),
            ),
            box(b"idat", shape),
        )

    head = box(b"ftyp", b"heic", bytes(4), b"mif1", b"heic")
    first = len(head) + len(meta(0)) + 8
    return head + meta(first) + box(b"mdat", *contents)
