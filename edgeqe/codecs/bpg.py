"""BPG: a short header, metadata, and an HEVC picture without its VPS and SPS.

References
----------
F. Bellard, "BPG Specification", version 0.9.5.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from edgeqe.codecs import hevc
from edgeqe.codecs.bits import BitReader
from edgeqe.codecs.boxes import ByteReader
from edgeqe.codecs.bpg_sps import IntraTools, parameter_sets, read_tools, tools_of, write_tools
from edgeqe.codecs.coded import CodedStrength, check_size, damaged, unsupported
from edgeqe.codecs.hevc_nal import IDR, PPS, SPS, is_slice, unit_kind
from edgeqe.codecs.hevc_sps import HevcSps
from edgeqe.codecs.nal import START, UNIT_LIMIT, join_annex_b, split_annex_b
from edgeqe.errors import InputError

MAGIC = b"BPG\xfb"
#: Chroma formats of HEVC by pixel format: gray, 4:2:0, 4:2:2, 4:4:4, and the first two
#: subsampled ones again with chroma where films have it.
CHROMA_FORMATS = (0, 1, 2, 3, 1, 2)
DEEPEST = 14
#: Chunks of metadata of a file.
CHUNK_LIMIT = 1000
EXIF, ICC_PROFILE, XMP, THUMBNAIL, ANIMATION = range(1, 6)


@dataclass(frozen=True)
class BpgFile:
    """What a BPG file holds."""

    width: int
    """Pixels, as shown."""
    height: int
    """Pixels, as shown."""
    pixel_format: int
    """0 gray, 1 4:2:0, 2 4:2:2, 3 4:4:4; 4 and 5 are 1 and 2 with chroma where MPEG-2 has it."""
    bit_depth: int
    """Bits of a sample, 8 to 14."""
    color_space: int
    """0 BT.601, 1 RGB, 2 YCgCo, 3 BT.709, 4 BT.2020."""
    limited_range: bool
    """Whether samples are of limited range, as in films."""
    premultiplied: bool
    """Whether colour is multiplied with alpha."""
    extensions: tuple[tuple[int, bytes], ...]
    """Tag and content of each metadata chunk: 1 EXIF, 2 ICC profile, 3 XMP, 4 thumbnail."""
    stream: bytes
    """Byte stream of the picture (annex B), which any HEVC decoder takes."""
    alpha: bytes = b""
    """Byte stream of the alpha plane, gray; empty where there is none."""


def read(data: bytes) -> BpgFile:
    """Read a file and rebuild its HEVC streams.

    Of an animation the stream holds all pictures. With subsampled chroma the stream shows an even
    number of pixels: cut the picture to `BpgFile.width` and `BpgFile.height`.

    Parameters
    ----------
    data : bytes

    Raises
    ------
    ImageError
        If it is damaged or cut short, or of a kind that the specification does not have.
    """
    reader = ByteReader(data, 0, len(data), "BPG header")
    if reader.take(4) != MAGIC:
        raise damaged("the file does not begin as a BPG")
    first, second = reader.u(1), reader.u(1)
    pixel_format, depth = first >> 5, 8 + (first & 15)
    alpha1, alpha2 = bool(first & 16), bool(second & 4)
    color_space, limited = second >> 4, bool(second & 2)
    if pixel_format >= len(CHROMA_FORMATS) or depth > DEEPEST or color_space > 4:
        raise unsupported(
            f"BPG files of pixel format {pixel_format}, {depth} bits and color space {color_space}"
        )
    width, height = _ue7(reader), _ue7(reader)
    check_size(width, height)
    length = _ue7(reader)
    extensions: tuple[tuple[int, bytes], ...] = ()
    if second & 8:
        extensions = _extensions(reader.take(_ue7(reader)))
    payload = reader.take(length or reader.left)
    inner = ByteReader(payload, 0, len(payload), "BPG picture")
    shape = (width, height, depth)
    alpha_sets = parameter_sets(_tools(inner), *shape, 0) if alpha1 or alpha2 else []
    sets = parameter_sets(_tools(inner), *shape, CHROMA_FORMATS[pixel_format])
    units = list(split_annex_b(START + inner.take(inner.left)))
    if len(units) >= UNIT_LIMIT:
        raise unsupported(f"BPG files of {UNIT_LIMIT} and more units")
    if not any(is_slice(unit_kind(unit)) for unit in units):
        raise damaged("a BPG holds no picture")
    stream = _stream(sets, (unit for unit in units if _layer(unit) == 0))
    alpha = b""
    if alpha_sets:
        alpha = _stream(alpha_sets, (_to_base(unit) for unit in units if _layer(unit) == 1))
    return BpgFile(
        width, height, pixel_format, depth, color_space, limited, alpha1 and alpha2, extensions,
        stream, alpha,
    )  # fmt: skip


def write(
    stream: bytes,
    width: int,
    height: int,
    *,
    alpha: bytes = b"",
    color_space: int = 0,
    limited_range: bool = False,
    extensions: Iterable[tuple[int, bytes]] = (),
) -> bytes:
    """Write a file from the stream of one intra picture; `edgeqe.coding.bpg` codes one.

    Parameters
    ----------
    stream : bytes
        Byte stream of HEVC (annex B): one IDR picture, gray or 4:2:0, 8 or 10 bit.
    width, height : int
        Pixels to show; the stream's own size rounds them up to whole blocks.
    alpha : bytes
        Byte stream of straight alpha, one gray IDR picture of that size and depth; empty for none.
    color_space : int
        See `BpgFile`.
    limited_range : bool
        See `BpgFile`.
    extensions : iterable of (int, bytes)
        Tag and content of each metadata chunk.

    Raises
    ------
    InputError
        If the stream is not such a picture, or is damaged.
    """
    sps, header, units = _picture_of(stream, width, height)
    flags = (8 if (chunks := tuple(extensions)) else 0) | (2 if limited_range else 0)
    if alpha:
        gray, alpha_header, alpha_units = _picture_of(alpha, width, height)
        if gray.chroma_format or gray.bit_depth != sps.bit_depth:
            raise InputError(
                f"alpha of chroma format {gray.chroma_format} and {gray.bit_depth} bits does not go "
                f"with colours of {sps.bit_depth} bits: give a gray stream of as many."
            )
        header = alpha_header + header
        units = [_to_layer_1(unit) for unit in alpha_units] + units
    # start codes of three bytes, as the reference encoder writes; the first one is left out
    payload = header + START.join(units)
    body = b"".join(_as_ue7(tag) + _as_ue7(len(content)) + content for tag, content in chunks)
    first = sps.chroma_format << 5 | (16 if alpha else 0) | sps.bit_depth - 8
    return b"".join(
        (
            MAGIC,
            bytes((first, color_space << 4 | flags)),
            _as_ue7(width),
            _as_ue7(height),
            _as_ue7(len(payload)),
            _as_ue7(len(body)) + body if chunks else b"",
            payload,
        )
    )


def _picture_of(stream: bytes, width: int, height: int) -> tuple[HevcSps, bytes, list[bytes]]:
    """SPS of a stream of one picture, what a BPG keeps of it behind its length, and its units."""
    headers = hevc.HevcHeaders()
    kept, sets = [], []
    slices = 0
    for unit in split_annex_b(stream):
        kind = unit_kind(unit)
        headers.take(unit)
        if kind == SPS:
            sets.append(unit)
        if is_slice(kind):
            found = hevc.read_slice(unit, headers)
            slices += found is not None and found.first
            if kind not in IDR or slices > 1:
                raise unsupported("BPG files of several pictures, or of none that stands alone")
        if is_slice(kind) or kind == PPS:
            kept.append(unit)
    if not slices or list(headers.sps) != [0] or len(set(sets)) != 1:
        raise damaged("the HEVC stream does not hold one picture with one SPS of number 0")
    sps, tools = tools_of(sets[0], width, height)
    header = write_tools(tools)
    return sps, _as_ue7(len(header)) + header, kept


def strength(data: bytes) -> CodedStrength:
    """Strength of a file: the mean QP of its slices; see `read` for what it raises."""
    file = read(data)
    found = hevc.strength(split_annex_b(file.stream), "bpg")
    return replace(found, width=file.width, height=file.height)


def _tools(reader: ByteReader) -> IntraTools:
    return read_tools(BitReader(reader.take(_ue7(reader)), "HEVC header of a BPG"))


def _layer(unit: bytes) -> int:
    return (unit[0] & 1) << 5 | unit[1] >> 3 if len(unit) > 1 else -1


def _to_base(unit: bytes) -> bytes:
    """Unit of another layer as one of the base layer."""
    return bytes((unit[0] & 0xFE, unit[1] & 7)) + unit[2:]


def _to_layer_1(unit: bytes) -> bytes:
    """Unit of the base layer as one of layer 1, where alpha lies."""
    return bytes((unit[0], unit[1] | 8)) + unit[2:]


def _stream(sets: list[bytes], units: Iterator[bytes]) -> bytes:
    return join_annex_b((*sets, *units))


def _extensions(data: bytes) -> tuple[tuple[int, bytes], ...]:
    reader = ByteReader(data, 0, len(data), "metadata of a BPG")
    found: list[tuple[int, bytes]] = []
    while reader.left:
        if len(found) >= CHUNK_LIMIT:
            raise damaged(f"a BPG has more than {CHUNK_LIMIT} chunks of metadata")
        tag = _ue7(reader)
        found.append((tag, reader.take(_ue7(reader))))
    return tuple(found)


def _ue7(reader: ByteReader) -> int:
    """Number of seven bits a byte, at most 32 bits; a first byte of 0x80 is forbidden."""
    value = 0
    for place in range(5):
        byte = reader.u(1)
        if not place and byte == 0x80:
            break
        value = value << 7 | byte & 127
        if byte < 128 and value < 1 << 32:
            return value
    raise damaged("a BPG holds a number that is not in its shortest form")


def _as_ue7(value: int) -> bytes:
    parts = [value & 127]
    while value := value >> 7:
        parts.append(128 | value & 127)
    return bytes(reversed(parts))
