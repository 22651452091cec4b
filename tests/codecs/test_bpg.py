import numpy as np
import pytest

from edgeqe.codecs import bpg
from edgeqe.codecs.bits import BitWriter
from edgeqe.codecs.coded import Scale
from edgeqe.codecs.hevc_nal import PPS, SPS, unit_kind
from edgeqe.codecs.nal import split_annex_b
from edgeqe.errors import ImageError, InputError
from tests import coded_files

#: Units of a decoder's stream that a BPG keeps as they are.
KEPT = (*range(32), PPS)


def kept(stream: bytes) -> list[bytes]:
    return [unit for unit in split_annex_b(stream) if unit_kind(unit) in KEPT]


def planes(stream: bytes) -> list[np.ndarray]:
    """Planes of the one picture of a stream."""
    av = pytest.importorskip("av", reason="PyAV decodes")
    context = av.CodecContext.create("hevc", "r")
    frames = [frame for packet in [*context.parse(stream), *context.parse(None)]
              for frame in context.decode(packet)]  # fmt: skip
    frames += context.decode(None)
    (frame,) = frames
    width = 2 if frame.format.name.endswith("10le") else 1
    return [
        np.frombuffer(plane, np.uint8).reshape(plane.height, -1)[:, : plane.width * width]
        for plane in frame.planes
    ]


def intra(qp: int = 30, pixels: str = "yuv420p", size: tuple[int, int] = (64, 96)) -> bytes:
    return coded_files.hevc_intra(qp, pixels=pixels, size=size)


