import math
from typing import Any

import pytest

from edgeqe.codecs.strength import (
    IJG_LUMA,
    STATED_BY,
    Strength,
    ijg_table,
    nearest_quality,
    resolve_if_given,
    resolve_strength,
    step_from_qp,
    step_from_quality,
    step_from_table,
    step_key,
)
from edgeqe.errors import InputError


def test_quality_50_is_the_table_of_the_standard() -> None:
    assert ijg_table(50) == IJG_LUMA
    assert (IJG_LUMA[0], IJG_LUMA[1], IJG_LUMA[8], IJG_LUMA[63]) == (16, 11, 12, 99)


@pytest.mark.parametrize(
    ("quality", "first", "last"),
    [
        (1, 255, 255),  # 16 * 50 = 800 and 99 * 50, held to 255
        (10, 80, 255),  # 16 * 5 = 80; 99 * 5 = 495, held to 255
        (25, 32, 198),  # doubled
        (75, 8, 50),  # halved: (16 * 50 + 50) // 100 = 8, (99 * 50 + 50) // 100 = 50
        (90, 3, 20),  # (16 * 20 + 50) // 100 = 3, (99 * 20 + 50) // 100 = 20
        (100, 1, 1),  # 0, held to 1
    ],
)
def test_ijg_table_by_hand(quality: int, first: int, last: int) -> None:
    table = ijg_table(quality)
    assert (len(table), table[0], table[63]) == (64, first, last)


#: ISO/IEC 13818-2's matrix for intra blocks times a half, as FFmpeg writes at qscale 4; DC 8.
MPEG_QSCALE_4 = [
     8,  8,  9, 11, 13, 13, 14, 17,  8,  8, 11, 12, 13, 14, 17, 18,  9, 11, 13, 13, 14, 17, 17, 19,
    11, 11, 13, 13, 14, 17, 18, 20, 11, 13, 13, 14, 16, 17, 20, 24, 13, 13, 14, 16, 17, 20, 24, 29,
    13, 13, 14, 17, 19, 23, 28, 34, 13, 14, 17, 19, 23, 28, 34, 41,
]  # fmt: skip


def test_step_of_a_table_that_is_not_the_ijgs() -> None:
    """A third of its own zigzag entries 1 to 15, two thirds of the nearest IJG table's, by hand."""
    # Antidiagonal d = row + column runs down the rows if odd, along the columns if even.
    zigzag = sorted(
        ((row, column) for row in range(8) for column in range(8)),
        key=lambda at: (sum(at), at[0] if sum(at) % 2 else at[1]),
    )
    table = [255] * 64
    for exponent, (row, column) in enumerate(zigzag[1:16]):
        table[8 * row + column] = 2**exponent
    # Exponents 0 to 14 have the mean 7.
    nearest = min(
        range(1, 101),
        key=lambda quality: sum(abs(a - b) for a, b in zip(ijg_table(quality), table, strict=True)),
    )
    expected = 128.0 ** (1 / 3) * step_from_quality(nearest) ** (2 / 3)
    assert step_from_table(table) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    ("table", "low", "high"),
    [  # least and largest step at which edgeqe-small is within 0.25 dB of its best, measured
        pytest.param([16] * 64, 3.1, 8.1, id="flat"),
        pytest.param([32] * 64, 6.3, 22.0, id="flat and coarse"),
        pytest.param(MPEG_QSCALE_4, 2.6, 5.6, id="FFmpeg's"),
    ],
)
def test_flat_tables_are_not_taken_for_coarse_ones(
    table: list[int], low: float, high: float
) -> None:
    assert low < step_from_table(table) < high


def test_step_of_quality_50_by_hand() -> None:
    # K.1 in zigzag order, figure 5 of T.81.
    entries = [11, 12, 14, 12, 10, 16, 14, 13, 14, 18, 17, 16, 19, 24, 40]
    expected = math.prod(entries) ** (1 / 15)
    assert step_from_quality(50) == pytest.approx(expected, rel=1e-12)


def test_the_finest_tables_are_told_apart() -> None:
    """By the root mean square of all entries where that is below 4: the first 15 are 1 from 98 on."""
    assert step_from_quality(100) == 0.25  # all entries are 1
    # quality 99: IJG entries times 2 / 100, rounded; those of 75 and more become 2, none 3
    twos = sum(entry >= 75 for entry in ijg_table(50))
    assert step_from_quality(99) == pytest.approx(math.sqrt((64 + 3 * twos) / 64) / 4, rel=1e-12)
    steps = [step_from_quality(quality) for quality in range(96, 101)]
    assert steps == sorted(steps, reverse=True) and steps[1] > 1 > steps[2]


@pytest.mark.parametrize("table", [[1] * 63, [1] * 65, [0] + [1] * 63, []])
def test_broken_tables_are_refused(table: list[int]) -> None:
    with pytest.raises(InputError, match="64 entries"):
        step_from_table(table)


@pytest.mark.parametrize(("qp", "step"), [(4, 1.0), (10, 2.0), (34, 32.0), (0, 2 ** (-2 / 3))])
def test_step_of_a_qp_doubles_every_six(qp: float, step: float) -> None:
    assert step_from_qp(qp) == pytest.approx(step, rel=1e-12)


def test_whole_qps_keep_their_step_through_the_key() -> None:
    for qp in range(64):
        assert step_key(step_from_qp(qp)) == 2 * qp - 8  # (qp - 4) / 6 octaves of 12 keys


