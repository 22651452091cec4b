import numpy as np
import pytest

from edgeqe.codecs.bits import LARGEST_UE, BitReader, BitWriter
from edgeqe.codecs.nal import UNIT_LIMIT, escape, split_annex_b, split_lengths, unescape
from edgeqe.errors import ImageError


def test_exp_golomb_codes_of_the_standard() -> None:
    # ITU-T H.265, table 9-2: 1, 010, 011, 00100, ... are 0, 1, 2, 3, ...
    bits = BitReader(bytes([0b10100110, 0b01000010, 0b10011000]), "header")
    assert [bits.ue() for _ in range(5)] == [0, 1, 2, 3, 4]
    # table 9-3: codes 0, 1, 2, 3, 4 are 0, 1, -1, 2, -2
    bits = BitReader(bytes([0b10100110, 0b01000010, 0b10011000]), "header")
    assert [bits.se() for _ in range(5)] == [0, 1, -1, 2, -2]


def test_what_is_written_is_read() -> None:
    draw = np.random.default_rng(1)
    values = [int(value) for value in 2 ** draw.uniform(0, 32, 300)] + [0, LARGEST_UE]
    writer = BitWriter()
    for value in values:
        writer.ue(value)
        writer.u(33, value)
    bits = BitReader(writer.bytes(), "header")
    assert [(bits.ue(), bits.u(33)) for _ in values] == [(value, value) for value in values]


@pytest.mark.parametrize("data", [b"", b"\0", b"\0\0\0\0\0\0", b"\x01", b"\x00\x00\x00\x00\x80"])
def test_codes_that_do_not_end_are_refused(data: bytes) -> None:
    with pytest.raises(ImageError, match="the header ends too early"):
        BitReader(data, "header").ue()


def test_numbers_stay_inside_their_data_and_bounds() -> None:
    bits = BitReader(b"\xff", "header")
    bits.skip(3)
    with pytest.raises(ImageError, match="ends too early"):
        bits.u(6)
    assert bits.u(5) == 31
    with pytest.raises(ImageError, match="ends too early"):
        bits.skip(1)
    with pytest.raises(ImageError, match="says 6 for a size, at most 5 is allowed"):
        BitReader(bytes([0b00111000]), "header").ue(5, "a size")
    # 00111 and 00110 are codes 6 and 5: -3 and 3
    with pytest.raises(ImageError, match="says -3 for a shift, -2 to 2 is allowed"):
        BitReader(bytes([0b00111000]), "header").se(-2, 2, "a shift")
    with pytest.raises(ImageError, match="says 3 for a shift, -2 to 2 is allowed"):
        BitReader(bytes([0b00110000]), "header").se(-2, 2, "a shift")
    assert BitReader(bytes([0b00111000]), "header").se(-3, 2, "a shift") == -3


def test_emulation_prevention() -> None:
    # ITU-T H.265, 7.4.2: 00 00 00 to 00 00 03 get a 03 in between
    payload = b"\0\0\0\0\0\1\0\0\3\7\0\0\2\0"
    escaped = escape(payload)
    assert escaped == b"\0\0\3\0\0\3\0\1\0\0\3\3\7\0\0\3\2\0"
    assert unescape(escaped) == payload
    draw = np.random.default_rng(2)
    for _ in range(200):
        payload = draw.integers(0, 4, 50, dtype=np.uint8).tobytes()
        assert unescape(escape(payload)) == payload
        assert b"\0\0\1" not in escape(payload)


def test_byte_streams_are_split_at_their_start_codes() -> None:
    data = b"\0\0\0\1ab\0\0\1c\0\0\0\0\1\0\0\1d"
    assert list(split_annex_b(data)) == [b"ab", b"c", b"d"]
    assert list(split_annex_b(b"no start code")) == []


def test_hostile_byte_streams_are_read_only_so_far() -> None:
    assert sum(1 for _ in split_annex_b(b"\0\0\1e" * 100_000)) == UNIT_LIMIT
    assert sum(1 for _ in split_annex_b(b"\0\0\1" * 100_000)) == 0


def test_lengths_are_compared_with_the_data() -> None:
    assert list(split_lengths(b"\0\2ab\0\0\0\1c", 2)) == [b"ab", b"c"]
    for data in (b"\0\3ab", b"\xff\xff", b"\0\2ab\0"):
        with pytest.raises(ImageError, match="a NAL unit says that it has"):
            list(split_lengths(data, 2))
