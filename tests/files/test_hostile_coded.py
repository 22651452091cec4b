"""Coded files that are cut, empty or hostile: one line, nothing written, and no decoder reached."""

import io
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, WebPImagePlugin

from edgeqe.errors import ImageError
from edgeqe.files.enhance import enhance_file, read_picture
from tests.codecs.test_identify import HOSTILE
from tests.files.test_bad_files import Never
from tests.hostile_pictures import ASKING, PHOTO, WHOLE


def refused(data: bytes, folder: Path, name: str = "in.heic") -> str:
    """The one line of a refusal; nothing is written, and no enhancer reached."""
    (folder / name).write_bytes(data)
    with pytest.raises(ImageError) as caught:
        enhance_file(Never(), folder / name, folder / "out.png")
    assert [path.name for path in folder.iterdir()] == [name]
    line = str(caught.value)
    assert line.startswith(str(folder / name)) and "\n" not in line
    assert caught.value.exit_code == 2
    return line


@pytest.mark.parametrize("name", ASKING)
def test_files_that_ask_for_too_much_are_refused(tmp_path: Path, name: str) -> None:
    make, message = ASKING[name]
    data = make()
    tracemalloc.start()
    try:
        line = refused(data, tmp_path)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert message in line
    assert peak < 16 * 2**20  # no samples


@pytest.mark.parametrize("name", HOSTILE)
def test_loops_of_boxes_and_the_like_are_refused(tmp_path: Path, name: str) -> None:
    """What reading them takes is measured in tests/codecs."""
    refused(HOSTILE[name], tmp_path)


def test_an_animated_webp_of_a_huge_canvas_does_not_reach_libwebp(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stream = io.BytesIO()
    first, second = Image.fromarray(PHOTO), Image.fromarray(PHOTO[::-1])
    first.save(stream, "WEBP", save_all=True, append_images=[second])
    data = bytearray(stream.getvalue())
    assert data[12:16] == b"VP8X"
    data[24:30] = 2 * (60000 - 1).to_bytes(3, "little")

    def reached(*_: object) -> None:
        raise AssertionError("libwebp was reached")

    monkeypatch.setattr(WebPImagePlugin.WebPImageFile, "_open", reached)
    with pytest.raises(ImageError, match="holds several pictures"):
        read_picture(bytes(data))


@pytest.mark.parametrize("format_name", WHOLE)
def test_the_whole_files_are_sound(format_name: str) -> None:
    assert (read_picture(WHOLE[format_name]()).width) == 96


@pytest.mark.parametrize("part", [0.02, 0.1, 0.3, 0.5, 0.7, 0.9, 0.999])
@pytest.mark.parametrize("format_name", WHOLE)
def test_cut_files_are_refused(tmp_path: Path, format_name: str, part: float) -> None:
    data = WHOLE[format_name]()
    refused(data[: round(part * len(data))], tmp_path, f"in.{format_name}")


@pytest.mark.parametrize("format_name", WHOLE)
def test_empty_files_are_refused(tmp_path: Path, format_name: str) -> None:
    assert "is empty (0 bytes)" in refused(b"", tmp_path, f"in.{format_name}")


@pytest.mark.parametrize("format_name", WHOLE)
def test_the_limit_is_compared_with_the_headers(tmp_path: Path, format_name: str) -> None:
    with pytest.raises(ImageError, match="96x64, more than the limit of 0.006"):
        read_picture(WHOLE[format_name](), pixel_limit=96 * 64 - 1)
    assert read_picture(WHOLE[format_name](), pixel_limit=96 * 64).height == 64


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("format_name", WHOLE)
def test_changed_files_are_pictures_or_refused(format_name: str, seed: int) -> None:
    data = WHOLE[format_name]()
    draw = np.random.default_rng(seed)
    for _ in range(12):
        changed = bytearray(data)
        for at in draw.integers(0, min(len(data), 600), 3):
            changed[at] = int(draw.integers(0, 256))
        try:
            found = read_picture(io.BytesIO(bytes(changed)), pixel_limit=10**6)
        except ImageError as error:
            assert str(error).strip() and "\n" not in str(error)
        else:
            assert found.width * found.height <= 10**6
