"""Before and after: which pictures, and which cut of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edgeqe.bench.data import PictureSet, folder
from edgeqe.bench.page.crops import SIZE, Crop, crops_of, hardest, worst_and_median
from edgeqe.bench.quality import PSNR_CEILING, QualityRow, Score
from edgeqe.coding import RatePoint
from edgeqe.errors import InputError
from edgeqe.metrics import psnr
from edgeqe.protocols import CodingProtocol, ReferencePicture, compress
from edgeqe.typing import Array


class Brighter:
    """A network of RGB or gray that adds 4 grey levels."""

    takes_planes = False

    def enhance(self, image: Array, /, *, step: float, codec: str) -> Array:
        return np.clip(image.astype(np.int16) + 4, 0, 255).astype(np.uint8)

    def enhance_planes(
        self, y: Array, u: Array, v: Array, /, *, step: float, codec: str
    ) -> tuple[Array, Array, Array]:
        raise AssertionError("takes no planes")


def waves(name: str, height: int, width: int, seed: int, gray: bool = False) -> ReferencePicture:
    """Smooth colour with noise in one place, so that JPEG does most harm there."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:height, :width]
    pixels = 128 + 60 * np.stack([np.sin(rows / 9), np.cos(columns / 7), np.sin(rows / 5)], -1)
    top, left = (int(rng.integers(0, side - 15)) for side in (height, width))
    pixels[top : top + 16, left : left + 16] += rng.normal(0, 50, (16, 16, 3))
    values = np.clip(pixels, 0, 255).astype(np.uint8)
    return ReferencePicture(name, values[..., 0] if gray else values)


def saved(path: Path, *pictures: ReferencePicture) -> PictureSet:
    for picture in pictures:
        Image.fromarray(picture.pixels).save(path / f"{picture.name}.png")
    return folder(path)


def row(
    model: str, gains: dict[str, float], protocol: str = "planes", quality: int = 10
) -> QualityRow:
    """Row whose gains are made up: they choose the pictures, whatever is on these."""
    return QualityRow(
        CodingProtocol(protocol),
        model,
        RatePoint("jpeg", quality),
        tuple(
            Score(
                name, (30.0, 30.0 + gain), (30.0, 30.0), (0.5, 0.5), (30.0, 30.0), quality / 10, 9.0
            )
            for name, gain in gains.items()
        ),
    )


def test_the_cut_is_where_jpeg_errs_most_by_hand() -> None:
    # Of 300x400 pixels, cuts of 144x192 begin at rows 0, 16, ... 144 and columns 0, 16, ... 208, so
    # that none reaches row 299. Only those from row 144 on hold row 287, and the first of them that
    # holds column 200 begins at column 16.
    original = np.zeros((300, 400), np.uint8)
    jpeg = original.copy()
    jpeg[150, 200], jpeg[287, 200], jpeg[299, 100] = 9, 2, 200
    assert hardest(original, jpeg) == (slice(144, 288), slice(16, 208))


