"""Pictures to what a network gets, against Pillow's own coding by hand."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from edgeqe.errors import ImageError, InputError
from edgeqe.quantization.calibration import samples
from edgeqe.quantization.calibration.samples import Photograph, inputs_at, read_photographs
from tests.quantization.photographs import folder_of, photograph, picture

QUALITY = 30


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return folder_of(tmp_path_factory.mktemp("p"), ("astronaut", "camera", "coffee"))


@pytest.fixture(scope="module")
def read(folder: Path) -> list[Photograph]:
    return read_photographs(folder)


def decoded(window: npt.NDArray[np.uint8], mode: str) -> npt.NDArray[np.uint8]:
    """A window through Pillow's JPEG: gray for mode L, else 4:2:0 shown in RGB."""
    stream = io.BytesIO()
    Image.fromarray(window).convert(mode).save(stream, "JPEG", quality=QUALITY, subsampling=2)
    with Image.open(stream) as shown:
        return np.asarray(shown)


def test_windows_are_parts_of_their_pictures(folder: Path, read: list[Photograph]) -> None:
    assert [p.name for p in read] == ["astronaut.png", "camera.png", "coffee.png"]
    assert [p.size for p in read] == [(512, 512), (512, 512), (600, 400)]
    for found in read:
        whole = np.asarray(Image.open(folder / found.name).convert("RGB"))
        assert found.windows and found.jpeg_quality is None
        for window in found.windows:
            assert window.shape == (256, 256, 3)
            starts = np.lib.stride_tricks.sliding_window_view(whole[:, :-224, 0], (1, 32))
            places = np.argwhere((starts[:, :, 0] == window[0, :32, 0]).all(axis=-1))
            assert any(np.array_equal(whole[y : y + 256, x : x + 256], window) for y, x in places)


def test_as_many_windows_as_asked_for_but_no_more_than_fit(folder: Path) -> None:
    def counts(pixels: int) -> list[int]:
        return [len(p.windows) for p in read_photographs(folder, pixels=pixels)]

    assert counts(64 * 256**2) == [4, 4, 3]  # 512x512 and 600x400 hold so many of 256x256
    assert counts(6 * 256**2) == [2, 2, 2]
    assert counts(1) == [1, 1, 1]
    blocks = read_photographs(folder, block=64, pixels=30 * 64**2)
    assert [w.shape for p in blocks for w in p.windows] == [(64, 64, 3)] * 30


def test_the_same_files_give_the_same_windows_whatever_they_are_called(
    folder: Path, read: list[Photograph], tmp_path: Path
) -> None:
    for number, file in enumerate(sorted(folder.iterdir())):
        (tmp_path / f"sub{number}").mkdir()
        (tmp_path / f"sub{number}" / "X.PNG").write_bytes(file.read_bytes())
    (tmp_path / "notes.txt").write_text("no picture")
    again = read_photographs(tmp_path)
    assert [p.name for p in again] == ["sub0/X.PNG", "sub1/X.PNG", "sub2/X.PNG"]
    for one, other in zip(read, again, strict=True):
        assert one.sha256 == other.sha256
        assert all(np.array_equal(a, b) for a, b in zip(one.windows, other.windows, strict=True))


