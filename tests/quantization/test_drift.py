"""What drift measures: PSNR, tiles and gains against numpy by hand."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from edgeqe.codecs.strength import step_from_quality
from edgeqe.coding import RatePoint
from edgeqe.metrics import psnr as plain_psnr
from edgeqe.protocols import CodingProtocol
from edgeqe.quantization.drift.drift import DriftRow, PictureDrift, Tile, measure, worst_tile
from edgeqe.typing import Uint8
from tests.drift_models import photographs, save


class Shifted:
    """A network that adds so many grey levels to the left half of a picture."""

    takes_planes = False

    def __init__(self, levels: int) -> None:
        self.levels = levels
        self.steps: list[float] = []

    def enhance(self, image: Uint8, /, *, step: float, codec: str) -> Uint8:
        self.steps.append(step)
        result = image.astype(np.int16)
        result[:, : image.shape[1] // 2] += self.levels
        return np.clip(result, 0, 255).astype(np.uint8)

    def enhance_planes(
        self, y: Uint8, u: Uint8, v: Uint8, /, *, step: float, codec: str
    ) -> tuple[Uint8, Uint8, Uint8]:
        raise AssertionError("a network that takes no planes was given some")


def flat(height: int, width: int, *channels: int) -> Uint8:
    return np.full((height, width, *channels), 100, np.uint8)


def test_the_worst_tile_is_where_the_error_lies() -> None:
    original = flat(300, 290, 3)
    reference, candidate = original + np.uint8(2), original + np.uint8(2)
    candidate[130:140, 5:9] += np.uint8(30)  # rows 128 to 255, columns 0 to 127 alone
    found = worst_tile(original, reference, reference, candidate)
    assert (found.row, found.column) == (128, 0)
    # MSE of the tile: 2 ** 2 everywhere, 32 ** 2 on 40 of its 16,384 pixels.
    error = 4 + 40 * (32**2 - 4) / 128**2
    assert found.drop == pytest.approx(10 * np.log10(error / 4), abs=1e-9)


def test_the_last_tiles_are_flush_with_the_border() -> None:
    original = flat(300, 290)
    reference, candidate = original + np.uint8(2), original + np.uint8(2)
    candidate[172:, 162:] = original[172:, 162:] + np.uint8(4)  # the last 128 rows and columns
    found = worst_tile(original, reference, reference, candidate)
    assert (found.row, found.column) == (172, 162)
    assert found.drop == pytest.approx(20 * np.log10(2), abs=1e-9)


@pytest.mark.parametrize(("height", "width", "column"), [(40, 50, 0), (128, 128, 0), (40, 129, 1)])
def test_a_small_picture_is_a_tile(height: int, width: int, column: int) -> None:
    original = flat(height, width)
    candidate = original + np.uint8(2)
    candidate[:, -1] += np.uint8(2)  # the last column: in the last tile alone, if there are two
    found = worst_tile(original, original, original + np.uint8(2), candidate)
    assert (found.row, found.column) == (0, column)


def test_the_worst_tile_equals_a_plain_search() -> None:
    rng = np.random.default_rng(9)
    original = rng.integers(0, 256, (333, 400, 3), np.uint8)
    noise = [
        rng.normal(0, 6 + 4 * np.sin(np.arange(400) / 50)[:, None], (333, 400, 3)) for _ in "ab"
    ]
    first, second = (np.clip(original + n, 0, 255).astype(np.uint8) for n in noise)
    best: tuple[float, int, int] = (-1e9, 0, 0)
    for row in (0, 128, 333 - 128):
        for column in (0, 128, 256, 400 - 128):
            part = np.s_[row : row + 128, column : column + 128]
            drop = plain_psnr(original[part], first[part]) - plain_psnr(
                original[part], second[part]
            )
            best = max(best, (drop, row, column))
    found = worst_tile(original, first, first, second)
    assert (found.row, found.column) == best[1:]
    assert found.drop == pytest.approx(best[0], abs=1e-9)


def test_a_tile_that_is_all_but_exact_drops_nothing() -> None:
    original = flat(128, 128)
    candidate = original.copy()
    candidate[::10, ::10] += np.uint8(3)  # MSE 0.093: 58.4 dB, where the reference has none
    assert worst_tile(original, original, original, candidate).drop == 0.0
    candidate[::2, ::2] = 103  # MSE 2.25: 44.6 dB, counted from 50
    expected = 50.0 - plain_psnr(original, candidate)
    assert worst_tile(original, original, original, candidate).drop == pytest.approx(
        expected, abs=1e-9
    )


def test_blocks_within_a_level_are_equal() -> None:
    """A ground that is a level off as a whole, which no eye sees, beside a pixel two levels off."""
    original = flat(128, 128, 3)
    reference, candidate = original + np.uint8(1), original + np.uint8(2)
    assert worst_tile(original, reference, reference, candidate).drop == 0.0
    candidate[9, 9, 2] = 103  # two levels from the reference, in one channel of one block
    # the block's mean square error: 4 on 63 pixels and on two channels of one, 9 on the third
    changed = 63 * 4 + (4 + 4 + 9) / 3
    drop = 10 * np.log10((255 * 64 + changed) / (256 * 64))
    assert worst_tile(original, reference, reference, candidate).drop == pytest.approx(
        drop, abs=1e-9
    )


def test_an_icon_on_white_is_not_lost_in_its_tile() -> None:
    """A tile of 50 dB on the whole, whose error lies in few blocks."""
    original = flat(128, 128)
    icon = np.s_[40:56, 64:80]  # four blocks of 256
    reference, candidate = original.copy(), original.copy()
    reference[icon] += np.uint8(2)
    candidate[icon] += np.uint8(6)
    assert plain_psnr(original, candidate) > 50.0
    # the icon's errors on 4 blocks of 256, that of 50 dB on the others
    floor = 255**2 / 10**5
    errors = [(4 * level**2 + 252 * floor) / 256 for level in (2, 6)]
    drop = worst_tile(original, reference, reference, candidate).drop
    assert drop == pytest.approx(10 * np.log10(errors[1] / errors[0]), abs=1e-9)
    assert drop > 2.0


def test_a_tile_that_gains_more_may_drop_as_much_more() -> None:
    original = flat(128, 256)
    coded, reference = original + np.uint8(4), original + np.uint8(4)
    reference[:, :128] = 102  # the left tile gains, the right one does not
    candidate = reference.copy()
    candidate[:, :128] = 104
    found, gain = worst_tile(original, coded, reference, candidate), 20 * np.log10(4 / 2)
    assert found.column == 0
    assert found.gain == pytest.approx(gain, abs=1e-9)
    assert found.drop == pytest.approx(gain, abs=1e-9)  # all that it gained
    assert found.counted == pytest.approx(1.2, abs=1e-9)  # as of a tile that gains 1.2 dB
    candidate[:, 128:] = 106
    found = worst_tile(original, coded, reference, candidate)
    assert (found.column, found.gain, found.scale) == (128, 0.0, 1.0)
    assert found.drop == pytest.approx(20 * np.log10(6 / 4), abs=1e-9)
    assert found.counted == found.drop


def test_a_cut_block_counts_by_its_pixels() -> None:
    original = flat(20, 13)
    reference, candidate = original.copy(), original.copy()
    reference[16:, 8:] += np.uint8(2)  # the last block: 4 x 5 pixels of 260
    candidate[16:, 8:] += np.uint8(4)
    floor = 255**2 / 10**5
    errors = [(20 * level**2 + 240 * floor) / 260 for level in (2, 4)]
    drop = worst_tile(original, reference, reference, candidate).drop
    assert drop == pytest.approx(10 * np.log10(errors[1] / errors[0]), abs=1e-9)


def test_sets_are_measured_one_by_one(tmp_path: Path) -> None:
    folder = photographs(tmp_path / "pictures")
    sets = {"two": sorted(folder.iterdir()), "one": [folder / "camera.png"]}
    rows = measure(
        Shifted(0),
        Shifted(1),
        sets,
        (CodingProtocol.GRAY, CodingProtocol.RGB),
        (RatePoint("jpeg", 40),),
    )
    assert [(row.data, row.protocol, len(row.pictures)) for row in rows] == [
        ("two", "gray", 2),
        ("two", "rgb", 1),
        ("one", "gray", 1),
    ]
    assert rows[2].pictures[0] == rows[0].pictures[1]


def test_gains_by_hand(tmp_path: Path) -> None:
    """Gray: the JPEG that Pillow makes of studio-range luma, shifted by networks we know."""
    rng = np.random.default_rng(5)
    rows, columns = np.mgrid[:60, :70]
    shades = 120 + 60 * np.sin(rows / 9)[..., None] * np.cos(columns / 7)[..., None]
    rgb = np.clip(shades + rng.normal(0, 8, (60, 70, 3)), 0, 255).astype(np.uint8)
    folder = save(tmp_path / "pictures", waves=rgb)
    luma = np.floor(16.5 + rgb @ (np.array([65.481, 128.553, 24.966]) / 255)).astype(np.uint8)
    expected: dict[str, Any] = {}
    for name, original in (("gray", luma), ("rgb", rgb)):
        stream = io.BytesIO()
        options = {} if name == "gray" else {"subsampling": 2}
        Image.fromarray(original).save(stream, "JPEG", quality=30, **options)
        with Image.open(stream) as opened:
            shown = np.asarray(opened)
        shifted = shown.astype(np.int16)
        shifted[:, :35] += 5
        after = plain_psnr(original, np.clip(shifted, 0, 255).astype(np.uint8))
        expected[name] = plain_psnr(original, shown), after
    reference, candidate = Shifted(0), Shifted(5)
    found = measure(
        reference,
        candidate,
        {"set": [folder / "waves.png"]},
        tuple(CodingProtocol),
        (RatePoint("jpeg", 30),),
    )
    assert reference.steps == candidate.steps == [step_from_quality(30)] * 3
    # planes is the decoder's RGB for a network that takes no planes
    expected["planes"] = expected["rgb"]
    assert [(row.protocol, row.point.value) for row in found] == [
        ("gray", 30), ("planes", 30), ("rgb", 30)
    ]  # fmt: skip
    for row in found:
        before, after = expected[row.protocol]
        assert row.mean("coded") == pytest.approx(before, abs=1e-9)
        assert row.reference_gain == 0.0
        assert row.candidate_gain == pytest.approx(after - before, abs=1e-9)
        assert row.loss == pytest.approx(before - after, abs=1e-9)
        assert row.worst_picture.name == "waves.png"
        # The picture is smaller than a tile, so its tile is the picture.
        assert row.worst_tile.tile.drop == pytest.approx(row.loss, abs=1e-9)


def test_rows_by_protocol_then_quality_and_gray_pictures_in_gray_alone(tmp_path: Path) -> None:
    folder = photographs(tmp_path / "pictures")
    steps: list[None] = []
    rows = measure(
        Shifted(0), Shifted(1), {"set": sorted(folder.iterdir())},
        (CodingProtocol.GRAY, CodingProtocol.RGB), [RatePoint("jpeg", q) for q in (40, 10)],
        lambda: steps.append(None),
    )  # fmt: skip
    assert [(r.protocol, r.point.value, [p.name for p in r.pictures]) for r in rows] == [
        ("gray", 40, ["astronaut.png", "camera.png"]),
        ("gray", 10, ["astronaut.png", "camera.png"]),
        ("rgb", 40, ["astronaut.png"]),
        ("rgb", 10, ["astronaut.png"]),
    ]
    assert len(steps) == 4  # two qualities of two pictures


def test_means_and_worsts_of_a_row() -> None:
    def picture(name: str, before: float, first: float, second: float, drop: float) -> PictureDrift:
        return PictureDrift(name, 20.0, before, first, second, Tile(0, 0, drop, 0.0))

    row = DriftRow(
        "set",
        CodingProtocol.GRAY,
        RatePoint("jpeg", 20),
        (picture("a", 30, 31, 31.5, 2.0), picture("b", 20, 22, 21, 0.5)),
    )
    assert (row.reference_gain, row.candidate_gain) == (1.5, 1.25)
    assert row.loss == pytest.approx(0.25, abs=1e-12)
    assert (row.worst_picture.name, row.worst_picture.loss) == ("b", 1.0)
    assert row.worst_tile.name == "a"
