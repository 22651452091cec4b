"""The step of what a stream shows, in coding order, and how it is held in display order."""

import math

import numpy as np
import pytest

from edgeqe.video.smoothing import AHEAD, HELD, REPLACED, ShownStep, Smoother


def step_of(qp: float) -> float:
    return float(2.0 ** ((qp - 4) / 6))


def shown(*pictures: tuple[float | None, int, bool]) -> list[float | None]:
    """QPs of what is shown after each of some pictures: QP, bytes, whether it refers to none."""
    follower, found = ShownStep(), []
    for qp, coded_bytes, alone in pictures:
        follower.take(0.0 if qp is None else step_of(qp), coded_bytes, alone=alone)
        found.append(None if follower.step is None else 4 + 6 * math.log2(follower.step))
    return found


def held(pictures: list[tuple[float | None, int]]) -> list[float | None]:
    """QPs that frames are enhanced at, of QPs and places in coding order."""
    smoother: Smoother[int] = Smoother()
    passed = [
        pair
        for index, (qp, place) in enumerate(pictures)
        for pair in smoother.push(index, None if qp is None else step_of(qp), place)
    ]
    passed += smoother.flush()
    assert [item for item, _ in passed] == list(range(len(pictures)))
    return [None if step is None else 4 + 6 * math.log2(step) for _, step in passed]


def test_one_strength_stays_what_it_is() -> None:
    found = shown((32, 4000, True), *[(32, size, False) for size in (10, 900, 4000, 0, 9000)])
    np.testing.assert_allclose(np.array(found, float), 32.0, atol=1e-9)
    np.testing.assert_allclose(
        np.array(held([(32, place) for place in range(1, 9)]), float), 32.0, atol=1e-9
    )


def test_pictures_of_few_bytes_show_the_one_that_they_copy() -> None:
    # VVenC at QP 37, random access: one picture of 2700 bytes at 32, twenty of 20 to 160 bytes at
    # 40 to 46. All of these together are 1185 bytes, too few to replace a half of it, which
    # takes ln 2 / 1.25 * 2700.
    few = [(40, 160), (43, 65), (46, 40), (45, 45), (46, 25)] * 3 + [(42, 70), (46, 20)] * 2
    found = shown((32, 2700, True), *[(qp, size, False) for qp, size in few])
    values = np.array(found, float)
    assert np.all(np.diff(values) > 0)  # what is coarser replaces it bit by bit
    assert values[-1] < (32 + 43) / 2  # as a mean over the pictures would not be: 43 and more


def test_a_share_is_replaced_by_as_many_bytes_in_few_pictures_or_many() -> None:
    # so many that a part of 1 / e is left
    for parts in (1, 8, 100):
        found = shown((30, 10000, True), *[(36, round(10000 / REPLACED / parts), False)] * parts)
        assert found[-1] == pytest.approx(36 - 6 / math.e, abs=1e-9)


def test_where_all_moves_the_step_is_soon_that_of_late_pictures() -> None:
    # a tenth of the first picture's bytes in each: half of it is replaced after ln 2 / 0.125, between five and six
    found = shown((29, 8000, True), *[(32, 800, False)] * 40)
    assert found[5] is not None and found[6] is not None and found[5] < 30.5 < found[6]
    assert found[-1] == pytest.approx(32.0, abs=0.1)


def test_a_new_scene_has_its_own_step() -> None:
    found = shown((38, 500, True), *[(38, 50, False)] * 20, (26, 9000, True), (29, 50, False))
    assert found[21] == pytest.approx(26.0, abs=1e-9)
    assert found[22] == pytest.approx(26.0, abs=0.1)
    # without a key picture: more bytes than a whole picture had before
    found = shown((38, 500, True), *[(38, 50, False)] * 20, (26, 9000, False))
    assert found[21] is not None and found[21] < 31


def test_pictures_without_quantization_and_of_no_bytes_change_nothing() -> None:
    assert shown((None, 900, True)) == [None]
    found = shown((30, 100, True), (None, 900, True), (40, 0, False))
    np.testing.assert_allclose(np.array(found, float), 30.0, atol=1e-9)
    assert shown((30, 0, True), (40, 0, False))[-1] == pytest.approx(30.0, abs=1e-9)


def test_a_step_is_held_until_it_is_a_qp_away() -> None:
    drifting = [29 + 0.1 * place for place in range(60)]
    found = np.array(held([(qp, place) for place, qp in enumerate(drifting, 1)]), float)
    assert 6 * HELD == pytest.approx(1.0)
    assert np.all(np.abs(found - drifting) <= 1 + 1e-9)
    assert len(np.unique(found)) == 6  # every eleventh tenth


def test_what_was_coded_before_a_frame_that_was_shown_says_nothing_new() -> None:
    # display order I B B P, coding order I P B B; then a key picture of another step that is shown
    # behind pictures which were coded after it, as in VVenC's first group
    frames: list[tuple[float | None, int]] = [(33, 1), (34.5, 3), (34.6, 4), (31, 2), (34.8, 5)]
    np.testing.assert_allclose(np.array(held(frames), float), [33, 34.5, 34.5, 34.5, 34.5])


def test_frames_without_a_strength_take_their_neighbours() -> None:
    frames: list[tuple[float | None, int]] = [(None, 0), (30, 1), (None, 0), (30, 2)]
    np.testing.assert_allclose(np.array(held(frames), float), [30.0] * 4, atol=1e-9)


def test_far_from_any_strength_there_is_none() -> None:
    found = held([*[(None, 0)] * 10, (30, 1), *[(None, 0)] * 10])
    assert found[: 10 - AHEAD] == [None] * (10 - AHEAD)
    assert None not in found[10 - AHEAD :]  # held, from the first one that is seen
