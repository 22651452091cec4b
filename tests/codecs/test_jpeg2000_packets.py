"""Packet headers laid out by hand, bit by bit, by the tables of ITU-T T.800, B.10."""

import struct

import pytest

from edgeqe.codecs import jpeg2000
from edgeqe.codecs.jpeg2000_codestream import read_codestream
from edgeqe.codecs.jpeg2000_packets import HeaderBits, TagTree
from edgeqe.codecs.jpeg2000_step import EffectiveStep, read_effective_step
from edgeqe.errors import ImageError

#: Code-block style bits.
BYPASS, TERMINATE = 1, 4


def packed(text: str) -> bytes:
    """Bytes of bits, with a 0 behind each byte of ones, and padding."""
    bits = text.replace(" ", "")
    found = bytearray()
    while bits or found[-1:] == b"\xff":
        room = 7 if found[-1:] == b"\xff" else 8
        found.append(int(bits[:room].ljust(room, "0"), 2))
        bits = bits[room:]
    return bytes(found)


def segment(marker: int, content: bytes) -> bytes:
    return struct.pack(">HH", marker, 2 + len(content)) + content


def codestream(
    packets: bytes,
    *,
    size: tuple[int, int] = (128, 64),
    layers: int = 1,
    style: int = 0,
    exponent: int = 8,
    mantissa: int = 0,
    more: bytes = b"",
) -> bytes:
    """Gray picture without a decomposition: one subband, 9/7, code-blocks of 64x64, one guard bit."""
    siz = struct.pack(">HIIIIIIIIHBBB", 0, *size, 0, 0, *size, 0, 0, 1, 7, 1, 1)
    cod = struct.pack(">BBHBBBBBB", 0, 0, layers, 0, 0, 4, 4, style, 0)
    qcd = struct.pack(">BH", (1 << 5) + 2, (exponent << 11) + mantissa)
    tile = struct.pack(">HHHIBBH", 0xFF90, 10, 0, 14 + len(packets), 0, 1, 0xFF93) + packets
    return (
        b"\xff\x4f" + segment(0xFF51, siz) + segment(0xFF52, cod) + segment(0xFF5C, qcd) + more
        + tile + b"\xff\xd9"
    )  # fmt: skip


def effective(data: bytes) -> EffectiveStep:
    return read_effective_step(read_codestream(data, 0, len(data)), luma_first=False)


def test_the_standards_own_tag_tree() -> None:
    # B.10.2: a tree of 6x3 leaves, of which the first three, 1, 3 and 2, are 01111 001 101
    tree, bits = TagTree(6, 3), HeaderBits(packed("01111 001 101"), 0)
    assert [tree.below(leaf, 9, bits) for leaf in range(3)] == [1, 3, 2]
    assert bits.number(5) == 0  # all of 11 bits are read


def test_a_tag_tree_tells_no_more_than_is_asked() -> None:
    tree, bits = TagTree(6, 3), HeaderBits(packed("01111 001 101"), 0)
    assert tree.below(0, 1, bits) is None  # the root's first bit
    assert tree.below(0, 1, bits) is None  # and none again
    assert tree.below(0, 2, bits) == 1
    assert tree.below(1, 3, bits) is None
    assert tree.below(1, 4, bits) == 3


def test_a_byte_of_ones_is_followed_by_a_byte_of_seven_bits() -> None:
    bits = HeaderBits(b"\xff\x55\x80", 0)
    assert bits.number(16) == 0b11111111_1010101_1
    ends = HeaderBits(b"\xff\x00\x80", 0)
    ends.number(8)
    assert ends.end() == 2


#: Two code-blocks of a 2x1 tag tree, both in layer 0, with 2 and 3 zero planes. The first sends 4
#: passes (1101) of 9 bytes in 3 + log2(4) bits; the second 2 passes (10) of 33 bytes, its length
#: in 3 + 2 (110) + log2(2) bits.
FIRST = "1 11 001 1 1101 0 01001"
SECOND = "1 01 10 110 100001"
TWO = packed(f"{FIRST} {SECOND}") + bytes(9 + 33)


def test_planes_left_out_are_those_counted_by_hand() -> None:
    # 1 + 8 - 1 = 8 planes. The first block has 2 zero planes and sends 2: 4 are left out, which
    # makes of the step 1 one of 16. The second has 3 and sends 1, and the first of three passes
    # of another, half a plane: 3.5 are left out.
    found = effective(codestream(TWO))
    energy = (9 * 16.0**2 + 33 * 2.0 ** (2 * 3.5)) / (9 + 33)
    assert found.step == pytest.approx(energy**0.5, rel=1e-12)
    assert found.luma and not found.lossless


def test_the_strength_is_the_step_on_hevcs_scale_and_the_rate_stays() -> None:
    data = codestream(TWO)
    found = jpeg2000.strength(data)
    assert found.exact and not found.lossless
    assert found.step == jpeg2000.step_from_effective(effective(data).step)
    assert found.number == 8 * len(data) / (128 * 64)


