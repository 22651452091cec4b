"""What a plan codes and measures: upright pictures of any size, into files that decoders show right."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageOps

from edgeqe.bench.planning.coding import SUFFIXES, encode_picture, plan_points
from edgeqe.bench.planning.limits import plan_limits
from edgeqe.bench.planning.measuring import ROUNDS, measure_tables
from edgeqe.bench.planning.references import list_sources
from edgeqe.bench.planning.tables import ChoiceTables
from edgeqe.coding import CODECS, coder
from edgeqe.errors import ImageError, InputError
from edgeqe.files.reading import read_picture
from edgeqe.metrics import psnr
from edgeqe.planned import Unchanged


def smooth(height: int, width: int, seed: int = 0) -> Any:
    """A picture that every codec keeps well at a fine strength."""
    rng = np.random.default_rng(seed)
    coarse = Image.fromarray(rng.integers(0, 256, (4, 5, 3), np.uint8))
    return np.asarray(coarse.resize((width, height), Image.Resampling.BICUBIC))


@pytest.mark.parametrize("turn", range(1, 9))
def test_pictures_are_read_upright(tmp_path: Path, turn: int) -> None:
    picture = Image.fromarray(smooth(20, 34))
    exif = Image.Exif()
    exif[0x0112] = turn
    picture.save(tmp_path / "a.png", exif=exif)
    (source,) = list_sources(tmp_path)
    pixels, more = source.read()
    with Image.open(tmp_path / "a.png") as opened:
        expected = np.asarray(ImageOps.exif_transpose(opened))
    assert np.array_equal(pixels, expected) and more


def test_samples_alone_are_nothing_more_and_alpha_is(tmp_path: Path) -> None:
    Image.fromarray(smooth(20, 34)).save(tmp_path / "a.png")
    Image.fromarray(smooth(20, 34)).convert("RGBA").save(tmp_path / "b.png")
    plain, alpha = list_sources(tmp_path)
    assert not plain.read()[1] and alpha.read()[1]
    assert plain.read(0.9)[0].shape == (18, 31, 3)
    with pytest.raises(ImageError, match="at least 16 each way"):
        plain.read(0.5)


def test_no_two_pictures_have_one_name(tmp_path: Path) -> None:
    def names(*files: str) -> list[str]:
        for file in files:
            (tmp_path / file).parent.mkdir(exist_ok=True)
            (tmp_path / file).touch()
        return [source.name for source in list_sources(tmp_path)]

    assert names("a.png", "sub/a.png") == ["a", "sub/a"]
    assert names("a.jpg") == ["a.jpg", "a.png", "sub/a"]
    assert names("a.png.png") == ["a.jpg", "a.png", "a.png.png", "sub/a.png"]


@pytest.mark.parametrize("size", [(48, 64), (49, 65)])
@pytest.mark.parametrize("gray", [False, True])
@pytest.mark.parametrize(
    ("codec", "value"), [("bpg", 4), ("jpeg", 98), ("jpeg2000", 8.0), ("webp", 100)]
)
def test_files_show_the_picture(
    codec: str, value: float, gray: bool, size: tuple[int, int]
) -> None:
    if codec in ("bpg", "webp"):
        pytest.importorskip("av")
    pixels = smooth(*size)
    pixels = np.ascontiguousarray(pixels[..., 1]) if gray else pixels
    data = encode_picture(pixels, coder(codec), value)
    shown = [read_picture(data).pixels()]
    if codec != "bpg":  # which Pillow does not read
        with Image.open(io.BytesIO(data)) as opened:
            shown.append(np.asarray(opened.convert("RGB")))
    for found in shown:
        expected = np.dstack([pixels] * 3) if found.ndim > pixels.ndim else pixels
        # chroma at half size costs a little; a wrong range or matrix leaves 20 to 30 dB
        assert found.shape == expected.shape and psnr(expected, found) > 36


def test_codecs_without_a_file_of_one_picture_are_refused_by_name() -> None:
    for codec in set(CODECS) - set(SUFFIXES):
        with pytest.raises(
            InputError, match=f"'{codec}' has no file of one picture here: give one"
        ):
            plan_points(codec, {})
    with pytest.raises(
        InputError, match="'gif' is not known: give one of bpg, jpeg, jpeg2000, webp"
    ):
        plan_points("gif", {})
    for codec in SUFFIXES:
        assert len(plan_points(codec, {"qp": ()})) == 8
    assert [p.value for p in plan_points("bpg", {"qp": (30, 22, 30)})] == [30, 22]
    with pytest.raises(InputError, match="--quality does not go with codec bpg: give --qp"):
        plan_points("bpg", {"quality": (30,)})
    with pytest.raises(InputError, match="QP 52 of bpg is not a whole number from 0 to 51"):
        plan_points("bpg", {"qp": (52,)})


class Timed(Unchanged):
    """Changes nothing, and takes what it is told."""

    def __init__(self, seconds: Callable[[int], float]) -> None:
        self.runs, self.seconds = 0, seconds

    def enhance_file(self, source: Any, destination: Any, **options: Any) -> Any:
        """Written as decoded; the time is made up."""
        from dataclasses import replace

        self.runs += 1
        report = super().enhance_file(source, destination, **options)
        return replace(report, enhance_seconds=self.seconds(self.runs))


def test_times_are_medians_after_a_warm_up_once_a_size(tmp_path: Path) -> None:
    for name, size in (("a", (40, 32)), ("b", (24, 56)), ("c", (40, 32))):
        Image.fromarray(smooth(*size)).save(tmp_path / f"{name}.png")
    work = tmp_path / "work"
    work.mkdir()
    # the first run makes a session, and one of those behind it is disturbed
    slow = Timed(lambda run: {1: 9.0, 3: 5.0}.get(run, 0.25))  # enough seconds in few rounds
    fast = Timed(lambda run: 1e-9)
    points = plan_points("jpeg", {"quality": (20, 80)})
    found = measure_tables(list_sources(tmp_path), points, [slow, fast], work)
    assert found.tables.microseconds.tolist() == [[0, 250_000, 1]] * 3
    assert slow.runs == fast.runs == 2 * (ROUNDS + 1) + 3 * 2
    assert found.sizes == ((40, 32), (24, 56), (40, 32))
    assert found.pixels == 2 * 40 * 32 + 24 * 56
    for paths, sizes in zip(found.files, found.tables.sizes, strict=True):
        assert [path.stat().st_size for path in paths] == sizes.tolist()
    # as decoded, whatever stands for a network here
    psnrs = found.tables.psnr
    assert np.array_equal(psnrs[..., 0], psnrs[..., 1]) and (psnrs[:, 1] > psnrs[:, 0]).all()
    with Image.open(work / "0-1") as decoded:
        expected = psnr(smooth(40, 32), np.asarray(decoded))
    # the same decoder, whose colour transform may round a level apart
    assert psnrs[0, 1, 0] == pytest.approx(expected, abs=0.05)


def test_limits_are_exact_whole_numbers() -> None:
    limits = plan_limits("0.15bpp", 2.5, 1_000_001)
    assert limits.size_bytes == 18_750 and limits.microseconds == 2_500_000
    assert plan_limits("0.1 BPP", 0, 80).size_bytes == 1
    assert plan_limits("200KiB", 0.1, 7).size_bytes == 204_800
    assert plan_limits("1.5MB", 0.1, 7).size_bytes == 1_500_000
    assert plan_limits(77, 0.000001, 7).size_bytes == 77
    assert plan_limits(77, 0.000001, 7).microseconds == 1
    for wrong in ("0.15", "bpp", "-1bpp", "1e3bpp", "0.15 bit", "", "0", -3, "٣bpp "):
        with pytest.raises(InputError, match="is no size: write bits a pixel"):
            plan_limits(wrong, 1, 100)
    for seconds in (-1, float("nan"), float("inf")):
        with pytest.raises(InputError, match="is not a number of seconds"):
            plan_limits("1bpp", seconds, 100)


@pytest.mark.parametrize("pixels", [1001, 98_304, 1_234_567])
def test_the_least_limit_works_as_it_is_written(pixels: int) -> None:
    tables = ChoiceTables(np.array([[777]]), np.array([[0]]), np.array([[[30.0]]]))
    with pytest.raises(InputError) as raised:
        tables.check(plan_limits("0.000001bpp", 0, pixels))
    least = str(raised.value).partition("works is ")[2].split()[0]
    tables.check(plan_limits(least, 0, pixels))
    rate = float(least.removesuffix("bpp"))
    # the last digit less: a millionth of a bit a pixel, less than a byte here
    with pytest.raises(InputError):
        tables.check(plan_limits(f"{rate - 1e-6:.6f}bpp", 0, pixels))
