"""HEVC's parameter sets from the few fields that a BPG keeps of them, and back.

The fields that it leaves out have fixed values (BPG specification 0.9.5, section 3.2).
"""

from __future__ import annotations

from dataclasses import dataclass

from edgeqe.codecs.bits import BitReader, BitWriter
from edgeqe.codecs.coded import unsupported
from edgeqe.codecs.hevc_sps import HevcPcm, HevcSps, read_pcm, read_sps
from edgeqe.codecs.hevc_vui import skip_vui
from edgeqe.codecs.nal import escape, unescape
from edgeqe.errors import InputError

#: NAL headers of a VPS and an SPS.
VPS_HEADER, SPS_HEADER = b"\x40\x01", b"\x42\x01"
MAIN, MAIN_10, RANGE_EXTENSIONS = 1, 2, 4
#: Level 8.5, which bounds no size.
LEVEL = 255
#: log2_max_pic_order_cnt_lsb_minus4, fixed.
ORDER_BITS_MINUS_4 = 4
RANGE_FLAGS = 9


@dataclass(frozen=True)
class IntraTools:
    """Fields of an SPS that a BPG keeps."""

    log2_smallest_block: int
    log2_block_span: int
    log2_smallest_transform: int
    log2_transform_span: int
    intra_depth: int
    has_sao: bool
    pcm: HevcPcm | None
    strong_smoothing: bool
    range_flags: int | None = None
    """Nine flags of the range extension, the first in the highest bit; None without it."""


def read_tools(bits: BitReader) -> IntraTools:
    """Read ``hevc_header`` behind its length.

    Raises
    ------
    ImageError
        If it is damaged.
    """
    blocks = (3 + bits.ue(3, "smallest block"), bits.ue(3, "span of blocks"))
    transforms = (2 + bits.ue(3, "smallest transform"), bits.ue(3, "span of transforms"))
    depth, sao = bits.ue(4, "depth of transforms"), bits.flag()
    pcm = read_pcm(bits)
    return IntraTools(*blocks, *transforms, depth, sao, pcm, bits.flag(), _read_extension(bits))


def _read_extension(bits: BitReader) -> int | None:
    """Flags of the range extension."""
    if not bits.flag():
        return None
    has_range = bits.flag()
    if bits.u(7):
        raise unsupported("BPG files with extensions of HEVC beside the range extension")
    return bits.u(RANGE_FLAGS) if has_range else None


def write_tools(tools: IntraTools) -> bytes:
    """Bytes of ``hevc_header`` without its length."""
    bits = BitWriter()
    _write_blocks(bits, tools)
    bits.ue(tools.intra_depth)
    bits.u(1, tools.has_sao)
    _write_pcm(bits, tools.pcm)
    bits.u(1, tools.strong_smoothing)
    _write_extension(bits, tools)
    return bits.bytes()


