"""What a PNG says beside its samples: colours, texts and XMP, chunk by chunk.

References
----------
PNG, third edition: chunk layout (5.3), ancillary chunks (11.3).
"""

from __future__ import annotations

import io
import zlib
from collections.abc import Iterator
from typing import IO

#: Chunks that say what colours the samples are.
COLOUR_CHUNKS = (b"gAMA", b"cHRM", b"sRGB", b"cICP")
#: Chunks of the brightness of HDR pictures, which Pillow does not write.
HDR_CHUNKS = (b"mDCV", b"cLLI")
#: Chunks that Pillow reads too, and passes over where they are damaged.
PILLOWS_CHUNKS = (b"eXIf", b"iCCP")
TEXT_CHUNKS = (b"tEXt", b"zTXt", b"iTXt")
#: Keyword of the text that holds an XMP packet, and what follows it uncompressed.
XMP_KEY = b"XML:com.adobe.xmp"
XMP_START = XMP_KEY + bytes(5)
#: Chunks of a file that are looked at, and bytes that a compressed packet may become.
CHUNK_LIMIT, PACKET_LIMIT = 1_000_000, 1 << 24


def chunks(stream: IO[bytes]) -> Iterator[tuple[bytes, int, int]]:
    """Kind of each chunk, and where its content begins and ends; a cut one ends the list."""
    at, end = 8, stream.seek(0, io.SEEK_END)
    for _ in range(CHUNK_LIMIT):
        stream.seek(at)
        head = stream.read(8)
        length, kind = int.from_bytes(head[:4], "big"), head[4:]
        if len(kind) < 4 or at + 12 + length > end:
            return
        yield kind, at + 8, at + 8 + length
        if kind == b"IEND":
            return
        at += 12 + length


def said(stream: IO[bytes]) -> tuple[dict[bytes, bytes], tuple[tuple[bytes, bytes], ...], bytes]:
    """Chunks of colours, HDR and EXIF by kind, texts as chunks, and the XMP packet of a PNG."""
    named: dict[bytes, bytes] = {}
    texts: list[tuple[bytes, bytes]] = []
    xmp = b""
    for kind, start, stop in chunks(stream):
        if kind in COLOUR_CHUNKS + HDR_CHUNKS + PILLOWS_CHUNKS:
            named.setdefault(kind, _content(stream, start, stop))
        elif kind in TEXT_CHUNKS:
            content = _content(stream, start, stop)
            if kind == b"iTXt" and content.startswith(XMP_KEY + b"\0"):
                xmp = _packet(content)
            else:
                texts.append((kind, content))
    return named, tuple(texts), xmp


def xmp_chunk(packet: bytes) -> tuple[bytes, bytes]:
    """Chunk of an XMP packet."""
    return b"iTXt", XMP_START + packet


def comment_chunk(comment: bytes) -> tuple[bytes, bytes]:
    """Chunk of a comment: UTF-8 where it is that, else Latin-1."""
    text = comment.rstrip(b"\0").replace(b"\0", b" ")
    try:
        text.decode("utf-8")
    except UnicodeDecodeError:
        return b"tEXt", b"Comment\0" + text
    return b"iTXt", b"Comment" + bytes(5) + text


def _content(stream: IO[bytes], start: int, stop: int) -> bytes:
    stream.seek(start)
    return stream.read(stop - start)


def _packet(content: bytes) -> bytes:
    """XMP packet of an international text; empty if it is damaged."""
    compressed, rest = content[len(XMP_KEY) + 1 : len(XMP_KEY) + 2], content[len(XMP_KEY) + 3 :]
    parts = rest.split(b"\0", 2)
    if len(parts) < 3:
        return b""
    if compressed != b"\x01":
        return parts[2]
    unpacking = zlib.decompressobj()
    try:
        packet = unpacking.decompress(parts[2], PACKET_LIMIT)
    except zlib.error:
        return b""
    return packet if unpacking.eof else b""
