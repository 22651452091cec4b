"""Picture sets: what is read, in which order, and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edgeqe.bench.data import (
    COLOUR_PHOTOGRAPHS,
    GRAY_PHOTOGRAPHS,
    folder,
    packaged,
    read_picture,
)
from edgeqe.errors import ImageError, InputError


def save(path: Path, size: tuple[int, int], mode: str = "RGB", value: int = 77) -> None:
    fill = value if mode == "L" else (value, 0, 200)
    Image.new(mode, size, fill).save(path)


def test_a_folder_is_read_by_name_without_other_files(tmp_path: Path) -> None:
    save(tmp_path / "b.png", (20, 16))
    save(tmp_path / "a.PNG", (18, 17), "L")
    (tmp_path / "notes.txt").write_text("no picture", encoding="utf-8")
    (tmp_path / "sub").mkdir()
    save(tmp_path / "sub" / "a.png", (16, 16))
    pictures = folder(tmp_path)
    assert [(p.name, p.pixels.shape, p.gray) for p in pictures] == [
        ("a", (17, 18), True),
        ("b", (16, 20, 3), False),
        ("sub/a", (16, 16, 3), False),
    ]


def test_scale_is_a_bicubic_resize(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    whole = Image.fromarray(rng.integers(0, 256, (40, 60, 3), np.uint8))
    whole.save(tmp_path / "a.png")
    expected = np.asarray(whole.resize((42, 28), Image.Resampling.BICUBIC))
    (picture,) = folder(tmp_path, 0.7)
    np.testing.assert_array_equal(picture.pixels, expected)
    with pytest.raises(InputError, match="above 0 and at most 1"):
        folder(tmp_path, 1.5)


def test_packaged_photographs_are_there() -> None:
    pytest.importorskip("skimage")
    pictures = packaged()
    assert len(pictures) == len(COLOUR_PHOTOGRAPHS) + len(GRAY_PHOTOGRAPHS)
    grays = {Path(name).stem for name in GRAY_PHOTOGRAPHS}
    assert {picture.name for picture in pictures if picture.gray} == grays


def test_what_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is no folder"):
        folder(tmp_path / "absent")
    with pytest.raises(InputError, match="no pictures in"):
        folder(tmp_path)
    text = tmp_path / "text.jpg"
    text.write_text("not a picture", encoding="utf-8")
    with pytest.raises(ImageError, match=r"text\.jpg is no picture"):
        read_picture(text)
    save(tmp_path / "whole.png", (64, 64))
    cut = tmp_path / "cut.png"
    cut.write_bytes((tmp_path / "whole.png").read_bytes()[:-40])
    with pytest.raises(ImageError, match=r"cut\.png is damaged"):
        read_picture(cut)
    save(tmp_path / "small.png", (15, 40))
    with pytest.raises(ImageError, match="15x40 pixels.*at least 16"):
        read_picture(tmp_path / "small.png")
    deep = tmp_path / "deep.png"
    Image.fromarray(np.full((20, 20), 40_000, np.uint16)).save(deep)
    with pytest.raises(ImageError, match="give reference pictures of 8 bits"):
        read_picture(deep)
