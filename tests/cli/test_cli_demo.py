"""``edgeqe demo``: the gain it prints, and the files it makes."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from edgeqe import demo, metrics
from edgeqe.bench.data import packaged_file
from edgeqe.cli import main
from edgeqe.cli.demo import SMALL_PHOTOGRAPH

pytest.importorskip("skimage")

FILES = [
    "edgeqe-demo-coffee-before-after.png",
    "edgeqe-demo-coffee-enhanced.png",
    "edgeqe-demo-coffee-q15.jpg",
]


def pixels(path: Path) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    with Image.open(path) as opened:
        return np.asarray(opened.convert("RGB"))


def psnr(a: np.ndarray[tuple[int, ...], np.dtype[np.uint8]], b: object) -> float:
    error = np.mean((a.astype(float) - np.asarray(b, float)) ** 2)
    return float(10 * np.log10(255**2 / error))


def test_the_demo_gains_and_keeps_other_files(tmp_path: Path) -> None:
    mine = tmp_path / "mine.png"
    mine.write_bytes(b"mine")
    arguments = ["demo", "-o", str(tmp_path), "--model", "edgeqe-tiny", "--json"]
    for _ in range(2):  # the second run replaces the files of the first
        result = CliRunner().invoke(main, arguments)
        assert result.exit_code == 0, result.output
    report = json.loads(result.output)
    assert sorted(path.name for path in tmp_path.iterdir()) == [*FILES, "mine.png"]
    assert mine.read_bytes() == b"mine"
    clean = pixels(packaged_file("coffee.png"))
    panels, enhanced, damaged = (pixels(tmp_path / name) for name in FILES)
    # PSNR by the formula, not by our own metrics; float sums differ in the last bits.
    assert report["psnr_before_db"] == pytest.approx(psnr(clean, damaged), abs=1e-9)
    assert report["psnr_after_db"] == pytest.approx(psnr(clean, enhanced), abs=1e-9)
    assert report["gain_db"] >= 0.5
    height, width = clean.shape[:2]
    top, left = demo.CAPTION_HEIGHT, demo.MARGIN
    np.testing.assert_array_equal(panels[top : top + height, left : left + width], damaged)


def test_no_gain_is_a_failed_check(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics, "psnr", lambda reference, picture: 30.0)
    result = CliRunner().invoke(main, ["demo", "-o", str(tmp_path), "--model", "edgeqe-tiny"])
    assert result.exit_code == 1
    assert "gain +0.00 dB" in result.output
    assert "no better than the JPEG" in result.output


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder", encoding="utf-8")
    arguments = ["demo", "-o", str(tmp_path / "file" / "out"), "--model", "edgeqe-tiny"]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 2
    assert "cannot be written" in result.output
    assert result.output.count("\n") == 1


def test_the_difference_panel_is_amplified_on_mid_gray() -> None:
    before = np.full((40, 200, 3), 100, np.uint8)
    after = before.copy()
    after[:, :50], after[:, 50:100], after[:, 100:150] = 103, 98, 200
    drawing = np.asarray(demo.draw_panels(before, after))
    assert drawing.shape == (40 + 24 + 8, 3 * 200 + 4 * 8, 3)
    difference = drawing[24:64, 8 + 2 * 208 : 8 + 2 * 208 + 200]
    # 128 + 8 * 3, 128 - 8 * 2, clipped, unchanged.
    assert [int(difference[20, x, 1]) for x in (25, 75, 125, 175)] == [152, 112, 255, 128]
    # Each panel has a caption: dark pixels in the strip above it.
    for index in range(3):
        strip = drawing[:24, 8 + index * 208 : 8 + index * 208 + 200]
        assert (strip < 80).any()


def test_a_small_photograph_is_there_without_scikit_image(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, whole = importlib.util.find_spec, pixels(packaged_file("coffee.png"))
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *more: None if name == "skimage" else real(name)
    )
    result = CliRunner().invoke(main, ["demo", "-o", str(tmp_path), "--json"])
    assert result.exit_code == 0, result.output
    assert sorted(path.name for path in tmp_path.iterdir()) == FILES
    # half size by means of 2x2 pixels, in exact arithmetic; Pillow rounds a half either way
    small = pixels(SMALL_PHOTOGRAPH).astype(int)
    means = whole.reshape(200, 2, 300, 2, 3).mean(axis=(1, 3))[20:180, 20:260]
    assert np.abs(small - means).max() <= 0.5