def test_the_step_size_scales_the_step() -> None:
    one = effective(codestream(TWO)).step
    assert effective(codestream(TWO, mantissa=512)).step == pytest.approx(1.25 * one, rel=1e-12)
    # the smaller exponent makes the step twice as large, and there is a plane less
    half = effective(codestream(TWO, exponent=7)).step
    assert half == pytest.approx(one, rel=1e-12)


def test_a_block_that_sends_nothing_does_not_count() -> None:
    # the second is not in layer 0: a bit 0 of its leaf
    alone = packed(f"{FIRST} 0") + bytes(9)
    assert effective(codestream(alone)).step == pytest.approx(16.0, rel=1e-12)


def test_a_second_layer_adds_its_passes() -> None:
    # The first block's passes, then of layer 1: of the first block 2 passes of 5 bytes in 3 + 1
    # bits, so 6 in all, 2 planes and two of three passes; the second comes first in this layer,
    # its leaf told to be 1, with 3 zero planes and one pass of 7 bytes.
    layers = packed(f"{FIRST} 0") + bytes(9) + packed("1 1 10 0 0101 1 01 0 0 111") + bytes(12)
    found = effective(codestream(layers, layers=2))
    # left out: 8 - 2 - 2 - 0.75 = 3.25 and 8 - 3 - 1 = 4
    energy = (14 * 2.0 ** (2 * 3.25) + 7 * 16.0**2) / (14 + 7)
    assert found.step == pytest.approx(energy**0.5, rel=1e-12)


def test_an_empty_packet_adds_nothing() -> None:
    layers = packed("0") + packed(f"1 0 1 1 {FIRST[5:]} 0") + bytes(9)
    assert effective(codestream(layers, layers=2)).step == pytest.approx(16.0, rel=1e-12)


def test_each_terminated_pass_has_its_length() -> None:
    # 4 passes, each of one pass' 3 bits: 1, 2, 3 and 4 bytes
    data = packed("1 11 001 1 1101 0 001 010 011 100 0") + bytes(10)
    assert effective(codestream(data, style=TERMINATE)).step == pytest.approx(16.0, rel=1e-12)
    with pytest.raises(ImageError, match="longer than its tile"):
        effective(codestream(data[:-1], style=TERMINATE))


def test_passes_behind_the_tenth_have_segments_by_turns_where_some_bypass_the_coder() -> None:
    # 14 passes (1111 01000: 6 + 8): ten in 3 + 3 bits, two in 3 + 1, one in 3, one in 3 + 0
    data = packed("1 11 001 1 1111 01000 0 010100 0011 010 001 0") + bytes(20 + 3 + 2 + 1)
    # 8 - 2 planes, of which 14 passes are 5 and the first of three of another
    found = effective(codestream(data, style=BYPASS))
    assert found.step == pytest.approx(2.0**0.5, rel=1e-12)
    with pytest.raises(ImageError, match="longer than its tile"):
        effective(codestream(data[:-1], style=BYPASS))


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        ({"packets": packed("1" * 200)}, "lengths of too many bits"),
        ({"packets": packed("1 11" + "0" * 900)}, "too many bit planes"),
        ({"packets": TWO[:-1]}, "longer than its tile"),
        ({"packets": TWO[:3]}, "ends too early"),
        ({"packets": b""}, "ends too early"),
        ({"packets": packed("0")}, "of which nothing is sent"),
        ({"packets": TWO, "exponent": 3}, "more planes than it has"),
        ({"packets": TWO, "layers": 60_000}, "so many quality layers"),
        ({"packets": TWO, "style": 0x40}, "high-throughput"),
        ({"packets": TWO, "more": segment(0xFF5F, bytes(7))}, "POC"),
        ({"packets": TWO, "more": segment(0xFF60, bytes(3))}, "PPM"),
        ({"packets": TWO, "more": segment(0xFF5E, bytes(3))}, "RGN"),
    ],
)
def test_what_cannot_be_read_is_named_and_the_rate_says_the_step(
    damage: dict[str, object], says: str
) -> None:
    data = codestream(**damage)  # type: ignore[arg-type]
    with pytest.raises(ImageError, match=says):
        effective(data)
    found = jpeg2000.strength(data)
    assert not found.exact
    assert found.step == jpeg2000.step_from_rate(found.number, gray=True)


def test_packed_headers_of_a_tile_part_are_refused() -> None:
    data = codestream(TWO)
    start = data.index(b"\xff\x93")
    ppt = segment(0xFF61, b"\0\0")
    at = data.index(b"\xff\x90") + 6
    length = struct.unpack_from(">I", data, at)[0] + len(ppt)
    longer = data[:at] + struct.pack(">I", length) + data[at + 4 : start] + ppt + data[start:]
    with pytest.raises(ImageError, match="PPT"):
        effective(longer)
