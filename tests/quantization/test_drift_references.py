"""The pictures of the gate: what is taken, what is refused, and that one is held at a time."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edgeqe.coding import RatePoint
from edgeqe.errors import ImageError, InputError
from edgeqe.files.folders import list_pictures
from edgeqe.protocols import CodingProtocol
from edgeqe.quantization.drift.references import compressed_pictures, notes_of
from tests.drift_models import save

GRAY, RGB = CodingProtocol.GRAY, CodingProtocol.RGB


def noise(*shape: int) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    return np.random.default_rng(6).integers(0, 256, shape, np.uint8)


def test_a_gray_picture_is_coded_as_it_is(tmp_path: Path) -> None:
    pixels = noise(32, 40)
    save(tmp_path, gray=pixels)
    (coded,) = compressed_pictures(list_pictures(tmp_path), (GRAY, RGB), (RatePoint("jpeg", 50),))
    assert (coded.name, coded.protocol, coded.point.value) == ("gray.png", "gray", 50)
    np.testing.assert_array_equal(coded.reference.pixels, pixels)


def test_alpha_and_palettes_do_not_matter(tmp_path: Path) -> None:
    rgba = noise(32, 40, 4)
    save(tmp_path, alpha=rgba)
    Image.fromarray(noise(32, 40)).convert("P").save(tmp_path / "palette.png")
    shapes = [
        coded.reference.pixels.shape
        for coded in compressed_pictures(list_pictures(tmp_path), (RGB,), (RatePoint("jpeg", 50),))
    ]
    assert shapes == [(32, 40, 3)] * 2


def test_a_name_that_is_no_utf8_can_be_printed(tmp_path: Path) -> None:
    save(tmp_path, gray=noise(32, 40))
    (tmp_path / "gray.png").rename(tmp_path / os.fsdecode(b"a\xff.png"))
    (coded,) = compressed_pictures(list_pictures(tmp_path), (GRAY,), (RatePoint("jpeg", 50),))
    assert coded.name.encode("utf-8") == b"a\\udcff.png"


def test_pictures_are_read_one_at_a_time(tmp_path: Path) -> None:
    save(tmp_path, a=noise(32, 40))
    (tmp_path / "b.png").write_bytes(b"\x89PNG\r\n\x1a\ncut")
    coded = compressed_pictures(
        list_pictures(tmp_path), (GRAY,), [RatePoint("jpeg", q) for q in (10, 20)]
    )
    assert [next(coded).point.value, next(coded).point.value] == [10, 20]
    with pytest.raises(ImageError, match=r"b\.png is damaged"):
        next(coded)


def test_only_gray_pictures_have_no_colour(tmp_path: Path) -> None:
    save(tmp_path, gray=noise(32, 40))
    with pytest.raises(InputError, match="all pictures are gray"):
        list(compressed_pictures(list_pictures(tmp_path), (RGB,), (RatePoint("jpeg", 50),)))


def test_pictures_that_cannot_be_measured(tmp_path: Path) -> None:
    save(tmp_path / "tiny", tiny=noise(15, 40))
    (tmp_path / "deep").mkdir()
    Image.fromarray(noise(32, 40).astype(np.uint16) * 257).save(tmp_path / "deep" / "deep.png")
    for name, message in (("tiny", "40x15 pixels, smaller than 16"), ("deep", "16 bits a sample")):
        with pytest.raises(ImageError, match=message):
            next(
                compressed_pictures(
                    list_pictures(tmp_path / name), (GRAY,), (RatePoint("jpeg", 50),)
                )
            )


def test_notes(tmp_path: Path) -> None:
    files = [tmp_path / name for name in ("a.png", "b.JPG", "c.jpeg")]
    assert notes_of(files[:1], (GRAY,), {GRAY}) == ()
    jpeg, gray = notes_of(files, (GRAY, RGB), {GRAY})
    assert jpeg.startswith("2 of 3 pictures are JPEG files, b.JPG the first")
    assert gray == "all pictures are gray: protocol rgb was left out"
