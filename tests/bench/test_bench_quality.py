"""Quality protocols, with networks whose result is known, and the field's anchors."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edgeqe.bench.data import PictureSet, folder
from edgeqe.bench.entries import plain
from edgeqe.bench.quality import (
    PSNR_CEILING,
    QualityRow,
    Score,
    measure,
)
from edgeqe.codecs.strength import step_from_quality
from edgeqe.coding import RatePoint
from edgeqe.errors import InputError
from edgeqe.metrics import psnr
from edgeqe.protocols import (
    CodingProtocol,
    ReferencePicture,
    compress,
)
from edgeqe.typing import Array
from edgeqe.views.colour import full_luma, studio_luma

DATA = Path(__file__).resolve().parents[3] / "shared" / "data" / "test"


class Unchanged:
    """A network that changes nothing and notes the steps that it is asked for."""

    takes_planes = True

    def __init__(self) -> None:
        self.steps: list[float] = []

    def enhance(self, image: Array, /, *, step: float, codec: str) -> Array:
        self.steps.append(step)
        return image.copy()

    def enhance_planes(
        self, y: Array, u: Array, v: Array, /, *, step: float, codec: str
    ) -> tuple[Array, Array, Array]:
        self.steps.append(step)
        return y.copy(), u.copy(), v.copy()


class Brighter(Unchanged):
    """A network that adds 4 grey levels to luma."""

    def enhance(self, image: Array, /, *, step: float, codec: str) -> Array:
        return np.clip(image.astype(np.int16) + 4, 0, 255).astype(np.uint8)


def photograph(height: int = 47, width: int = 61, seed: int = 5) -> ReferencePicture:
    """Smooth colour with noise; odd sizes."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:height, :width]
    waves = [np.sin(rows / a) * np.cos(columns / b) for a, b in ((7, 9), (5, 11), (13, 6))]
    pixels = 128 + 70 * np.stack(waves, axis=-1) + rng.normal(0, 5, (height, width, 3))
    return ReferencePicture(f"waves{seed}", np.clip(pixels, 0, 255).astype(np.uint8))


def saved(folder_: Path, *pictures: ReferencePicture) -> PictureSet:
    for picture in pictures:
        Image.fromarray(picture.pixels).save(folder_ / f"{picture.name}.png")
    return folder(folder_)


def test_studio_luma_by_hand() -> None:
    # White: 16 + 65.481 + 128.553 + 24.966 = 235. Red: 16 + 65.481 = 81.481.
    # RGB (10, 20, 30): 16 + (654.81 + 2571.06 + 748.98) / 255 = 31.588.
    colours = np.array([[[255, 255, 255], [0, 0, 0], [255, 0, 0], [10, 20, 30]]], np.uint8)
    assert studio_luma(colours).tolist() == [[235, 16, 81, 32]]


def test_full_luma_by_hand() -> None:
    # 0.299 R + 0.587 G + 0.114 B: 76.245, 149.685, 29.07 and
    # 2.99 + 11.74 + 3.42 = 18.15.
    colours = [[255, 0, 0], [0, 255, 0], [0, 0, 255], [10, 20, 30], [255, 255, 255]]
    assert full_luma(np.array([colours], np.uint8)).tolist() == [[76, 150, 29, 18, 255]]


def test_gray_protocol_is_pillows_grayscale_jpeg() -> None:
    picture = photograph()
    luma = studio_luma(picture.pixels)
    stream = io.BytesIO()
    Image.fromarray(luma).save(stream, "JPEG", quality=20)
    with Image.open(stream) as opened:
        decoded = np.asarray(opened)
    coded = compress(picture, CodingProtocol.GRAY, 20)
    np.testing.assert_array_equal(coded.reference.pixels, luma)
    np.testing.assert_array_equal(coded.decoded.pixels, decoded)
    assert coded.bits_per_pixel == 8 * len(stream.getvalue()) / luma.size
    assert coded.step == step_from_quality(20)


def test_a_gray_picture_is_coded_as_it_is() -> None:
    pixels = photograph().pixels[..., 1]
    coded = compress(ReferencePicture("gray", pixels), CodingProtocol.GRAY, 50)
    np.testing.assert_array_equal(coded.reference.pixels, pixels)
    with pytest.raises(InputError, match="is gray"):
        compress(ReferencePicture("gray", pixels), CodingProtocol.PLANES, 50)