@pytest.mark.parametrize("shape", [(300, 400), (160, 500, 3), (144, 192, 3), (145, 193)])
def test_the_cut_is_the_worst_of_all_positions(shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(3)
    original, jpeg = (rng.integers(0, 256, shape, np.uint8) for _ in range(2))
    rows, columns = hardest(original, jpeg)
    squares = (original.astype(float) - jpeg) ** 2
    height, width = SIZE
    errors = {
        (top, left): squares[top : top + height, left : left + width].sum()
        for top in range(0, shape[0] - height + 1, 16)
        for left in range(0, shape[1] - width + 1, 16)
    }
    assert max(errors, key=lambda place: errors[place]) == (rows.start, columns.start)
    assert (rows.stop - rows.start, columns.stop - columns.start) == SIZE


def test_a_smaller_picture_is_shown_whole_along_its_smaller_side() -> None:
    original = np.zeros((100, 400, 3), np.uint8)
    jpeg = original.copy()
    jpeg[50, 399] = 10  # reached by the last position alone: 208 = 13 * 16
    assert hardest(original, jpeg) == (slice(0, 100), slice(208, 400))
    assert hardest(original[:, :150], jpeg[:, :150]) == (slice(0, 100), slice(0, 150))


@pytest.mark.parametrize(
    ("gains", "expected"),
    [
        ({"a": 0.3, "b": -0.1, "c": 0.9}, {"worst": "b", "median": "a"}),
        # Of four the two in the middle gain 0.2 and 0.3: the better one.
        ({"a": 0.9, "b": 0.3, "c": 0.1, "d": 0.2}, {"worst": "c", "median": "b"}),
        ({"a": 0.5, "b": 0.4}, {"worst": "b", "median": "a"}),
        ({"a": 0.5}, {"worst": "a"}),
    ],
)
def test_worst_and_median(gains: dict[str, float], expected: dict[str, str]) -> None:
    chosen = worst_and_median(row("m", gains))
    assert {which: score.name for which, score in chosen.items()} == expected


@pytest.mark.parametrize("protocol", CodingProtocol)
def test_the_three_show_the_same_cut(protocol: CodingProtocol, tmp_path: Path) -> None:
    pictures = [waves("a", 200, 260, 1), waves("b", 176, 300, 2), waves("c", 160, 200, 3)]
    rows = [row("bright", {"a": 0.5, "b": 0.1, "c": 0.3}, protocol, 20)]
    crops = crops_of({"bright": Brighter()}, saved(tmp_path, *pictures), rows, ["bright"])
    assert [(crop.which, crop.picture) for crop in crops] == [("worst", "b"), ("median", "c")]
    assert [crop.gain_db for crop in crops] == pytest.approx([0.1, 0.3], abs=1e-12)
    for crop, picture in zip(crops, (pictures[1], pictures[2]), strict=True):
        assert (crop.model, crop.protocol, crop.point.value) == ("bright", protocol, 20)
        coded = compress(picture, protocol, 20)
        cut = hardest(coded.reference.pixels, coded.decoded.pixels)
        np.testing.assert_array_equal(crop.original, coded.reference.pixels[cut])
        np.testing.assert_array_equal(crop.coded, coded.decoded.pixels[cut])
        brighter = np.clip(crop.coded.astype(int) + 4, 0, 255)
        np.testing.assert_array_equal(crop.enhanced, brighter)
        assert crop.psnr_db_before == psnr(crop.original, crop.coded)
        assert crop.psnr_db_after == psnr(crop.original, crop.enhanced)
        assert crop.original.shape == (*SIZE, 3)[: 2 if protocol == "gray" else 3]


def shown(tmp_path: Path, rows: list[QualityRow], models: list[str]) -> list[Crop]:
    pictures = saved(tmp_path, waves("a", 48, 64, 1))
    return crops_of({model: Brighter() for model in models}, pictures, rows, models)


def test_colour_and_the_coarsest_quality_are_preferred(tmp_path: Path) -> None:
    rows = [
        row("both", {"a": 1.0}, "gray", 5),
        row("both", {"a": 1.0}, "planes", 40),
        row("both", {"a": 1.0}, "planes", 20),
        row("neither", {"a": 1.0}, "rgb", 30),
        row("neither", {"a": 1.0}, "gray", 10),
    ]
    crops = shown(tmp_path, rows, ["neither", "both", "not measured"])
    assert [(crop.model, crop.protocol, crop.point.value) for crop in crops] == [
        ("neither", "rgb", 30),
        ("both", "planes", 20),
    ]


def test_a_flat_cut_has_a_finite_psnr(tmp_path: Path) -> None:
    pictures = saved(tmp_path, ReferencePicture("flat", np.full((32, 32), 128, np.uint8)))
    rows = [row("m", {"flat": 0.0}, "gray", 90)]
    (crop,) = crops_of({"m": Brighter()}, pictures, rows, ["m"])
    assert crop.psnr_db_before == PSNR_CEILING
    assert crop.psnr_db_after == psnr(crop.original, crop.enhanced) < PSNR_CEILING


def test_of_two_files_of_one_name_colour_takes_the_coloured_one(tmp_path: Path) -> None:
    coloured, gray = waves("a", 48, 64, 1), waves("a", 48, 64, 2, gray=True)
    Image.fromarray(gray.pixels).save(tmp_path / "a.bmp")  # sorts before a.png
    pictures = saved(tmp_path, coloured)
    assert [path.name for path in pictures.paths] == ["a.bmp", "a.png"]
    (crop,) = crops_of({"m": Brighter()}, pictures, [row("m", {"a": 1.0})], ["m"])
    np.testing.assert_array_equal(crop.original, coloured.pixels)


def test_a_picture_that_is_gone_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no picture gone any more"):
        shown(tmp_path, [row("m", {"gone": 1.0})], ["m"])
