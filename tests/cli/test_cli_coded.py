"""``edgeqe enhance`` of HEIC, AVIF, JPEG 2000, WebP and BPG files, by a model that serves them."""

import builtins
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from edgeqe.cli import main
from edgeqe.codecs import bpg
from tests import coded_files, small_models
from tests.files.coded_pictures import by_ffmpeg, heic

PHOTO = coded_files.photo(64, 96)
CODECS = ("jpeg", "heif", "avif", "webp", "jpeg2000", "bpg")


def deep() -> bytes:
    return heic(PHOTO.astype(np.uint16) * 257, "RGB;16", quality=50)


FILES: dict[str, tuple[Callable[[], bytes], str, str]] = {
    "a.heic": (lambda: coded_files.heic(PHOTO, 50), "heif", "RGB  HEIC QP 22"),
    "deep.heic": (deep, "heif", "10-bit RGB  HEIC QP 22"),
    "a.avif": (lambda: coded_files.pillow("AVIF", PHOTO, quality=50), "avif", "RGB  AVIF index "),
    "a.webp": (lambda: coded_files.pillow("WEBP", PHOTO, quality=50), "webp", "RGB  WebP index "),
    "a.jp2": (
        lambda: coded_files.pillow(
            "JPEG2000", PHOTO, irreversible=True, quality_mode="rates", quality_layers=[20]
        ),
        "jpeg2000",
        "RGB  JPEG 2000 at ",
    ),
    "a.j2k": (
        lambda: coded_files.pillow("JPEG2000", PHOTO, irreversible=True, no_jp2=True),
        "jpeg2000",
        "RGB  JPEG 2000 at ",
    ),
    "a.bpg": (
        lambda: bpg.write(coded_files.hevc_intra(30), 96, 64),
        "bpg",
        "4:2:0 planes  BPG QP 30",
    ),
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    small_models.write(small_models.strong_graph(), tmp_path / "all.onnx", codecs=CODECS)
    return tmp_path


def run(*words: str, model: str = "all.onnx") -> Result:
    return CliRunner().invoke(main, ["enhance", "-m", model, "--threads", "1", *words])


def failed(result: Result) -> str:
    """The one line of a failure."""
    assert result.exit_code == 2, result.output
    assert result.stdout == ""
    (line,) = result.stderr.splitlines()
    assert line.startswith("edgeqe: ")
    return line


@pytest.mark.parametrize("name", FILES)
def test_a_coded_file_says_its_strength_by_itself(folder: Path, name: str) -> None:
    make, codec, said = FILES[name]
    Path(name).write_bytes(make())
    result = run(name, "-o", "out.png")
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith(f"{name} -> out.png  96x64  {said}"), result.stdout
    assert by_ffmpeg(Path("out.png")).shape == (64, 96, 3)
    (picture,) = json.loads(run(name, "-o", "json.png", "--json").stdout)["pictures"]
    assert (picture["codec"], picture["strength_from"]) == (codec, "file")
    assert picture["number"] > 0 and picture["step"] > 0
    # the caller knows better
    other = run(name, "-o", "other.png", "--rate", "0.5", "--json")
    (picture,) = json.loads(other.stdout)["pictures"]
    assert (picture["codec"], picture["scale"], picture["number"]) == ("jpeg2000", "rate", 0.5)


def test_a_folder_of_them(folder: Path) -> None:
    Path("in").mkdir()
    for name, (make, _, _) in FILES.items():
        Path("in", name.replace(".", "_") + Path(name).suffix).write_bytes(make())
    result = run("in", "-o", "out")
    assert result.exit_code == 0, result.output
    assert len(list(Path("out").iterdir())) == len(FILES)


@pytest.mark.parametrize("name", FILES)
def test_a_model_that_does_not_serve_it_says_what_it_serves(folder: Path, name: str) -> None:
    make, codec, _ = FILES[name]
    Path(name).write_bytes(make())
    small_models.write(small_models.strong_graph(), folder / "vvc.onnx", codecs=("vvc",))
    before = sorted(folder.iterdir())
    line = failed(run(name, "-o", "out.png", model="vvc.onnx"))
    assert line.startswith(f"edgeqe: {name}: 'small' serves vvc and not {codec}: ")
    assert sorted(folder.iterdir()) == before


@pytest.mark.parametrize(
    ("name", "package"), [("a.heic", "pillow_heif"), ("a.bpg", "av")]
)  # fmt: skip
def test_without_the_extra_one_line_has_the_pip_command(
    folder: Path, monkeypatch: pytest.MonkeyPatch, name: str, package: str
) -> None:
    Path(name).write_bytes(FILES[name][0]())
    real = builtins.__import__

    def without(wanted: str, *rest: Any, **more: Any) -> Any:
        if wanted.partition(".")[0] == package:
            raise ModuleNotFoundError(f"No module named {package!r}", name=package)
        return real(wanted, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    line = failed(run(name, "-o", "out.png"))
    assert line.endswith("pip install 'edgeqe[codecs]'") and name in line
    assert not Path("out.png").exists()


def test_sixteen_bits_do_not_fit_into_jpeg(folder: Path) -> None:
    Path("deep.heic").write_bytes(deep())
    assert "JPEG cannot hold 16 bits: write .png or .tif" in failed(
        run("deep.heic", "-o", "out.jpg")
    )
    assert run("deep.heic", "-o", "out.tif").exit_code == 0
    assert by_ffmpeg(Path("out.tif")).dtype == np.dtype("<u2")


def test_a_name_decides_nothing(folder: Path) -> None:
    """A HEIC that is called .jpg is a HEIC; a text that is called .heic is none."""
    Path("a.jpg").write_bytes(coded_files.heic(PHOTO, 50))
    assert "HEIC QP 22" in run("a.jpg", "-o", "out.png").stdout
    Path("text.heic").write_text("a text")
    assert "text.heic is no picture that edgeqe reads" in failed(run("text.heic", "-o", "no.png"))
    stream = io.BytesIO()
    Image.fromarray(PHOTO).save(stream, "PNG")
    Path("b.heic").write_bytes(stream.getvalue())
    assert "carries no strength" in failed(run("b.heic", "-o", "no.png"))
    assert not Path("no.png").exists()