@pytest.mark.parametrize("pixels", ["yuv420p", "yuv420p10le", "gray", "gray10le"])
@pytest.mark.parametrize("size", [(64, 96), (70, 130), (71, 131)])
def test_what_is_written_is_read(pixels: str, size: tuple[int, int]) -> None:
    if pixels.startswith("yuv") and size[0] % 2:
        pytest.skip("x265 codes no odd sizes in 4:2:0")
    stream = intra(pixels=pixels, size=size)
    metadata = ((bpg.EXIF, b"abc"), (bpg.XMP, b"x" * 300), (99, b""))
    data = bpg.write(stream, size[1], size[0], color_space=3, limited_range=True,
                     extensions=metadata)  # fmt: skip
    found = bpg.read(data)
    assert (found.height, found.width) == size
    assert found.pixel_format == (0 if pixels.startswith("gray") else 1)
    assert found.bit_depth == (10 if "10" in pixels else 8)
    assert (found.color_space, found.limited_range, found.premultiplied) == (3, True, False)
    assert (found.extensions, found.alpha) == (metadata, b"")
    # the units of the picture, byte for byte, and the same picture from FFmpeg
    assert kept(found.stream) == kept(stream)
    for ours, theirs in zip(planes(found.stream), planes(stream), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    # and once more
    assert bpg.write(found.stream, size[1], size[0], color_space=3, limited_range=True,
                     extensions=metadata) == data  # fmt: skip


@pytest.mark.parametrize("qp", [0, 5, 10, 17, 22, 27, 32, 37, 45, 51])
def test_the_qp_is_the_one_asked_for(qp: int) -> None:
    found = bpg.strength(bpg.write(intra(qp, size=(70, 130)), 130, 70))
    assert (found.codec, found.scale, found.number) == ("bpg", Scale.QP, qp)
    assert (found.width, found.height) == (130, 70)


# Files by hand, from the specification's tables. Of a stream of x265 they take the units
# behind the SPS, whose fields are told to x265 and typed here as bits again.
# ctu=32, min-cu-size=8, max-tu-size=32, tu-intra-depth=1, no-sao, strong smoothing by default
TOOLS = "keyint=1:ipratio=1.0:info=0:ctu=32:min-cu-size=8:max-tu-size=32:tu-intra-depth=1:no-sao=1"
#: log2_min_luma_coding_block_size_minus3 0, span 2, log2_min_transform_block_size_minus2 0,
#: span 3, depth 0, no SAO, no PCM, strong smoothing, no extension:
#: "1" "011" "1" "00100" "1" "0" "0" "1" "0", filled up to two bytes.
HEADER = bytes([0b10111001, 0b00100100])


def by_hand(flags: int, second: int, rest: bytes) -> bytes:
    return b"\x42\x50\x47\xfb" + bytes([flags, second]) + rest


def body(stream: bytes, prefix: bytes = b"") -> bytes:
    return prefix + b"\x02" + HEADER + b"\0\0\1".join(kept(stream))


def length(value: int) -> bytes:
    """ue7 of a number of two bytes."""
    assert 128 <= value < 16384
    return bytes([128 | value >> 7, value & 127])


@pytest.mark.parametrize("pixels", ["yuv420p", "yuv420p10le", "gray"])
def test_a_file_by_hand(pixels: str) -> None:
    stream = coded_files.hevc(f"qp=28:{TOOLS}", pixels=pixels, size=(70, 136))
    content = body(stream)
    flags = {"yuv420p": 0b001_0_0000, "yuv420p10le": 0b001_0_0010, "gray": 0}[pixels]
    # 136 is 0x81 0x08 in ue7
    data = by_hand(flags, 0, b"\x81\x08\x46" + length(len(content)) + content)
    found = bpg.read(data)
    assert (found.width, found.height, found.extensions) == (136, 70, ())
    for ours, theirs in zip(planes(found.stream), planes(stream), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert bpg.strength(data).number == 28
    assert bpg.write(stream, 136, 70) == data


def test_a_file_by_hand_up_to_its_end_with_metadata() -> None:
    stream = coded_files.hevc(f"qp=33:{TOOLS}")
    # picture_data_length 0: up to the end; nine bytes of metadata: EXIF "ab", tag 300 "xyz"
    metadata = b"\x01\x02ab" + b"\x82\x2c\x03xyz"
    data = by_hand(0b001_0_0000, 0b0000_1_0_0_0, b"\x60\x40\x00" + b"\x0a" + metadata)
    found = bpg.read(data + body(stream))
    assert found.extensions == ((1, b"ab"), (300, b"xyz"))
    assert kept(found.stream) == kept(stream)


@pytest.mark.parametrize(("alpha1", "alpha2"), [(1, 0), (1, 1), (0, 1)])
def test_a_file_by_hand_with_alpha(alpha1: int, alpha2: int) -> None:
    colour = coded_files.hevc(f"qp=30:{TOOLS}")
    alpha = coded_files.hevc(f"qp=20:{TOOLS}", pixels="gray")
    # units of alpha have nuh_layer_id 1 and come first
    layer = [bytes((unit[0], unit[1] | 8)) + unit[2:] for unit in kept(alpha)]
    units = b"\0\0\1".join([*layer, *kept(colour)])
    content = b"\x02" + HEADER + b"\x02" + HEADER + units
    data = by_hand(0x20 | alpha1 << 4, alpha2 << 2, b"\x60\x40" + length(len(content)) + content)
    found = bpg.read(data)
    assert found.premultiplied == (alpha1 == alpha2 == 1)
    assert kept(found.stream) == kept(colour)
    assert kept(found.alpha) == kept(alpha)
    np.testing.assert_array_equal(planes(found.alpha)[0], planes(alpha)[0])
    assert bpg.strength(data).number == 30


def test_numbers_of_the_specification() -> None:
    # its own examples: 0x08 is 8, 0x84 0x1e 542, 0xac 0xbe 0x17 728855; the first sizes fit
    for coded, value in ((b"\x08", 8), (b"\x84\x1e", 542)):
        with pytest.raises(ImageError):  # there is no picture behind
            bpg.read(by_hand(0x20, 0, coded + coded + b"\0"))
        content = body(coded_files.hevc(f"qp=30:{TOOLS}"))
        assert bpg.read(by_hand(0x20, 0, coded + b"\x40\0" + content)).width == value
    with pytest.raises(ImageError, match="picture is 728855x728855"):
        bpg.read(by_hand(0x20, 0, b"\xac\xbe\x17" * 2 + b"\0"))
    for wrong in (b"\x80\x08", b"\xff\xff\xff\xff\xff\x01", b"\x9f\xff\xff\xff\x7f"):
        with pytest.raises(ImageError, match="not in its shortest form"):
            bpg.read(by_hand(0x20, 0, wrong + b"\x40\0"))


@pytest.mark.parametrize(
    ("flags", "second", "what"),
    [(0xC0, 0, "pixel format 6"), (0x2F, 0, "23 bits"), (0x20, 0x50, "color space 5")],
)
def test_reserved_values_are_refused_by_name(flags: int, second: int, what: str) -> None:
    with pytest.raises(ImageError, match=f"{what}.* are not supported"):
        bpg.read(by_hand(flags, second, b"\x60\x40\0"))


def test_cut_files_are_refused_wherever_they_are_cut() -> None:
    data = bpg.write(intra(), 96, 64, extensions=[(bpg.EXIF, b"x" * 40)])
    for size in range(0, len(data), 7):
        with pytest.raises(ImageError, match="damaged or cut short"):
            bpg.read(data[:size])


def test_extensions_of_hevc_that_a_bpg_knows_are_kept() -> None:
    # sps_range_extension_flag and its nine flags behind strong smoothing
    bits = BitWriter()
    for value in (0, 2, 0, 3, 0):
        bits.ue(value)
    bits.u(4, 0b0011)
    bits.u(8, 0x80)
    bits.u(9, 0b001000000)
    header = bits.bytes()
    units = b"\0\0\1".join(kept(coded_files.hevc(f"qp=30:{TOOLS}")))
    content = bytes([len(header)]) + header + units
    found = bpg.read(by_hand(0x60, 0, b"\x60\x40\0" + content))
    (sps,) = [unit for unit in split_annex_b(found.stream) if unit_kind(unit) == SPS]
    from edgeqe.codecs.bpg_sps import tools_of

    with pytest.raises(ImageError, match="other than gray and 4:2:0"):
        tools_of(sps, 96, 64)
    gray = bpg.read(by_hand(0, 0, b"\x60\x40\0" + content))
    (sps,) = [unit for unit in split_annex_b(gray.stream) if unit_kind(unit) == SPS]
    assert tools_of(sps, 96, 64)[1].range_flags == 0b001000000


@pytest.mark.parametrize(
    ("parameters", "count", "pixels", "message"),
    [
        ("qp=30:keyint=1", 2, "yuv420p", "several pictures"),
        ("qp=30:keyint=1", 1, "yuv444p", "other than gray and 4:2:0"),
        ("qp=30:keyint=1", 1, "yuv420p12le", "8 or 10 bit"),
        ("qp=30:keyint=1:scaling-list=default", 1, "yuv420p", "scaling lists"),
    ],
)
def test_streams_that_no_bpg_can_hold_are_refused(
    parameters: str, count: int, pixels: str, message: str
) -> None:
    stream = coded_files.hevc(parameters, count=count, pixels=pixels)
    with pytest.raises(InputError, match=message):
        bpg.write(stream, 96, 64)


def test_sizes_and_streams_that_do_not_fit_are_refused() -> None:
    with pytest.raises(InputError, match="give the size that was coded"):
        bpg.write(intra(), 200, 64)
    for wrong in (b"", b"\0\0\1\x40\x01", intra()[:60]):
        with pytest.raises(InputError, match="one picture with one SPS|too early"):
            bpg.write(wrong, 96, 64)