def test_many_pictures_are_thinned_evenly(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(samples, "MOST_PICTURES", 4)
    for number in range(10):
        Image.new("L", (16, 16), number).save(tmp_path / f"{number}.png")
    seen: list[tuple[int, int]] = []
    found = read_photographs(tmp_path, progress=lambda done, total: seen.append((done, total)))
    assert [p.name for p in found] == ["0.png", "2.png", "5.png", "7.png"]
    assert seen == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_small_pictures_give_one_window_or_none(tmp_path: Path) -> None:
    picture("chelsea").crop((0, 0, 100, 47)).save(tmp_path / "a.bmp")
    picture("chelsea").crop((0, 0, 300, 15)).save(tmp_path / "b.webp", lossless=True)
    first, second = read_photographs(tmp_path)
    assert [w.shape for w in first.windows] == [(32, 96, 3)]
    assert second.windows == () and second.size == (300, 15)


@pytest.mark.parametrize("quality", [60, 92])
def test_a_jpegs_own_quality_is_told(quality: int, tmp_path: Path) -> None:
    picture("chelsea").save(tmp_path / "a.jpg", quality=quality)
    assert read_photographs(tmp_path)[0].jpeg_quality == quality


def test_colour_planes_are_those_of_the_file_and_every_other_window_is_gray() -> None:
    windows = [np.asarray(picture("astronaut"))[y : y + 96, :128] for y in (0, 100, 200)]
    given = list(inputs_at([photograph(*windows)], "420-space-to-depth", ["planes"], QUALITY))
    assert [list(g) for g in given] == [["planes"]] * 3
    for index, (window, inputs) in enumerate(zip(windows, given, strict=True)):
        planes = inputs["planes"]
        assert planes.shape == (1, 6, 48, 64) and planes.dtype == np.float32
        luma = np.zeros((96, 128))
        for phase in range(4):
            luma[phase // 2 :: 2, phase % 2 :: 2] = planes[0, phase] + 128
        if index == 1:
            assert np.array_equal(luma, decoded(window, "L"))
            assert not planes[0, 4:].any()
            continue
        rgb = decoded(window, "RGB").astype(np.float64)
        # Luma of what a viewer shows, which is rounded and clipped once more.
        assert np.abs(luma - rgb @ [0.299, 0.587, 0.114]).mean() < 1.0
        blue = 128 + (rgb @ [-0.168736, -0.331264, 0.5])
        pooled = blue.reshape(48, 2, 64, 2).mean(axis=(1, 3)) - 128
        # The viewer's chroma is interpolated, so its mean over 2x2 is blurred a little.
        assert np.abs(planes[0, 4] - pooled).mean() < 1.5
        assert np.abs(planes[0, 4]).mean() > 4.0


def test_rgb_and_luma_planes() -> None:
    windows = [np.asarray(picture("coffee"))[:64, x : x + 96] for x in (0, 200)]
    colour, gray = inputs_at([photograph(*windows)], "rgb", ["planes"], QUALITY)
    wanted = decoded(windows[0], "RGB").transpose(2, 0, 1)
    assert np.array_equal(colour["planes"][0] + 128, wanted)
    assert np.array_equal(gray["planes"][0] + 128, [decoded(windows[1], "L")] * 3)
    for window, given in zip(
        windows, inputs_at([photograph(*windows)], "y", ["planes"], QUALITY), strict=True
    ):
        assert np.array_equal(given["planes"][0, 0] + 128, decoded(window, "L"))


def test_the_prediction_residual_is_luma_less_its_mean_over_5x5() -> None:
    window = np.asarray(picture("coffee"))[:64, :96]
    (given,) = inputs_at([photograph(window)], "y", ["planes", "residual"], QUALITY)
    luma = given["planes"][0, 0] + 128
    means = np.lib.stride_tricks.sliding_window_view(luma, (5, 5)).mean(axis=(2, 3))
    found = given["residual"][0, 0, 2:-2, 2:-2]
    # Pillow rounds to whole grey levels after the rows and after the columns: half a level each.
    assert np.abs(found - (luma[2:-2, 2:-2] - means)).max() <= 1.0
    assert np.abs(found).max() > 20.0


def test_what_is_no_folder_of_pictures_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is no folder"):
        read_photographs(tmp_path / "missing")
    (tmp_path / "a.txt").write_text("x")
    with pytest.raises(InputError, match=r"no pictures in .*\.png"):
        read_photographs(tmp_path)
    (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\nnothing more")
    with pytest.raises(ImageError, match=r"a\.png is damaged"):
        read_photographs(tmp_path)
    Image.fromarray(np.zeros((64, 64), np.uint16)).save(tmp_path / "a.png")
    with pytest.raises(ImageError, match="8 bits"):
        read_photographs(tmp_path)
