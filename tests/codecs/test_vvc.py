import pytest

from edgeqe.codecs import vvc
from edgeqe.codecs.coded import Scale
from edgeqe.codecs.nal import split_annex_b
from edgeqe.errors import ImageError
from tests import coded_files


def traced(data: bytes) -> list[float]:
    """QP of each picture by FFmpeg's reader; the streams here have a slice a picture."""
    initial: dict[int, int] = {}
    found = []
    number = picture_set = 0
    for name, value in coded_files.trace(data, "vvc"):
        if name == "pps_pic_parameter_set_id":
            number = value
        elif name == "pps_init_qp_minus26":
            initial[number] = 26 + value
        elif name == "ph_pic_parameter_set_id":
            picture_set = value
        elif name in ("sh_qp_delta", "ph_qp_delta"):
            found.append(float(initial[picture_set] + value))
    return found


@pytest.mark.parametrize("qp", range(5, 60, 6))
def test_the_qp_is_the_one_asked_for(qp: int) -> None:
    found = vvc.strength_of_stream(coded_files.vvc(qp, *coded_files.VVC_INTRA))
    assert (found.codec, found.scale, found.number) == ("vvc", Scale.QP, qp)
    assert found.step == pytest.approx(2 ** ((qp - 4) / 6), rel=1e-12)
    assert (found.width, found.height, found.bit_depth) == (96, 64, 10)


@pytest.mark.parametrize(
    ("options", "count"),
    [
        ((), 9),
        (("-vvenc-params", "gopsize=16:intraperiod=16"), 17),
        (("-qpa", "1", "-preset", "medium"), 5),
    ],
)
def test_every_picture_as_ffmpeg_reads_it(options: tuple[str, ...], count: int) -> None:
    data = coded_files.vvc(32, *options, count=count)
    found = vvc.strength_of_stream(data)
    assert len(found.per_picture) == count
    assert list(found.per_picture) == traced(data)


def test_streams_without_a_picture_are_refused() -> None:
    units = list(split_annex_b(coded_files.vvc(32, *coded_files.VVC_INTRA)))
    slices = [unit for unit in units if unit[1] >> 3 in vvc.SLICES]
    sets = [unit for unit in units if unit not in slices]
    with pytest.raises(ImageError, match="holds no slice"):
        vvc.strength(sets)
    with pytest.raises(ImageError, match="parameter sets that did not come before"):
        vvc.strength(slices)
    with pytest.raises(ImageError, match="an SPS that did not come before"):
        vvc.strength(unit for unit in units if unit[1] >> 3 != vvc.SPS)
