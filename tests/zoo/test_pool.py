"""The pool: what a batch depends on, how long pictures serve, what is chosen, what it counts."""

from collections import Counter
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from edgeqe.errors import InputError
from edgeqe.typing import Rgb
from edgeqe.zoo.training import pool as module
from edgeqe.zoo.training.degrade import FINENESS, CodedPicture
from edgeqe.zoo.training.pool import (
    CELL,
    CODED_AGAIN,
    REUSE,
    RIM,
    RIM_WEIGHT,
    SIDE,
    Entry,
    Pool,
    TrainingPicture,
    texture,
    weights,
)
from tests.reference import photograph


def pool_of(
    *pictures: Rgb, lossless: bool = True, seed: tuple[int, int] = (1, 0), **changes: Any
) -> Pool:
    """Small pool of some pictures."""
    options: dict[str, Any] = {
        "batch": 2,
        "crop": 32,
        "candidates": 2,
        "error_floor": 1.5,
        "slots": 4,
    }
    references = [TrainingPicture(picture, lossless) for picture in pictures]
    return Pool(references, seed, **{**options, **changes})


def blank(coded: Counter[str] | None = None) -> Any:
    """Codec that is cheap: planes as green is in the mean, and it counts pixels."""

    def code(rgb: Rgb, rng: np.random.Generator, quality: int) -> CodedPicture:
        if coded is not None:
            coded["pixels"] += rgb.shape[0] * rgb.shape[1]
            coded["pictures"] += 1
        samples = np.zeros((rgb.shape[0] // 2, rgb.shape[1] // 2, 12), np.int16)
        samples[..., :6] = (int(rgb[..., 1].mean()) - 128) * FINENESS
        return CodedPicture(samples, 4.0, False)

    return code


def test_a_batch_depends_on_seed_and_step_alone() -> None:
    pictures = [photograph(name, 20, 40, 130, 140) for name in ("coffee", "chelsea")]
    options: dict[str, Any] = {"batch": 128, "crop": 64}
    pool = pool_of(*pictures, **options)
    assert pool.lifetime == 4  # so step 7 has other pictures than step 2 or 9
    steps = [7, 2, 0, 9, 2, 8]
    batches = {step: pool.batch(step) for step in steps}
    assert [part.shape for part in batches[7]] == [(128, 32, 32, 6), (128, 1), (128, 32, 32, 12)]
    in_order = pool_of(*pictures, **options)
    resumed = pool_of(*pictures, **options)
    made = [in_order.batch(step) for step in range(8)]
    for part, other, after in zip(batches[7], made[7], resumed.batch(7), strict=True):
        np.testing.assert_array_equal(part, other)
        np.testing.assert_array_equal(part, after)
    np.testing.assert_array_equal(made[2][0], batches[2][0])
    for unlike in (pool.batch(6), pool_of(*pictures, seed=(1, 1), **options).batch(7)):
        assert not np.array_equal(unlike[0], batches[7][0])


def test_several_codecs_have_their_shares_and_places_in_the_one_hot() -> None:
    pytest.importorskip("av")
    pictures = [photograph(name, 20, 40, 144, 160) for name in ("coffee", "chelsea")]
    shares = {"jpeg": 0.5, "hevc": 0.25, "av1": 0.15, "webp": 0.1}
    options: dict[str, Any] = {"batch": 64, "crop": 64, "slots": 48, "codecs": shares}
    pool, again = pool_of(*pictures, **options), pool_of(*pictures, **options)
    planes, strength, targets = pool.batch(3)
    for part, same in zip((planes, strength, targets), again.batch(3), strict=True):
        np.testing.assert_array_equal(part, same)
    assert strength.shape == (64, 1 + 4)
    np.testing.assert_array_equal(strength[:, 1:].sum(axis=1), 1)
    held = Counter(entry.coded.codec for entry in pool._entries if entry is not None)
    # 48 pictures drawn with these shares: three standard deviations are 10.4 for a half, 9 for
    # a quarter, 7.4 and 6.2 for the small ones
    for codec, share, spread in zip(shares, shares.values(), (10.4, 9, 7.4, 6.2), strict=True):
        assert abs(held[codec] - 48 * share) <= spread
    for row, (log2_step, *one_hot) in enumerate(strength):  # the strength is of a picture so coded
        codec = list(shares)[int(np.argmax(one_hot))]
        steps = [e.coded.log2_step for e in pool._entries if e and e.coded.codec == codec]
        assert log2_step in np.array(steps, np.float32), row


def test_a_share_of_each_codec_is_coded_finely(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[tuple[str, float]] = []

    def noted(codec: str, rgb: Any, rng: np.random.Generator, value: float) -> CodedPicture:
        drawn.append((codec, value))
        made: CodedPicture = blank()(rgb, rng, 50)
        return made

    monkeypatch.setattr(module, "code_by", noted)
    monkeypatch.setattr(module, "code", lambda rgb, rng, value: noted("jpeg", rgb, rng, value))
    picture = np.zeros((2 * SIDE, 2 * SIDE, 3), np.uint8)
    shares = {"jpeg": 0.5, "h264": 0.25, "webp": 0.25}
    for fine_share, finely in ((0.0, 0), (0.25, 0.25), (1.0, 1.0)):
        drawn.clear()
        pool = pool_of(picture, batch=4, crop=64, slots=400, codecs=shares, fine_share=fine_share)
        pool.batch(0)
        assert len(drawn) == 400
        # finer than any recipe without a share codes: H.264 from QP 17, WebP to quality 95
        finest = {"jpeg": (96, 97), "h264": (12, 16), "webp": (96, 100)}
        found = np.mean([finest[codec][0] <= value <= finest[codec][1] for codec, value in drawn])
        # of the fine ends two qualities of eight, five QPs of nine and five qualities of sixteen
        expected = finely * (0.5 * 2 / 8 + 0.25 * 5 / 9 + 0.25 * 5 / 16)
        assert abs(found - expected) <= 3 * np.sqrt(expected * (1 - expected) / 400)


def test_a_coded_pixel_serves_as_many_crops_as_said(monkeypatch: pytest.MonkeyPatch) -> None:
    coded: Counter[str] = Counter()
    monkeypatch.setattr(module, "code", blank(coded))
    pool = pool_of(np.zeros((2 * SIDE, 2 * SIDE, 3), np.uint8), batch=64, crop=128, slots=20)
    assert pool.lifetime == 10  # 20 * 256^2 * 8 / (64 * 128^2)
    pool.batch(0)
    assert coded["pictures"] == 20
    coded.clear()
    replaced = []
    for step in range(1, 2 * pool.lifetime + 1):
        before = coded["pictures"]
        pool.batch(step)
        replaced.append(coded["pictures"] - before)
    served = 2 * pool.lifetime * 64 * 128**2 / coded["pixels"]
    assert served == pytest.approx(REUSE)
    assert set(replaced) == {2}  # 20 in 10 steps, evenly


@pytest.mark.parametrize("share", [0.1, 0.25])
def test_a_share_of_the_crops_is_drawn(share: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "code", blank())
    monkeypatch.setattr(module, "draw", lambda rng, *side: np.full((*side, 3), 228, np.uint8))
    photograph = np.full((128, 128, 3), 28, np.uint8)
    pool = pool_of(photograph, batch=500, slots=8, candidates=1, drawn_share=share)
    levels = np.concatenate([pool.batch(step)[0][:, 0, 0, 0] for step in range(6)]) * 255 + 128
    assert set(np.rint(levels)) == {28, 228}
    # four standard deviations of a share of 3,000 are 0.022 and 0.032
    assert np.mean(levels > 100) == pytest.approx(share, abs=0.022 if share < 0.2 else 0.032)


def test_a_drawing_is_coded_several_times_at_strengths_of_its_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shown: dict[int, list[float]] = {}
    drawings = iter(range(1, 250))

    def drawn(rng: np.random.Generator, *side: int) -> npt.NDArray[np.uint8]:
        return np.full((*side, 3), next(drawings), np.uint8)

    def coded(rgb: npt.NDArray[np.uint8], rng: np.random.Generator, quality: int) -> CodedPicture:
        shown.setdefault(int(rgb[0, 0, 0]), []).append(quality)
        return CodedPicture(
            np.zeros((rgb.shape[0] // 2, rgb.shape[1] // 2, 12), np.int16), 4.0, False
        )

    monkeypatch.setattr(module, "draw", drawn)
    monkeypatch.setattr(module, "code", coded)
    pool = pool_of(np.zeros((2 * SIDE, 2 * SIDE, 3), np.uint8), batch=64, crop=128, slots=20)
    for step in range(0, 6 * CODED_AGAIN * pool.lifetime, pool.lifetime):
        pool.batch(step)
    del shown[0]  # the photograph
    times = sorted(len(qualities) for qualities in shown.values())
    # of two slots seven drawings each, the first and the last of which are cut short
    assert times[4:] == [CODED_AGAIN] * 10 and sum(times) == 2 * 6 * CODED_AGAIN
    assert all(
        len(set(qualities)) > CODED_AGAIN / 2
        for qualities in shown.values()
        if len(qualities) == CODED_AGAIN
    )


def test_energy_is_the_mean_square_gradient_of_the_cells_that_a_crop_touches() -> None:
    rgb = np.zeros((64, 96, 3), np.uint8)
    rgb[:, 48:, 1] = np.arange(48) * 3  # a ramp: 9 a pixel, from the fourth cell of columns on
    entry = Entry(CodedPicture(np.zeros((32, 48, 12), np.int16), 4.0, True), texture(rgb))
    assert entry.energy(0, 0, 3 * CELL) == 0.0
    assert entry.energy(0, 4 * CELL, 2 * CELL) == pytest.approx(9.0)
    # the first cell of the ramp has 15 of 16 columns of gradients; the crop touches 4x4 cells
    first = 9.0 * 15 / 16
    assert entry.energy(3, 3, 3 * CELL) == pytest.approx(first / 4)


def test_texture_is_preferred(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "draw_quality", lambda rng: 90)  # of a lossless one: not downscaled
    half = np.full((SIDE, SIDE, 3), 128, np.uint8)
    half[:, SIDE // 2 :] = np.random.default_rng(1).integers(0, 256, (SIDE, SIDE // 2, 3))

    def flat(candidates: int) -> float:
        pool = pool_of(half, batch=300, crop=64, slots=1, candidates=candidates)
        return float(np.mean(pool.batch(0)[0][..., :4].std(axis=(1, 2, 3)) < 0.01))

    # a crop of 64 is flat at 65 of 193 places; four standard deviations of 300 are 0.11
    assert flat(1) == pytest.approx(65 / 193, abs=0.11)
    assert flat(4) < 0.05  # all four candidates: 0.337 ** 4 = 0.013


@pytest.mark.parametrize("lossless", [True, False])
def test_fine_qualities_see_the_finest_detail_of_lossless_pictures_alone(
    lossless: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    picture = np.zeros((600, 300, 3), np.uint8)
    picture[::2] = 255  # lines of one pixel, which no downscaling keeps
    seen: list[tuple[int, bool]] = []

    def code(rgb: Rgb, rng: np.random.Generator, quality: int) -> CodedPicture:
        assert rgb.shape[0] % 16 == rgb.shape[1] % 16 == 0 and max(rgb.shape) <= SIDE
        seen.append((quality, bool(np.isin(rgb, (0, 255)).all())))
        return blank()(rgb, rng, quality)  # type: ignore[no-any-return]

    monkeypatch.setattr(module, "code", code)
    monkeypatch.setattr(module, "draw", lambda rng, *side: np.full((*side, 3), 7, np.uint8))
    pool_of(picture, lossless=lossless, slots=100).batch(0)
    photographs = seen[:90]
    assert {kept for quality, kept in photographs if quality >= 80} == {lossless}
    assert {kept for quality, kept in photographs if quality < 80} == {False}


def test_pictures_too_small_for_a_crop_are_left_out_and_none_is_an_error() -> None:
    with pytest.raises(InputError, match="no picture has 64 pixels both ways, twice the crop"):
        pool_of(np.zeros((63, 400, 3), np.uint8))
    pool = pool_of(np.full((63, 64, 3), 9, np.uint8), np.full((64, 64, 3), 50, np.uint8))
    assert [r.rgb[0, 0, 0] for r in pool.references] == [50]


@pytest.mark.parametrize("step", [2.0, 16.0, 64.0])
@pytest.mark.parametrize("gray", [True, False])
def test_weights_count_a_decibel_the_same_at_every_strength(gray: bool, step: float) -> None:
    rng = np.random.default_rng(1)
    target = rng.normal(0.0, step / 4 / 255, (48, 48, 6)).astype(np.float32)
    coded = CodedPicture(np.zeros((1, 1, 12), np.int16), float(np.log2(step)), gray)
    error = np.square(target.astype(np.float64) * 255).mean(axis=(0, 1))
    inner = np.s_[RIM:-RIM, RIM:-RIM]
    found = weights(target, coded, floor=0.0)
    # what the crop's own error counts in the loss: one, whatever its strength
    luma, chroma = error[:4].mean(), 1.086 * error[4] + 0.825 * error[5]
    counted = (found[24, 24] * error).sum() / 255**2
    assert counted == pytest.approx(1.0, rel=1e-4)
    # chroma of gray pictures counts nothing
    assert found[24, 24, 4:].tolist() == [0.0, 0.0] if gray else (found[24, 24, 4:] > 0).all()
    # the floor takes its share: by hand, 1.5 * step ** 0.85 levels squared
    total = luma if gray else luma + chroma
    floored = weights(target, coded, floor=1.5)
    share = total / (total + 1.5 * step**0.85)
    np.testing.assert_allclose(floored[inner], found[inner] * share, rtol=1e-4)
    rim = np.ones((48, 48), bool)
    rim[inner] = False
    np.testing.assert_allclose(
        found[rim], RIM_WEIGHT * np.broadcast_to(found[24, 24], found.shape)[rim]
    )
