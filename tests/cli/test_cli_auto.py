"""``edgeqe enhance --quality auto``: the strength that the pixels show."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from edgeqe.cli import main


def run(*words: str) -> Result:
    return CliRunner().invoke(
        main, ["enhance", "-m", "edgeqe-nano", "--threads", "1", "--overwrite", *words]
    )


def report(*words: str) -> dict[str, Any]:
    found = run("--json", *words)
    assert found.exit_code == 0, found.output
    (picture,) = json.loads(found.stdout)["pictures"]
    return dict(picture)


@pytest.fixture
def photograph(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Image.Image:
    monkeypatch.chdir(tmp_path)
    data = pytest.importorskip("skimage.data")
    return Image.fromarray(data.coffee()[40:296, 60:380])


def coded(picture: Image.Image, name: str, quality: int) -> Image.Image:
    picture.save(name, "JPEG", quality=quality)
    return Image.open(name).convert("RGB")


def test_a_picture_that_lost_its_table(photograph: Image.Image) -> None:
    coded(photograph, "a.jpg", 30).save("a.png")
    found = report("a.png", "-o", "auto.png", "-q", "auto")
    assert found["strength_from"] == "pixels" and found["confidence"] > 0.9
    assert found["quality"] == 30 and found["stated_quality"] is None
    assert found["drawn"] < 0.5
    assert report("a.png", "-o", "told.png", "-q", "30")["strength_from"] == "argument"
    auto, told = (np.asarray(Image.open(name)) for name in ("auto.png", "told.png"))
    np.testing.assert_array_equal(auto, told)


def test_a_jpeg_whose_table_says_less(photograph: Image.Image) -> None:
    coded(coded(photograph, "once.jpg", 20), "twice.jpg", 92)
    found = report("twice.jpg", "-o", "out.png", "-q", "auto")
    assert (found["strength_from"], found["stated_quality"]) == ("pixels", 92)
    assert abs(found["quality"] - 20) <= 2
    line = run("twice.jpg", "-o", "out.png", "-q", "auto").stdout
    assert "by its pixels (confidence 1.00, its table says 92)" in line


def test_a_jpeg_whose_table_says_all(photograph: Image.Image) -> None:
    coded(photograph, "once.jpg", 40)
    found = report("once.jpg", "-o", "out.png", "-q", "auto")
    assert (found["strength_from"], found["quality"]) == ("file", 40)
    assert found["confidence"] is None


def test_what_shows_nothing_is_not_guessed(photograph: Image.Image) -> None:
    photograph.resize((200, 160), Image.Resampling.BICUBIC).save("scaled.png")
    found = run("scaled.png", "-o", "out.png", "-q", "auto")
    assert found.exit_code == 2
    assert "its pixels show" in found.stderr and "--quality, --qp or --rate" in found.stderr
    assert not Path("out.png").exists()


def test_one_strength_alone(photograph: Image.Image) -> None:
    photograph.save("a.png")
    for words in (("--qp", "30"), ("--rate", "0.5")):
        found = run("a.png", "-o", "out.png", "-q", "auto", *words)
        assert found.exit_code == 2 and "give one of them" in found.stderr
    found = run("a.png", "-o", "out.png", "-q", "best")
    assert found.exit_code == 2 and "'best' is neither" in found.stderr