def tools_of(unit: bytes, width: int, height: int) -> tuple[HevcSps, IntraTools]:
    """Read an SPS, and the fields that a BPG keeps of it.

    Parameters
    ----------
    unit : bytes
        The SPS as a NAL unit.
    width, height : int
        Pixels to show.

    Raises
    ------
    InputError
        If the SPS is damaged, or a BPG cannot hold the picture.
    """
    bits = BitReader(unescape(unit[2:]), "HEVC SPS")
    _, sps = read_sps(bits)
    if sps.chroma_format > 1 or sps.bit_depth not in (8, 10):
        raise unsupported("BPG files to write of other than gray and 4:2:0 in 8 or 10 bit")
    if sps.scaling_lists or (sps.chroma_format and sps.chroma_bit_depth != sps.bit_depth):
        raise unsupported("BPG files with scaling lists or with two bit depths")
    block = 1 << sps.log2_smallest_block
    if (sps.width, sps.height) != (-(-width // block) * block, -(-height // block) * block):
        raise InputError(
            f"a picture of {width}x{height} takes {-(-width // block) * block}x"
            f"{-(-height // block) * block} in blocks of {block}, and the stream has "
            f"{sps.width}x{sps.height}: give the size that was coded."
        )
    if sps.has_vui:
        skip_vui(bits, sps.sub_layers)
    return sps, IntraTools(
        sps.log2_smallest_block, sps.log2_block_span, sps.log2_smallest_transform,
        sps.log2_transform_span, sps.intra_depth, sps.has_sao, sps.pcm, sps.strong_smoothing,
        _read_extension(bits),
    )  # fmt: skip


def parameter_sets(
    tools: IntraTools, width: int, height: int, bit_depth: int, chroma_format: int
) -> list[bytes]:
    """VPS and SPS of a picture, as NAL units.

    Parameters
    ----------
    tools : IntraTools
    width, height : int
        Pixels to show: what the coded blocks have more is cut off.
    bit_depth : int
    chroma_format : int
        0 gray, 1 4:2:0, 2 4:2:2, 3 4:4:4.
    """
    vps = BitWriter()
    vps.u(32, 3 << 26 | 1 << 16 | 0xFFFF)  # VPS 0, one layer, one sub-layer, nested
    _write_profile(vps, bit_depth, chroma_format)
    vps.u(1, 1)
    for value in (0, 0, 0):
        vps.ue(value)
    vps.u(6, 0)
    vps.ue(0)
    vps.u(2, 0)
    _finish(vps)
    sps = BitWriter()
    sps.u(8, 1)  # VPS 0, one sub-layer, nested
    _write_profile(sps, bit_depth, chroma_format)
    sps.ue(0)
    sps.ue(chroma_format)
    if chroma_format == 3:
        sps.u(1, 0)
    block = 1 << tools.log2_smallest_block
    coded = [-(-side // block) * block for side in (width, height)]
    for side in coded:
        sps.ue(side)
    _write_window(sps, (coded[0] - width, coded[1] - height), chroma_format)
    for value in (bit_depth - 8, bit_depth - 8, ORDER_BITS_MINUS_4):
        sps.ue(value)
    sps.u(1, 1)
    for value in (0, 0, 0):
        sps.ue(value)
    _write_blocks(sps, tools)
    sps.ue(tools.intra_depth)
    sps.ue(tools.intra_depth)
    sps.u(2, 1)  # no scaling lists; asymmetric partitions
    sps.u(1, tools.has_sao)
    _write_pcm(sps, tools.pcm)
    sps.ue(0)
    sps.u(2, 1)  # no long-term references; temporal vectors
    sps.u(1, tools.strong_smoothing)
    sps.u(1, 0)
    _write_extension(sps, tools)
    _finish(sps)
    return [VPS_HEADER + escape(vps.bytes()), SPS_HEADER + escape(sps.bytes())]


def _write_profile(bits: BitWriter, bit_depth: int, chroma_format: int) -> None:
    profile = RANGE_EXTENSIONS
    if chroma_format == 1 and bit_depth <= 10:
        profile = MAIN if bit_depth == 8 else MAIN_10
    bits.u(8, profile)
    bits.u(32, 1 << 31 - profile)
    bits.u(4, 0b1001)  # progressive, frames only
    bits.u(44, 0)
    bits.u(8, LEVEL)


def _write_window(bits: BitWriter, cut: tuple[int, int], chroma_format: int) -> None:
    across, down = 2 if chroma_format in (1, 2) else 1, 2 if chroma_format == 1 else 1
    right, bottom = cut[0] // across, cut[1] // down
    bits.u(1, bool(right or bottom))
    if right or bottom:
        for value in (0, right, 0, bottom):
            bits.ue(value)


def _write_blocks(bits: BitWriter, tools: IntraTools) -> None:
    bits.ue(tools.log2_smallest_block - 3)
    bits.ue(tools.log2_block_span)
    bits.ue(tools.log2_smallest_transform - 2)
    bits.ue(tools.log2_transform_span)


def _write_pcm(bits: BitWriter, pcm: HevcPcm | None) -> None:
    bits.u(1, pcm is not None)
    if pcm is not None:
        bits.u(4, pcm.luma_bits - 1)
        bits.u(4, pcm.chroma_bits - 1)
        bits.ue(pcm.log2_smallest - 3)
        bits.ue(pcm.log2_span)
        bits.u(1, pcm.loop_filter_off)


def _write_extension(bits: BitWriter, tools: IntraTools) -> None:
    bits.u(1, tools.range_flags is not None)
    if tools.range_flags is not None:
        bits.u(8, 0x80)
        bits.u(RANGE_FLAGS, tools.range_flags)


def _finish(bits: BitWriter) -> None:
    """Stop bit; the writer fills up with zeros."""
    bits.u(1, 1)
