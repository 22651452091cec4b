"""Degradation: a sample plus its target is the reference, at every strength and front end."""

import io

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from edgeqe.codecs.strength import step_from_quality
from edgeqe.typing import Double
from edgeqe.zoo.training import degrade
from edgeqe.zoo.training.degrade import FINENESS, CodedPicture, code, draw_quality
from edgeqe.zoo.training.pool import FLIPPED_COLUMNS, FLIPPED_ROWS
from tests.reference import photograph


def ycc_of(rgb: npt.NDArray[np.uint8]) -> Double:
    """Full-range Y, Cb, Cr by the formulas of ITU-T T.871."""
    r, g, b = (rgb[..., channel].astype(np.float64) for channel in range(3))
    y = 0.299 * r + 0.587 * g + 0.114 * b
    return np.stack([y, 128 + (b - y) / 1.772, 128 + (r - y) / 1.402], axis=-1)


def planes_of(ycc: Double, gray: bool) -> Double:
    """Six planes by hand: phases of Y in rows, means of chroma's 2x2 squares."""
    phases = [ycc[row::2, column::2, 0] for row in (0, 1) for column in (0, 1)]
    corners = [ycc[row::2, column::2, 1:] for row in (0, 1) for column in (0, 1)]
    chroma = np.mean(corners, axis=0)
    planes = np.stack([*phases, chroma[..., 0], chroma[..., 1]], axis=-1)
    if gray:
        planes[..., 4:] = 128
    return planes


def restored(coded: CodedPicture) -> Double:
    """Decoded planes plus residual, 8-bit levels."""
    parts = coded.samples.astype(np.float64) / FINENESS
    return parts[..., :6] + parts[..., 6:] + 128


def test_a_sample_and_its_target_make_the_original() -> None:
    crop = photograph("astronaut", 0, 128, 96, 96)
    full = ycc_of(crop)
    studio = np.concatenate([16 + full[..., :1] * 219 / 255, 128 + (full[..., 1:] - 128) * 224 / 255], -1)  # fmt: skip
    kinds = set()
    for seed in range(40):
        coded = code(crop, np.random.default_rng(seed), quality=30)
        found = restored(coded)
        apart = [np.abs(found - planes_of(ycc, coded.gray)).max() for ycc in (full, studio)]
        # each of both is rounded to 1/64 level: half of that twice, and float32 below it
        assert min(apart) < 1.0 / FINENESS + 1e-3
        kinds.add((coded.gray, int(np.argmin(apart))))
    assert kinds == {(gray, range_) for gray in (True, False) for range_ in (0, 1)}


def test_what_is_decoded_is_a_jpeg_of_that_quality(monkeypatch: pytest.MonkeyPatch) -> None:
    """Luma of a gray picture, against Pillow's own file at the same quality."""
    monkeypatch.setattr(degrade, "GRAY_SHARE", 1.0)
    gray = photograph("camera", 100, 200, 64, 96)
    for seed in range(6):
        coded = code(np.stack([gray] * 3, -1), np.random.default_rng(seed), quality=25)
        luma = coded.samples[..., :4].astype(float) / FINENESS + 128
        files = []
        for reference in (gray.astype(float), np.rint(16 + gray.astype(float) * 219 / 255)):
            file = io.BytesIO()
            Image.fromarray(reference.astype(np.uint8)).save(file, "JPEG", quality=25)
            shown = np.asarray(Image.open(file)).astype(float)
            phases = [shown[row::2, column::2] for row in (0, 1) for column in (0, 1)]
            files.append(np.stack(phases, -1))
        # the weights of Y sum to 1 up to float32, which may round a gray level to its neighbour
        assert min(np.abs(luma - file).mean() for file in files) < 0.01


def test_coarser_quality_is_a_larger_error_and_step() -> None:
    crop = photograph("astronaut", 0, 128, 96, 96)
    coded = [code(crop, np.random.default_rng(1), quality) for quality in (90, 50, 10)]
    errors = [float(np.square(c.samples[..., 6:].astype(float)).mean()) for c in coded]
    assert errors[0] < errors[1] < errors[2]
    for one, quality in zip(coded, (90, 50, 10), strict=True):
        assert one.log2_step == pytest.approx(np.log2(step_from_quality(quality)))


def test_qualities_are_drawn_as_densely_as_said() -> None:
    rng = np.random.default_rng(3)
    drawn = np.array([draw_quality(rng) for _ in range(4000)])
    assert drawn.min() >= 5 and drawn.max() == 95
    # four standard deviations of a share of 4,000 are 0.03
    assert np.mean(drawn < 20) == pytest.approx(0.25, abs=0.04)
    assert np.mean((drawn >= 20) & (drawn <= 60)) == pytest.approx(0.5, abs=0.045)


@pytest.mark.parametrize("flip", ["columns", "rows"])
@pytest.mark.parametrize("gray", [True, False])
def test_flips_commute_with_the_codec_and_transposing_does_not(
    flip: str, gray: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(degrade, "GRAY_SHARE", 1.0 if gray else 0.0)
    rgb = photograph("coffee", 100, 100, 96, 128)
    apart, turned = [], []
    for seed in range(6):  # both ranges, samplings and front ends
        samples = code(rgb, np.random.default_rng(seed), quality=20).samples
        if flip == "columns":
            flipped, other = samples[:, ::-1, FLIPPED_COLUMNS], rgb[:, ::-1]
        else:
            flipped, other = samples[::-1, :, FLIPPED_ROWS], rgb[::-1]
        coded = code(np.ascontiguousarray(other), np.random.default_rng(seed), quality=20).samples
        apart.append(np.abs(flipped[..., :6] - coded[..., :6].astype(float)) / FINENESS)
        on_its_side = np.ascontiguousarray(rgb.transpose(1, 0, 2))
        coded = code(on_its_side, np.random.default_rng(seed), quality=20).samples[..., :6]
        transposed = samples.transpose(1, 0, 2)[..., [0, 2, 1, 3, 4, 5]]
        turned.append(np.abs(transposed - coded.astype(float)) / FINENESS)
    # Gray is equal but for sums of the transform that lie between two integers. The codec's
    # means of chroma are rounded up and down by turns along a row, so a flip of columns shifts
    # some by one, and here and there a coefficient to its neighbour.
    assert np.mean(np.array(apart) > 0.0) < 1e-3 if gray else np.mean(np.array(apart) > 1.0) < 0.01
    assert np.mean(turned) > 0.5  # levels: the tables are not symmetric
