"""Files that hold no intra picture of HEVC, or a damaged one: one line, and nothing written."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

pytest.importorskip("av", reason="streams are made by PyAV")
pytest.importorskip("numba", reason="the HEVC decoder needs numba: pip install 'edgeqe[codecs]'")

import av

from edgeqe import ImageError
from edgeqe.codecs import bpg, hevc_intra
from edgeqe.files.enhance import enhance_file
from edgeqe.files.reading import PictureFile
from tests import coded_files
from tests.files.coded_pictures import heic
from tests.files.intra_files import Recorder, film, gray_heic, x265

Samples = npt.NDArray[Any]


def refused(data: bytes, tmp_path: Path, name: str, *, qp: bool = True) -> str:
    path, target = tmp_path / name, tmp_path / "out.png"
    path.write_bytes(data)
    with pytest.raises(ImageError) as error:
        enhance_file(Recorder(), path, target, qp=30 if qp else None)
    assert not target.exists()
    said = str(error.value)
    assert said.startswith(str(path)) and "\n" not in said
    return said.removeprefix(str(path))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "AVIF"])
def test_files_that_are_not_of_hevc_are_refused(kind: str, tmp_path: Path) -> None:
    data = coded_files.pillow(kind, coded_files.photo())
    for qp in (True, False):  # whether or not the strength is known
        said = refused(data, tmp_path, f"a.{kind}", qp=qp)
        assert "is not of HEVC" in said and "HEIC, BPG" in said and "another model" in said


def test_clips_and_inter_pictures_are_refused_by_name(tmp_path: Path) -> None:
    clip = coded_files.hevc("qp=30:keyint=1", count=3)
    for name, data in (("a.hevc", clip), ("a.mp4", film(clip))):
        assert "clip of 3 pictures" in refused(data, tmp_path, name)


def test_tools_outside_of_the_profiles_are_named(tmp_path: Path) -> None:
    data = heic(coded_files.photo(), "RGB", quality=50, chroma=444)
    assert "4:4:4" in refused(data, tmp_path, "a.heic")
    deep = coded_files.hevc("qp=30:keyint=1", pixels="yuv422p")
    assert "4:2:2" in refused(deep, tmp_path, "a.hevc")


def test_other_films_are_refused_by_name(tmp_path: Path) -> None:
    out = io.BytesIO()
    with av.open(out, "w", format="mp4") as target:
        video = target.add_stream("libx264", rate=25)
        video.width, video.height, video.pix_fmt = 96, 64, "yuv420p"
        frame = av.VideoFrame.from_ndarray(coded_files.photo(), "rgb24")
        target.mux(video.encode(frame))
        target.mux(video.encode())
    assert "'avc1', and not HEVC" in refused(out.getvalue(), tmp_path, "a.mp4")


@pytest.mark.parametrize("make", [lambda: gray_heic((64, 96))[0], lambda: film(x265())],
                         ids=["heic", "mp4"])  # fmt: skip
def test_cut_files_are_refused(make: Callable[[], bytes], tmp_path: Path) -> None:
    data = make()
    for size in np.linspace(12, len(data) - 1, 9).astype(int):
        refused(data[:size], tmp_path, "a.cut")


@pytest.mark.parametrize("make", [lambda: coded_files.heic(coded_files.photo(), 40),
                                  lambda: bpg.write(x265(), 96, 64), x265, lambda: film(x265())],
                         ids=["heic", "bpg", "hevc", "mp4"])  # fmt: skip
def test_changed_files_are_pictures_or_refused(make: Callable[[], bytes]) -> None:
    data, draw = make(), np.random.default_rng(3)
    for _ in range(25):
        changed = bytearray(data)
        for at in draw.integers(0, len(data), 3):
            changed[at] = int(draw.integers(0, 256))
        try:
            found = PictureFile(bytes(changed)).decode_with_residual(pixel_limit=10**6)
        except ImageError as error:
            assert str(error).strip() and "\n" not in str(error)
        else:
            assert found.residual.shape == found.planes[0].shape
            assert found.finish(found.planes).planes[0].shape == found.picture.planes[0].shape


def test_a_missing_package_is_one_line_with_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from edgeqe.errors import MissingPackageError

    def missing(stream: bytes) -> None:
        raise MissingPackageError("numba is not installed: pip install 'edgeqe[codecs]'")

    monkeypatch.setattr(hevc_intra, "decode", missing)
    with pytest.raises(MissingPackageError, match=r"a\.heic: numba .* pip install"):
        (tmp_path / "a.heic").write_bytes(gray_heic((64, 96))[0])
        enhance_file(Recorder(), tmp_path / "a.heic", tmp_path / "out.png")
