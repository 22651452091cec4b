import math

import pytest

from edgeqe.codecs import av1
from edgeqe.codecs.av1_tables import AC_STEPS
from edgeqe.codecs.coded import Scale
from edgeqe.errors import ImageError
from tests import coded_files


def test_the_tables_have_the_ends_of_the_specification_and_no_step_back() -> None:
    assert {depth: (table[0], table[1], table[-1]) for depth, table in AC_STEPS.items()} == {
        8: (4, 8, 1828),
        10: (4, 9, 7312),
        12: (4, 13, 29247),
    }
    for table in AC_STEPS.values():
        assert len(table) == 256
        assert all(low < high for low, high in zip(table, table[1:], strict=False))


def test_depths_agree_in_8_bit_sample_values() -> None:
    # A deeper table is the same curve, finer; the low indices of 8 bit have rounded steps.
    for index in range(100, 256, 5):
        steps = [av1.step_from_index(index, depth) for depth in (8, 10, 12)]
        assert max(steps) / min(steps) < 1.03
    assert av1.step_from_index(255) == 228.5  # HEVC's coarsest, QP 51, is 228.07
    assert av1.step_from_index(10.5) == (17 + 18) / 2 / 8


@pytest.mark.parametrize("quantizer", [1, 7, 15, 22, 30, 38, 45, 52, 61, 62, 63])
@pytest.mark.parametrize("pixels", ["yuv420p", "yuv420p10le"])
def test_the_index_is_the_one_asked_for(quantizer: int, pixels: str) -> None:
    # one key frame at a constant quantizer, without adaptive quantization
    data = coded_files.av1(f"rc=0:qp={quantizer}:keyint=1:aq-mode=0", pixels=pixels)
    found = av1.strength(data)
    assert found.number == av1.index_from_quantizer(quantizer)
    assert (found.codec, found.scale) == ("av1", Scale.INDEX)
    assert (found.width, found.height) == (96, 64)
    assert found.bit_depth == (10 if pixels.endswith("10le") else 8)
    expected = AC_STEPS[found.bit_depth][int(found.number)] / 8 / 2 ** (found.bit_depth - 8)
    assert found.step == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    ("parameters", "count"),
    [
        ("rc=0:qp=30:keyint=30:pred-struct=2", 12),
        ("crf=40:keyint=10:superres-mode=1:superres-denom=12", 10),
        ("rc=2:tbr=200:pred-struct=1", 8),
        ("tile-columns=1:tile-rows=1:qp=50:scm=1:rc=0", 4),
        ("crf=40:resize-mode=1:resize-denom=10", 6),
    ],
)
@pytest.mark.parametrize("size", [(64, 96), (70, 130)])
def test_every_frame_as_ffmpeg_reads_it(parameters: str, count: int, size: tuple[int, int]) -> None:
    data = coded_files.av1(parameters, count=count, size=size)
    found = av1.strength(data)
    traced = [value for name, value in coded_files.trace(data, "obu") if name == "base_q_idx"]
    assert list(found.per_picture) == traced
    assert len(traced) >= count
    steps = [AC_STEPS[8][index] / 8 for index in traced]
    assert found.step == pytest.approx(math.prod(steps) ** (1 / len(steps)), rel=1e-9)


def test_streams_without_a_frame_are_refused() -> None:
    data = coded_files.av1("rc=0:qp=30:keyint=1")
    units = {kind for kind, _ in av1.split(data)}
    assert units >= {av1.SEQUENCE_HEADER, av1.FRAME}
    delimiter, rest = data[:2], data[2:]
    sequence = rest[: 2 + rest[1]]
    with pytest.raises(ImageError, match="holds no frame"):
        av1.strength(delimiter + sequence)
    with pytest.raises(ImageError, match="frame comes before the sequence header"):
        av1.strength(rest[len(sequence) :])
    with pytest.raises(ImageError, match="an AV1 unit says that it has"):
        av1.strength(data[:-5])


def test_a_length_that_does_not_end_is_refused() -> None:
    with pytest.raises(ImageError, match="does not end"):
        av1.strength(b"\x12" + b"\xff" * 20)
