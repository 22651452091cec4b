"""What calibration data is refused, and why; photographs are not."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edgeqe.errors import InputError
from edgeqe.quantization.calibration.representative import (
    blockiness,
    check_qualities,
    check_representative,
    correlation,
)
from edgeqe.quantization.calibration.samples import Photograph, read_photographs
from tests.quantization.photographs import NAMES, folder_of, photograph, picture


@pytest.fixture(scope="module")
def originals(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return folder_of(tmp_path_factory.mktemp("originals") / "p")


@pytest.fixture
def folder(originals: Path, tmp_path: Path) -> Path:
    """Eight photographs, for a test to add to and take from."""
    return Path(shutil.copytree(originals, tmp_path / "pictures"))


def check(folder: Path) -> tuple[list[Photograph], list[str]]:
    return check_representative(read_photographs(folder))


def refused(folder: Path) -> str:
    with pytest.raises(InputError) as caught:
        check(folder)
    return str(caught.value)


def test_eight_photographs_are_fit(folder: Path) -> None:
    fit, warnings = check(folder)
    assert [p.name for p in fit] == [f"{name}.png" for name in NAMES] and warnings == []


def test_seven_are_too_few(folder: Path) -> None:
    (folder / "grass.png").unlink()
    assert "7 of 7 pictures: give at least 8" in refused(folder)


def test_copies_count_once_in_whatever_format_size_or_quality(folder: Path) -> None:
    picture("grass").save(folder / "grass.webp", quality=90)
    picture("camera").save(folder / "camera.jpg", quality=90)
    picture("coffee").save(folder / "coffee.bmp")
    small = picture("astronaut").resize((300, 300), Image.Resampling.LANCZOS)
    small.save(folder / "small.png")
    fit, warnings = check(folder)
    assert len(fit) == 8 and "small.png" not in {p.name for p in fit}
    assert len(warnings) == 1 and warnings[0].startswith("4 of 12 pictures are left out (")
    assert "shows the same as 'camera.jpg'" in warnings[0] and "; 1 more)" in warnings[0]
    (folder / "gravel.png").unlink()
    assert "can use 7 of 11 pictures ('" in refused(folder)


def test_noise_is_left_out_also_as_jpeg_and_refused_alone(folder: Path, tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    gray = Image.fromarray(rng.integers(0, 256, (300, 300), np.uint8))
    gray.save(folder / "gray.png")
    canonical = np.clip(rng.normal(128, 20, (300, 300, 3)), 0, 255).astype(np.uint8)
    Image.fromarray(canonical).save(folder / "rgb.jpg", quality=95)
    fit, (warning,) = check(folder)
    assert len(fit) == 8
    assert "2 of 10" in warning and "'gray.png' is noise (neighbouring pixels cor" in warning
    alone = tmp_path / "noise"
    alone.mkdir()
    for number in range(12):
        noise = Image.fromarray(rng.integers(0, 256, (300, 300), np.uint8))
        noise.save(alone / f"{number}.png")
    assert "can use 0 of 12 pictures ('0.png' is noise" in refused(alone)


def test_flat_and_tiny_pictures_are_left_out(folder: Path) -> None:
    Image.new("RGB", (400, 400), (10, 200, 30)).save(folder / "a_card.png")
    picture("coins").crop((0, 0, 300, 63)).save(folder / "b_strip.png")
    fit, (warning,) = check(folder)
    assert len(fit) == 8
    assert "'a_card.png' is flat (its luma varies by 0.0 levels of 255)" in warning
    assert "'b_strip.png' has 300x63 pixels, less than 64 a side" in warning


def test_more_unfit_than_fit_pictures_are_refused(folder: Path) -> None:
    for number in range(9):
        Image.new("L", (100, 100), 20 * number).save(folder / f"{number}.png")
    assert "can use 8 of 17 pictures ('0.png' is flat" in refused(folder)


def test_small_pictures_must_be_more(folder: Path) -> None:
    for name in NAMES:
        picture(name).crop((0, 0, 160, 160)).save(folder / f"{name}.png")
    assert "0.20 megapixels in whole windows, calibration needs 0.52" in refused(folder)


def test_coarse_jpeg_is_refused_with_its_quality(folder: Path) -> None:
    for name in NAMES[:5]:
        (folder / f"{name}.png").unlink()
        picture(name).save(folder / f"{name}.jpg", quality=40)
    message = refused(folder)
    assert (
        "5 of 8 pictures are JPEG files of quality 40: calibration compresses reference" in message
    )


def test_jpeg_of_middling_quality_is_a_concern(folder: Path) -> None:
    for name, quality in zip(NAMES, (80, 85, 90, 95, 98, 90, 90, 90), strict=True):
        (folder / f"{name}.png").unlink()
        picture(name).save(folder / f"{name}.jpg", quality=quality)
    fit, (warning,) = check(folder)
    assert len(fit) == 8
    assert warning.startswith("2 of 8 pictures are JPEG files below quality 90 (the lowest 'ast")


@pytest.mark.parametrize("quality", [10, 40])
def test_pictures_decoded_from_coarse_jpeg_are_refused(quality: int, folder: Path) -> None:
    for name in NAMES:
        coded = folder / f"{name}.jpg"
        picture(name).save(coded, quality=quality)
        with Image.open(coded) as shown:  # cut, so that the grid lies elsewhere
            shown.crop((3, 5, shown.width, shown.height)).save(folder / f"{name}.png")
        coded.unlink()
    assert "the pictures show the blocks of a codec (gradients at every eighth" in refused(folder)


def test_blockiness_of_a_picture_with_known_steps() -> None:
    ramp = np.tile(np.arange(64.0), (64, 1))
    ramp = ramp + ramp.T
    assert blockiness(ramp) == pytest.approx(1.0)
    edges = np.tile((np.arange(64.0) + 5) // 8 * 2, (64, 1))
    # Steps of 1, at every eighth place of 1 + 2.
    assert blockiness(ramp + edges + edges.T) == pytest.approx(3.0)
    # In one direction alone that is a picture of stripes.
    assert blockiness(ramp + edges) == pytest.approx(1.0)


def test_correlation_is_numpys() -> None:
    luma = np.asarray(picture("camera").crop((0, 0, 64, 48))).astype(np.float64)
    across = np.corrcoef(luma[:, 1:].ravel(), luma[:, :-1].ravel())[0, 1]
    down = np.corrcoef(luma[1:].ravel(), luma[:-1].ravel())[0, 1]
    assert correlation(luma) == pytest.approx(min(across, down), abs=1e-12)
    assert correlation(np.full((8, 8), 3.0)) == 1.0


def test_a_picture_is_judged_by_its_best_window() -> None:
    rng = np.random.default_rng(5)
    noise = rng.integers(0, 256, (256, 256, 3), np.uint8)
    sky = np.full((256, 256, 3), 200, np.uint8)
    windows = [np.asarray(picture(n).convert("RGB"))[:256, :256] for n in NAMES]
    mixed = [photograph(w, sky, noise, name=n) for n, w in zip(NAMES, windows, strict=True)]
    assert check_representative(mixed) == (mixed, [])


@pytest.mark.parametrize(
    ("qualities", "strengths", "words"),
    [
        ((40,), True, ("quality 40 only", "serves all strengths", "at most 20 to at least 80")),
        ((40, 60, 60), True, ("quality 40 to 60 only",)),
        ((10, 20), False, ("quality 10 to 20 only", "these alone")),
    ],
)
def test_one_strength_is_told(
    qualities: tuple[int, ...], strengths: bool, words: tuple[str, ...]
) -> None:
    (warning,) = check_qualities(qualities, strengths=strengths)
    for word in words:
        assert word in warning
    assert check_qualities((10, 80), strengths=strengths) == []
