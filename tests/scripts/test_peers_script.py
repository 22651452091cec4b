"""What ``scripts/peers`` measures: small runs, FFmpeg's filter, and jpegqs or its stand-in.

The whole script needs DnCNN-3 and LIVE1; docs/peers.md has its output.
"""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from edgeqe.bench.data import PictureSet, packaged_file
from edgeqe.bench.latency import Effort
from edgeqe.bench.quality import measure
from edgeqe.codecs.strength import step_from_quality
from edgeqe.coding import RatePoint
from edgeqe.errors import InputError
from edgeqe.model.catalogue import find_model, shipped_models
from edgeqe.model.file import ModelFile
from edgeqe.protocols import CodingProtocol
from tests.scripts.peers_figures import (
    CONVERTED,
    PLAIN,
    cells,
    load_script,
)


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> dict[str, ModuleType]:
    return load_script(monkeypatch)


@pytest.fixture
def deblock(script: dict[str, ModuleType]) -> ModuleType:
    pytest.importorskip("av", reason="FFmpeg's filter comes with PyAV")
    return script["deblock"]


def test_a_run_without_peers(
    script: dict[str, ModuleType], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("onnxruntime")
    measuring = script["measuring"]
    monkeypatch.setattr(measuring, "shipped_forms", lambda: ["edgeqe-tiny:float32"])
    for program in ("deblock", "jpegqs"):
        monkeypatch.setattr(script[program], "version", lambda: "")
    pictures = PictureSet("one", (packaged_file("chelsea.png"),), 0.25)
    found = measuring.measure_all(pictures, None, (10, 20, 40), Effort(rounds=1), lambda *_: None)
    assert [lane["model"] for lane in found["lanes"]] == ["edgeqe-tiny:float32"]
    assert [(row["protocol"], row["value"]) for row in found["quality"]] == [
        (protocol, quality) for protocol in ("gray", "planes") for quality in (10, 20, 40)
    ]
    text = script["page"].page(found)
    gain = found["quality"][0]["gain_db"]
    assert gain > 0.3  # a network that is not run, or not told the strength, gains nothing
    assert cells(text, "Gain by quality")["edgeqe-tiny:float32"][0].startswith(f"{gain:+.3f} (")
    assert "- Left out: DnCNN-3, no file of which was given." in text
    assert "- Left out: FFmpeg's filter, since PyAV (`av`) is not installed." in text
    assert "- Left out: jpegqs, which is not installed (Debian: `apt-get install jpegqs`)." in text


def test_each_network_comes_in_float_and_in_integers(script: dict[str, ModuleType]) -> None:
    pytest.importorskip("onnxruntime")
    found = [name.partition(":") for name in script["measuring"].shipped_forms()]
    for network in shipped_models():
        forms = [form.removesuffix(".tflite") for name, _, form in found if name == network]
        serves = "jpeg" in ModelFile(find_model(network)).card.codecs
        assert sorted(forms) == (["float32", "int8"] if serves else [])


def test_a_network_is_converted_opened_and_compared_with_its_own_file(
    script: dict[str, ModuleType], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    onnx = pytest.importorskip("onnx")
    for package in ("keras", "onnxruntime"):
        pytest.importorskip(package)
    from tests.onnx_files import make, model

    # One convolution that gives the picture, a little smoother.
    kernel = np.full((1, 1, 3, 3), 0.0125, np.float32)
    kernel[0, 0, 1, 1] = 0.9
    nodes = [make("Conv", ["x", "w"], ["y"], pads=[1, 1, 1, 1])]
    path = tmp_path / "theirs.onnx"
    onnx.save(model(nodes, {"w": kernel}, shape=("n", 1, "h", "w")), path)
    measuring = script["measuring"]
    monkeypatch.setattr(measuring, "shipped_forms", list)
    for program in ("deblock", "jpegqs"):
        monkeypatch.setattr(script[program], "version", lambda: "")
    pictures = PictureSet("one", (packaged_file("chelsea.png"),), 0.25)
    found = measuring.measure_all(pictures, path, (10,), Effort(rounds=1), lambda *_: None)
    assert [entry["name"] for entry in found["networks"]] == [CONVERTED, PLAIN]
    assert [lane["model"] for lane in found["lanes"]] == [CONVERTED, PLAIN]
    assert [(row["protocol"], row["model"]) for row in found["quality"]] == [("gray", CONVERTED)]
    assert found["differs"] <= 1  # both round once, halves perhaps to another side


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A stand-in for jpegqs that copies its input and notes its words."""
    folder = tmp_path / "bin"
    folder.mkdir()
    path = folder / "jpegqs"
    path.write_text(
        "#!/bin/sh\n"
        'if [ "$1" = --help ]; then echo "JPEG Quant Smooth : Copyright : 1.20210408"; exit; fi\n'
        f'echo "$@" >> {tmp_path / "words"}\n'
        "for last; do source=$target; target=$last; done\n"
        'cp "$source" "$target"\n'
    )
    path.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    return tmp_path / "words"


def test_a_program_is_run_on_files_and_its_file_is_measured(
    script: dict[str, ModuleType], program: Path
) -> None:
    jpegqs = script["jpegqs"]
    assert jpegqs.version() == "jpegqs 1.20210408"
    pictures = PictureSet("one", (packaged_file("chelsea.png"),), 0.25)
    found = list(jpegqs.rows(pictures, 20))
    assert [(row.protocol, row.model, row.point.value) for row in found] == [
        ("gray", "jpegqs -q 1", 20), ("gray", "jpegqs -q 3", 20)
    ]  # fmt: skip
    (plain,) = measure({"still": Still()}, pictures, CodingProtocol.GRAY, RatePoint("jpeg", 20))
    for row in found:  # the copy is the JPEG itself, and so is a network that does nothing
        assert row.scores == plain.scores
    words = [line.split()[:6] for line in program.read_text().splitlines()]
    assert words == [["--quality", level, "--threads", "1", "--info", "0"] for level in ("1", "3")]


def test_a_program_is_timed_on_a_file_that_is_there_already(
    script: dict[str, ModuleType], program: Path
) -> None:
    gray = blocks(64, 80, 30)
    with script["jpegqs"].timed(gray, 20, 2) as runs:
        for run in runs.values():
            run()
    assert list(runs) == ["jpegqs -q 1", "jpegqs -q 3"]
    lines = [line.split() for line in program.read_text().splitlines()]
    assert [line[1] for line in lines] == ["1", "3"]
    assert lines[0][3] == "2" and lines[0][-2:] == lines[1][-2:]
    assert not Path(lines[0][-1]).exists()


def test_a_program_that_fails_is_named(
    script: dict[str, ModuleType], program: Path, tmp_path: Path
) -> None:
    (tmp_path / "bin" / "jpegqs").write_text("#!/bin/sh\necho no JPEG >&2\nexit 3\n")
    with pytest.raises(InputError, match="jpegqs failed with 3: no JPEG"):
        script["jpegqs"].smooth(b"", 1)


def test_jpegqs_smooths(script: dict[str, ModuleType]) -> None:
    jpegqs = script["jpegqs"]
    if not jpegqs.version():
        pytest.skip("jpegqs is a Debian package")
    pictures = PictureSet("one", (packaged_file("chelsea.png"),), 0.5)
    fast, own = jpegqs.rows(pictures, 10)
    assert fast.gain > 0.1 and own.scores != fast.scores


class Still:
    """A network that leaves a picture as it is."""

    takes_planes = False

    def enhance(self, image: Any, /, *, step: float, codec: str) -> Any:
        return image

    def enhance_planes(self, y: Any, u: Any, v: Any, /, *, step: float, codec: str) -> Any:
        return y, u, v


def blocks(height: int, width: int, step: int) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """Flat blocks of 8x8 like a chess board, `step` grey levels apart."""
    rows, columns = np.indices((height, width)) // 8
    return (100 + step * ((rows + columns) % 2)).astype(np.uint8)


@pytest.mark.parametrize("shape", [(64, 96), (43, 57)])
def test_a_flat_picture_stays_flat(deblock: ModuleType, shape: tuple[int, int]) -> None:
    image = np.full(shape, 77, np.uint8)
    result = deblock.Deblock({1.0: deblock.Settings()}).enhance(image, step=3.0)
    assert result.dtype == np.uint8
    np.testing.assert_array_equal(result, image)


@pytest.mark.parametrize("kind", ["weak", "strong"])
@pytest.mark.parametrize("shape", [(64, 96), (43, 57)])
def test_steps_between_blocks_get_smaller_and_blocks_stay(
    deblock: ModuleType, kind: str, shape: tuple[int, int]
) -> None:
    image = blocks(*shape, step=10)
    before = image.copy()
    result = deblock.Deblock({1.0: deblock.Settings(kind)}).enhance(image, step=3.0)
    np.testing.assert_array_equal(image, before)
    assert result.shape == image.shape
    steps = np.abs(np.diff(result.astype(int), axis=1))
    # The step of 10 between two columns becomes several smaller ones. Corners, where borders of
    # both directions meet, are filtered twice: the middles of the blocks' sides are looked at.
    middles = [row for row in range(shape[0]) if row % 8 in (3, 4)]
    borders = [column for column in range(7, shape[1] - 1, 8)]
    assert steps[np.ix_(middles, borders)].max() <= 5
    inside = result[4::8, 4::8]
    np.testing.assert_array_equal(inside, image[4::8, 4::8])


def test_a_step_above_the_threshold_is_an_edge(deblock: ModuleType) -> None:
    # alpha 0.098 of 255 is 24.99 grey levels
    for step, kept in ((24, True), (23, False)):
        image = blocks(32, 32, step)
        result = deblock.Deblock({1.0: deblock.Settings()}).enhance(image, step=3.0)
        assert bool((result == image).all()) is kept, step


def test_the_nearest_step_chooses_the_settings(deblock: ModuleType) -> None:
    image, out = blocks(32, 32, 10), np.zeros((32, 32), np.uint8)
    network = deblock.Deblock({2.0: deblock.OFF, 8.0: deblock.Settings()})
    # 4 lies in the middle as ratios go
    assert network.enhance(image, step=3.9, out=out) is out
    np.testing.assert_array_equal(out, image)
    network.enhance(image, step=4.1, out=out)
    assert (out != image).any()
    y, u, v = network.enhance_planes(image, image[:16, :16], image, step=8.0)
    assert [plane.shape for plane in (y, u, v)] == [(32, 32), (16, 16), (32, 32)]
    np.testing.assert_array_equal(y, out)


def test_tuning_finds_what_helps_and_stays_off_where_nothing_does(deblock: ModuleType) -> None:
    # A flat photograph coded coarsely has blocks; at quality 98 there is nothing to filter.
    pictures = PictureSet("one", (packaged_file("astronaut.png"),), 0.5)
    coarse = deblock.tuned(pictures, 10)
    assert coarse.scale >= 1
    assert deblock.tuned(pictures, 98) == deblock.OFF
    steps = {step_from_quality(10): coarse}
    (row,) = measure(
        {"tuned": deblock.Deblock(steps)}, pictures, CodingProtocol.GRAY, RatePoint("jpeg", 10)
    )
    assert row.gain > 0.1
