import pytest

from edgeqe.codecs import h264
from edgeqe.codecs.bits import BitWriter
from edgeqe.codecs.coded import Scale
from edgeqe.errors import ImageError
from tests import coded_files

START = b"\0\0\1"


def traced(data: bytes) -> list[float]:
    """Mean QP of each picture by FFmpeg's reader."""
    pictures: list[list[int]] = []
    initial: dict[int, int] = {}
    number = 0
    for name, value in coded_files.trace(data, "h264"):
        if name == "pic_parameter_set_id":
            number = value
        elif name == "pic_init_qp_minus26":
            initial[number] = 26 + value
        elif name == "first_mb_in_slice" and value == 0:
            pictures.append([])
        elif name == "slice_qp_delta":
            pictures[-1].append(initial[number] + value)
    return [sum(qps) / len(qps) for qps in pictures]


@pytest.mark.parametrize("qp", range(1, 51, 5))
def test_the_qp_is_the_one_asked_for(qp: int) -> None:
    found = h264.strength_of_stream(coded_files.h264(f"qp={qp}:keyint=1:ipratio=1.0"))
    assert (found.codec, found.scale, found.number) == ("h264", Scale.QP, qp)
    assert found.step == pytest.approx(2 ** ((qp - 4) / 6), rel=1e-12)
    assert (found.width, found.height, found.bit_depth, found.lossless) == (96, 64, 8, False)


def test_the_step_of_ten_bits_is_in_8_bit_sample_values() -> None:
    # x264 counts QPs of 10 bit from 0, which is -12; at 22 the step is that of QP 10, 2.0
    found = h264.strength_of_stream(
        coded_files.h264("qp=22:keyint=1:ipratio=1.0", pixels="yuv420p10le")
    )
    assert (found.number, found.step, found.bit_depth) == (10, 2.0, 10)


@pytest.mark.parametrize("pixels", ["yuv420p", "yuv420p10le", "gray", "yuv444p"])
@pytest.mark.parametrize(
    ("parameters", "count"),
    [
        ("qp=20:slices=2", 3),
        ("crf=30:bframes=4:weightp=2", 9),
        ("crf=30:ref=4:bframes=3:b-adapt=0:b-pyramid=normal:keyint=5", 9),
        ("bitrate=100:aq-mode=3:cqm=jvt:interlaced=1", 5),
        ("qp=10:slices=3:cabac=0:weightb=1:bframes=2:8x8dct=0", 4),
    ],
)
def test_every_picture_as_ffmpeg_reads_it(parameters: str, count: int, pixels: str) -> None:
    data = coded_files.h264(parameters, count=count, pixels=pixels)
    found = h264.strength_of_stream(data)
    assert list(found.per_picture) == traced(data)
    assert found.number == pytest.approx(sum(found.per_picture) / len(found.per_picture))
    # the step of the mean QP, because a step is a power of the QP
    assert found.step == pytest.approx(2 ** ((found.number - 4) / 6), rel=1e-9)


def sps(width_in_blocks: int, height_in_blocks: int) -> bytes:
    bits = BitWriter()
    bits.u(24, 66 << 16 | 30)  # Baseline, level 3
    for value in (0, 0, 2, 1):  # number, frame number bits, order type, references
        bits.ue(value)
    bits.u(1, 0)
    bits.ue(width_in_blocks - 1)
    bits.ue(height_in_blocks - 1)
    bits.u(4, 0b1101)
    return START + b"\x67" + bits.bytes()


def pps(slice_groups: int) -> bytes:
    bits = BitWriter()
    for value in (0, 0):
        bits.ue(value)
    bits.u(2, 0)
    bits.ue(slice_groups - 1)
    return START + b"\x68" + bits.bytes() + b"\xff"


def test_streams_without_a_picture_are_refused() -> None:
    data = coded_files.h264("qp=20:keyint=1")
    slice_at = data.index(START + b"\x65")
    with pytest.raises(ImageError, match="holds no slice"):
        h264.strength_of_stream(data[:slice_at])
    with pytest.raises(ImageError, match="parameter sets that did not come before"):
        h264.strength_of_stream(data[slice_at:])


def test_what_is_not_supported_is_named() -> None:
    with pytest.raises(ImageError, match="slice groups of H.264 are not supported"):
        h264.strength_of_stream(sps(6, 4) + pps(2))


def test_sizes_that_no_picture_has_are_refused() -> None:
    with pytest.raises(ImageError, match="picture is 60000x60000"):
        h264.strength_of_stream(sps(3750, 3750) + pps(1))
