"""Files that are written strip by strip: equal to those of whole arrays, byte for byte."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from edgeqe import Enhancer, ImageError
from edgeqe.files.encoding import strip_writer
from edgeqe.files.enhance import read_picture, write_picture
from edgeqe.files.picture import Metadata, Picture

#: Small enough that a picture of this size is cut into several rows of windows.
LIMIT = "6MiB"
HEIGHT, WIDTH = 603, 405


def noise(*shape: int) -> npt.NDArray[np.uint8]:
    return np.random.default_rng(3).integers(0, 256, shape, np.uint8)


def smooth(*shape: int) -> npt.NDArray[np.uint8]:
    rough = Image.fromarray(noise(9, 7, *shape[2:]))
    return np.asarray(rough.resize((shape[1], shape[0])))


@pytest.mark.parametrize("suffix", [".png", ".tif"])
@pytest.mark.parametrize("kind", ["4:2:0", "4:4:4", "gray", "RGBA", "gray + alpha"])
def test_strips_give_the_file_of_the_whole_arrays(tmp_path: Path, kind: str, suffix: str) -> None:
    given, stripped, whole = (tmp_path / f"{name}{suffix}" for name in ("in", "strips", "whole"))
    if ":" in kind or kind == "gray":
        given = given.with_suffix(".jpg")
        picture = smooth(HEIGHT, WIDTH) if kind == "gray" else smooth(HEIGHT, WIDTH, 3)
        options: dict[str, Any] = {"subsampling": 2 if kind == "4:2:0" else 0, "dpi": (300, 200)}
        Image.fromarray(picture).save(given, quality=25, **options)
    else:
        Image.fromarray(smooth(HEIGHT, WIDTH, 4 if kind == "RGBA" else 2)).save(given)
    rows: list[int] = []
    with Enhancer("edgeqe-tiny:int8", memory_limit=LIMIT, threads=2) as enhancer:
        found = read_picture(given)
        enhancer.enhance_rows(found.planes, lambda row, _: rows.append(row), quality=25)
        enhancer.enhance_file(given, stripped, quality=25)
        made: tuple[npt.NDArray[Any], ...]
        if len(found.planes) == 3:
            made = enhancer.enhance_planes(*found.planes, quality=25)
        else:
            made = (enhancer.enhance(found.planes[0], quality=25),)
    assert len(rows) > 2 and rows == sorted(rows)
    write_picture(Picture(made, found.alpha, metadata=found.metadata), whole)
    assert stripped.read_bytes() == whole.read_bytes()
    # and what is written is what Pillow reads
    wanted = Picture(made).pixels()
    if found.alpha is not None:
        wanted = np.dstack((wanted, found.alpha))
    with Image.open(stripped) as opened:
        np.testing.assert_array_equal(np.asarray(opened), wanted)
        if given.suffix == ".jpg":
            assert opened.info["dpi"] == pytest.approx((300, 200), abs=0.1)


@pytest.mark.parametrize("height", [1, 2, 3, 31, 32, 33, 65, 97])
@pytest.mark.parametrize("cuts", [(), (2,), (32,), (2, 4, 30), (64, 96)])
def test_planes_in_any_strips_are_the_picture(height: int, cuts: tuple[int, ...]) -> None:
    """The last row of a strip is interpolated with chroma of the next."""
    half = ((height + 1) // 2, 5)
    picture = Picture((noise(height, 9), noise(*half), noise(*half)[::-1]))
    stream = io.BytesIO()
    writer = strip_writer(picture, "PNG", stream)
    edges = [0, *(cut for cut in cuts if cut < height), height]
    for first, last in zip(edges, edges[1:], strict=False):
        y, cb, cr = picture.planes
        chroma = slice(first // 2, (last + 1) // 2)
        writer.add(first, (y[first:last], cb[chroma], cr[chroma]))
    writer.finish()
    with Image.open(stream) as opened:
        opened.verify()
    np.testing.assert_array_equal(np.asarray(Image.open(stream)), picture.pixels())


def test_metadata_of_a_png_are_where_pillow_puts_them() -> None:
    """All chunks but size and samples are those that Pillow writes of a whole picture."""
    exif = Image.Exif()
    exif[0x010E] = "a description"
    metadata = Metadata(exif.tobytes(), dpi=(72.0, 72.0), comment=b"said")
    picture = Picture((noise(40, 30, 3),), metadata=metadata)
    stream = io.BytesIO()
    write_picture(picture, stream)
    with Image.open(stream) as opened:
        np.testing.assert_array_equal(np.asarray(opened), picture.planes[0])
        assert opened.getexif()[0x010E] == "a description"
        assert opened.info["dpi"][0] == pytest.approx(72.0, abs=0.1)


def test_an_error_while_strips_are_written_leaves_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from edgeqe.files.strip_writing import StripWriter

    given, out = tmp_path / "in.jpg", tmp_path / "out.png"
    Image.fromarray(smooth(HEIGHT, WIDTH, 3)).save(given, quality=25)
    calls: list[int] = []

    def full(self: StripWriter, row: int, planes: Any) -> None:
        calls.append(row)
        if row:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(StripWriter, "add", full)
    with Enhancer("edgeqe-tiny:int8", memory_limit=LIMIT, threads=2) as enhancer:
        with pytest.raises(ImageError, match="out.png cannot be written .No space left"):
            enhancer.enhance_file(given, out)
        assert len(calls) == 2  # none is given after the error
        assert [path.name for path in tmp_path.iterdir()] == ["in.jpg"]
        monkeypatch.undo()
        enhancer.enhance_file(given, out)  # and the enhancer works on
    assert out.exists()
