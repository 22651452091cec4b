import pytest

from edgeqe.codecs import hevc
from edgeqe.codecs.bits import BitReader, BitWriter
from edgeqe.codecs.coded import Scale
from edgeqe.codecs.hevc_nal import is_slice, unit_kind
from edgeqe.codecs.hevc_references import read_reference_set
from edgeqe.codecs.nal import escape, split_annex_b
from edgeqe.errors import ImageError
from tests import coded_files


def traced(data: bytes) -> list[float]:
    """Mean QP of each picture by FFmpeg's reader."""
    pictures: list[list[int]] = []
    initial: dict[int, int] = {}
    set_number, slice_set = 0, 0
    for name, value in coded_files.trace(data, "hevc"):
        if name == "pps_pic_parameter_set_id":
            set_number = value
        elif name == "init_qp_minus26":
            initial[set_number] = 26 + value
        elif name == "first_slice_segment_in_pic_flag" and value:
            pictures.append([])
        elif name == "slice_pic_parameter_set_id":
            slice_set = value
        elif name == "slice_qp_delta":
            pictures[-1].append(initial[slice_set] + value)
    return [sum(qps) / len(qps) for qps in pictures]


@pytest.mark.parametrize("qp", [*range(1, 51, 5), 51])
def test_the_qp_is_the_one_asked_for(qp: int) -> None:
    found = hevc.strength_of_stream(coded_files.hevc_intra(qp))
    assert (found.codec, found.scale, found.number) == ("hevc", Scale.QP, qp)
    assert found.step == pytest.approx(2 ** ((qp - 4) / 6), rel=1e-12)
    assert (found.width, found.height, found.bit_depth, found.lossless) == (96, 64, 8, False)


@pytest.mark.parametrize("pixels", ["yuv420p", "yuv420p10le", "gray", "yuv444p"])
@pytest.mark.parametrize(
    ("parameters", "count"),
    [
        ("qp=20:keyint=1:slices=2:ctu=16", 2),
        ("crf=30:bframes=4:keyint=30:weightb=1:b-adapt=0", 9),
        ("crf=30:ref=4:b-adapt=0:bframes=3:temporal-layers=2:open-gop=1:keyint=5", 12),
        ("bitrate=100:aq-mode=3:scaling-list=default:no-sao=1", 5),
        ("crf=20:rd=2:tskip=1:lossless=0:cu-lossless=1:slices=2:ctu=16", 4),
    ],
)
def test_every_picture_as_ffmpeg_reads_it(parameters: str, count: int, pixels: str) -> None:
    data = coded_files.hevc(parameters, count=count, pixels=pixels)
    found = hevc.strength_of_stream(data)
    assert len(found.per_picture) == count
    assert list(found.per_picture) == traced(data)


def test_depth_and_odd_sizes() -> None:
    found = hevc.strength_of_stream(
        coded_files.hevc_intra(22, pixels="yuv420p10le", size=(70, 130))
    )
    # 10 bit counts its QPs down to -12, so that a QP is the same step of 8-bit values
    assert (found.number, found.bit_depth) == (22, 10)
    assert found.step == pytest.approx(8.0, rel=1e-12)
    assert (found.width, found.height) == (144, 80)  # in blocks of 16, the smallest of this preset


def test_a_reference_set_that_is_predicted_from_another() -> None:
    # ITU-T H.265, (7-61) and (7-62): the set before has -1, -3 and +2; shifted by -1 that is
    # -2, -4, +1, and the picture itself becomes -1. -4 is left out, +1 is kept unused.
    bits = BitWriter()
    bits.u(1, 1)  # inter_ref_pic_set_prediction_flag
    bits.u(1, 1)  # delta_rps_sign
    bits.ue(0)  # abs_delta_rps_minus1
    bits.u(1, 1)  # -1: used
    bits.u(2, 0b00)  # -3: neither used nor kept
    bits.u(2, 0b01)  # +2: kept
    bits.u(1, 1)  # the picture itself: used
    before = ((-1, True), (-3, True), (2, True))
    found = read_reference_set(BitReader(bits.bytes(), "SPS"), 1, [before])
    assert found == ((-1, True), (-2, True), (1, False))


def sps(width: int, height: int) -> bytes:
    bits = BitWriter()
    bits.u(8, 1)
    bits.u(8, 1)
    bits.u(32, 0)
    bits.u(32, 0)
    bits.u(24, 0)
    for value in (0, 1, width, height):
        bits.ue(value)
    return b"\0\0\1\x42\x01" + escape(bits.bytes() + b"\xff" * 20)


def test_sizes_that_no_picture_has_are_refused() -> None:
    for size in ((60000, 60000), (0, 64), (2**31, 1)):
        with pytest.raises(ImageError, match=f"picture is {size[0]}x{size[1]}"):
            hevc.strength_of_stream(sps(*size))


def test_streams_without_a_picture_are_refused() -> None:
    units = list(split_annex_b(coded_files.hevc_intra(30)))
    sets = [unit for unit in units if not is_slice(unit_kind(unit))]
    with pytest.raises(ImageError, match="holds no slice"):
        hevc.strength(sets)
    with pytest.raises(ImageError, match="parameter sets that did not come before"):
        hevc.strength(units[len(sets) :])


def test_other_layers_are_passed_over() -> None:
    data = coded_files.hevc_intra(30)
    units = list(split_annex_b(data))
    other = [bytes((unit[0], unit[1] | 1 << 3)) + unit[2:] for unit in units]
    assert hevc.strength(units + other).per_picture == (30.0,)