def test_nearest_quality_finds_every_ijg_table_and_measures_others() -> None:
    for quality in range(1, 101):
        found, distance = nearest_quality(ijg_table(quality))
        assert distance == 0.0
        assert ijg_table(found) == ijg_table(quality)
    custom = list(ijg_table(60))
    custom[63] += 6
    assert nearest_quality(custom) == (60, 6 / 64)


@pytest.mark.parametrize("quality", [0, 101, -3, 20.5, True, math.nan, math.inf])
def test_qualities_out_of_range_are_refused(quality: float) -> None:
    with pytest.raises(InputError, match="1 to 100"):
        resolve_strength(quality=quality)  # type: ignore[arg-type]


@pytest.mark.parametrize("qp", [-1, 63.5, math.nan])
def test_qps_out_of_range_are_refused(qp: float) -> None:
    with pytest.raises(InputError, match="0 to 63"):
        resolve_strength(qp=qp)


@pytest.mark.parametrize("step", [0.0, -1.0, 5000.0, math.nan, math.inf])
def test_steps_out_of_range_are_refused(step: float) -> None:
    with pytest.raises(InputError, match="up to 4096"):
        resolve_strength(step=step)


def test_exactly_one_strength_is_wanted() -> None:
    assert resolve_strength(step=3) == Strength(3.0)
    for arguments in ({}, {"quality": 20, "qp": 30}):
        with pytest.raises(InputError, match=r"quality= .*qp= .*rate= .*step="):
            resolve_strength(**arguments)  # type: ignore[arg-type]


def test_an_argument_means_its_codec_unless_another_is_named() -> None:
    assert resolve_strength(quality=50) == Strength(step_from_quality(50), "jpeg", "quality")
    assert resolve_strength(qp=34) == Strength(32.0, "hevc", "qp")
    assert resolve_strength(qp=34, codec="vvc") == Strength(32.0, "vvc")
    assert resolve_strength(quality=50, codec="jpeg").codec == "jpeg"
    assert resolve_strength(rate=0.5) == Strength(34.0, "jpeg2000", "rate")
    assert resolve_strength(rate=0.5, codec="jpeg2000") == Strength(34.0, "jpeg2000")
    # a step states the strength of any codec, also of one that only a card knows
    assert resolve_strength(step=9, codec="jpeg2000") == Strength(9.0, "jpeg2000")
    assert resolve_strength(step=9, codec="theirs") == Strength(9.0, "theirs")


@pytest.mark.parametrize("argument", ["quality", "qp", "rate"])
@pytest.mark.parametrize("codec", [*STATED_BY, "hevk"])
def test_an_argument_goes_with_the_codecs_that_it_states(argument: str, codec: str) -> None:
    given = {argument: 40, "codec": codec}
    states = {"jpeg": "quality", "webp": "quality", "jpeg2000": "rate", "hevk": "step"}
    if states.get(codec, "qp") == argument:
        assert resolve_strength(**given).codec == codec  # type: ignore[arg-type]
        return
    with pytest.raises(
        InputError,
        match=f"^{argument}= does not go with codec '{codec}': quality= goes with jpeg and webp, "
        "qp= with heif, bpg, h264, hevc, vvc, av1 and avif, rate= with jpeg2000, step= with any "
        "codec.$",
    ):
        resolve_strength(**given)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("given", "step"),
    [
        # AV1's tables of 8 bit, four indices a quantizer: 4, 15 at 8, 1828 at 255, in eighths
        ({"qp": 0, "codec": "av1"}, 4 / 8),
        ({"qp": 2, "codec": "avif"}, 15 / 8),
        ({"qp": 63, "codec": "av1"}, 1828 / 8),
        # libwebp: index 127 at quality 0, 26 at 75, 0 at 100; its table in halves
        ({"quality": 0, "codec": "webp"}, 284 / 2),
        ({"quality": 75, "codec": "webp"}, 30 / 2),
        ({"quality": 100, "codec": "webp"}, 4 / 2),
        ({"rate": 8.5}, 2.0),
    ],
)
def test_a_codec_counts_in_its_own_way(given: dict[str, Any], step: float) -> None:
    assert resolve_strength(**given).step == pytest.approx(step, rel=1e-12)


@pytest.mark.parametrize(
    ("given", "bounds"),
    [
        ({"qp": 63.5, "codec": "av1"}, "of AV1 is not from 0 to 63"),
        ({"qp": math.nan, "codec": "avif"}, "of AV1 is not from 0 to 63"),
        ({"quality": 101, "codec": "webp"}, "of WebP is not from 0 to 100"),
        ({"quality": math.nan, "codec": "webp"}, "of WebP is not from 0 to 100"),
        ({"rate": 0}, "not from 0.01 to 80"),
        ({"rate": 81}, "not from 0.01 to 80"),
        ({"rate": math.nan}, "not from 0.01 to 80"),
    ],
)
def test_what_a_codec_does_not_count_is_refused(given: dict[str, Any], bounds: str) -> None:
    with pytest.raises(InputError, match=bounds):
        resolve_strength(**given)


def test_a_file_may_say_its_own_strength_but_not_with_a_codec_alone() -> None:
    assert resolve_if_given() is None
    assert resolve_if_given(qp=34) == resolve_strength(qp=34)
    with pytest.raises(
        InputError, match=r"codec 'vvc' says what a strength is of.*give qp= \(--qp\) with"
    ):
        resolve_if_given(codec="vvc")
    with pytest.raises(InputError, match="give rate= "):
        resolve_if_given(codec="jpeg2000")
    with pytest.raises(InputError, match="give step= "):
        resolve_if_given(codec="theirs")
    assert resolve_if_given(rate=0.5) == resolve_strength(rate=0.5)