@pytest.mark.parametrize("protocol", CodingProtocol)
def test_an_unchanged_picture_gains_nothing(protocol: CodingProtocol, tmp_path: Path) -> None:
    # In protocol planes this also says that planes which nobody changed come out as
    # the decoder's own RGB.
    pictures = saved(tmp_path, photograph(seed=5), photograph(48, 64, seed=6))
    network = Unchanged()
    (row,) = measure({"unchanged": network}, pictures, protocol, RatePoint("jpeg", 30))
    assert network.steps == [step_from_quality(30)] * 2
    assert [score.name for score in row.scores] == ["waves5", "waves6"]
    for score in row.scores:
        assert score.gain == 0.0
        assert score.psnr_b[0] == score.psnr_b[1] < score.y_psnr[0]
        assert score.ssim[0] == score.ssim[1] < 1


def test_gain_is_measured_against_the_reference(tmp_path: Path) -> None:
    picture = photograph()
    pictures = saved(tmp_path, picture)
    still, brighter = measure(
        {"still": Unchanged(), "brighter": Brighter()},
        pictures,
        CodingProtocol.GRAY,
        RatePoint("jpeg", 20),
    )
    coded = compress(picture, CodingProtocol.GRAY, 20)
    shifted = np.clip(coded.decoded.pixels.astype(int) + 4, 0, 255)
    expected = psnr(coded.reference.pixels, shifted) - psnr(
        coded.reference.pixels, coded.decoded.pixels
    )
    assert brighter.gain == pytest.approx(expected, abs=1e-12)
    assert brighter.gain < still.gain == 0.0


def test_gray_pictures_are_left_out_of_colour(tmp_path: Path) -> None:
    gray = ReferencePicture("gray", photograph().pixels[..., 0])
    pictures = saved(tmp_path, photograph(), gray)
    (row,) = measure(
        {"unchanged": Unchanged()}, pictures, CodingProtocol.RGB, RatePoint("jpeg", 50)
    )
    assert [score.name for score in row.scores] == ["waves5"]
    (tmp_path / "waves5.png").unlink()
    with pytest.raises(InputError, match="only gray pictures"):
        list(
            measure(
                {"unchanged": Unchanged()},
                folder(tmp_path),
                CodingProtocol.RGB,
                RatePoint("jpeg", 50),
            )
        )


def test_an_exact_jpeg_has_a_finite_psnr(tmp_path: Path) -> None:
    flat = ReferencePicture("flat", np.full((32, 32), 128, np.uint8))
    (row,) = measure(
        {"unchanged": Unchanged()},
        saved(tmp_path, flat),
        CodingProtocol.GRAY,
        RatePoint("jpeg", 90),
    )
    assert row.mean("psnr") == (PSNR_CEILING, PSNR_CEILING)
    assert row.gain == 0.0


def test_row_means_and_worst() -> None:
    def score(name: str, before: float, after: float) -> Score:
        pair = (before, after)
        return Score(name, pair, pair, (0.5, 0.75), pair, 1.5, 10.0)

    row = QualityRow(
        CodingProtocol.RGB,
        "m",
        RatePoint("jpeg", 20),
        (score("a", 30, 31), score("b", 20, 19.5), score("c", 25, 27)),
    )
    assert row.mean("psnr") == pytest.approx((25.0, 77.5 / 3), abs=1e-12)
    assert row.gain == pytest.approx(2.5 / 3, abs=1e-12)
    assert (row.worst.name, row.worst.gain) == ("b", -0.5)
    figures = plain(row.entry())
    assert figures["gains_db"] == {"a": 1.0, "b": -0.5, "c": 2.0}
    assert (figures["pictures"], figures["ssim_after"]) == (3, 0.75)
    assert figures["y_psnr_db_before"] == 25.0


#: PSNR of JPEG itself at quality 10, 20, 30, 40: the literature's figures for gray
#: LIVE1 and Classic5 are these to 0.01 dB.
ANCHORS = [
    ("live1", "gray", (27.770, 30.072, 31.407, 32.355)),
    ("classic5", "gray", (27.821, 30.123, 31.484, 32.428)),
    ("live1", "rgb", (25.693, 28.061, 29.366, 30.280)),
]


@pytest.mark.parametrize(("name", "protocol", "expected"), ANCHORS)
def test_jpeg_itself_reads_as_in_the_literature(
    name: str, protocol: str, expected: tuple[float, ...]
) -> None:
    if not (DATA / name).is_dir():
        pytest.skip(f"the benchmark set {name} is not here")
    pictures = list(folder(DATA / name))
    for quality, anchor in zip((10, 20, 30, 40), expected, strict=True):
        coded = [compress(picture, CodingProtocol(protocol), quality) for picture in pictures]
        mean = np.mean([psnr(c.reference.pixels, c.decoded.pixels) for c in coded])
        # The anchors are rounded to 0.001 dB.
        assert mean == pytest.approx(anchor, abs=6e-4)
