"""The page of peers, without a run that takes minutes: from made-up figures, and FFmpeg's row.

The script itself, ``scripts/peers``, needs DnCNN-3 and LIVE1; docs/peers.md has its output.
"""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from edgeqe.bench.data import PictureSet, packaged_file
from edgeqe.bench.latency import Effort
from edgeqe.bench.quality import measure
from edgeqe.codecs.strength import step_from_quality
from edgeqe.errors import InputError
from edgeqe.model.catalogue import shipped_models
from edgeqe.protocols import CodingProtocol

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "peers"
OURS, OWN, TUNED = "edgeqe-tiny:int8", "FFmpeg deblock", "FFmpeg deblock, tuned"
CONVERTED, PLAIN = "DnCNN-3, converted", "DnCNN-3, plain ONNX Runtime"


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> dict[str, ModuleType]:
    """Modules of the script, whose folder is no package: they find each other by bare names."""
    found = {}
    for file in ("layout", "published", "page", "deblock", "jpegqs", "measuring", "__main__"):
        name = file.strip("_")
        spec = importlib.util.spec_from_file_location(name, SCRIPT / f"{file}.py")
        assert spec is not None and spec.loader is not None
        found[name] = importlib.util.module_from_spec(spec)
        monkeypatch.setitem(sys.modules, name, found[name])
        spec.loader.exec_module(found[name])
    return found


@pytest.fixture
def deblock(script: dict[str, ModuleType]) -> ModuleType:
    pytest.importorskip("av", reason="FFmpeg's filter comes with PyAV")
    return script["deblock"]


def quality_row(protocol: str, model: str, quality: int, gain: float) -> dict[str, Any]:
    """JPEG has 20 dB and a hundredth of the quality number; SSIM is 0.7 and a tenth of that."""
    before = 20 + quality / 100
    return {
        "protocol": protocol,
        "model": model,
        "quality": quality,
        "gain_db": gain,
        "worst_gain_db": gain - 1,
        "psnr_db_before": before,
        "psnr_db_after": before + gain,
        "ssim_before": 0.7 + quality / 1000,
        "ssim_after": 0.8 + quality / 1000,
        "psnr_b_db_before": before - 2,
        "psnr_b_db_after": before + gain - 0.5,
    }


def network(name: str, kmac: float | None, parameters: int | None) -> dict[str, Any]:
    return {
        "name": name,
        "dncnn": name.startswith("DnCNN"),
        "kmac_per_pixel": kmac,
        "parameters": parameters,
        "runs_on": f"runtime of {name}",
    }


def bd_row(protocol: str, measure: str, model: str, rate: float) -> dict[str, Any]:
    left_out = ["bikes", "caps"] if model == TUNED else []
    row = {"protocol": protocol, "measure": measure, "model": model, "left_out": left_out}
    return {**row, "bd_rate_percent": rate}


def lane(model: str, milliseconds: float) -> dict[str, Any]:
    return {
        "model": model,
        "p50_ms": milliseconds,
        "frames_per_second": 1e3 / milliseconds,
        "repeats": 20,
        "unsteady": model == OURS,
    }


def figures(qualities: tuple[int, ...] = (10, 20, 40, 70)) -> dict[str, Any]:
    """Figures of a run that never was, new at each call."""
    gains = {OURS: 1.25, CONVERTED: 1.5, TUNED: 0.125}
    rows = [quality_row("gray", name, q, gain) for q in qualities for name, gain in gains.items()]
    rows += [quality_row("planes", OURS, quality, 1.0) for quality in qualities]
    return {
        "stamp": {
            "edgeqe": "0.6.0",
            "python": "3.11.2",
            "numpy": "2.4.6",
            "system": "Linux x86_64",
            "cpu": "Some CPU",
            "cpu_count": 2,
            "cpu_features": ["avx2", "fma"],
            "jpeg": "some decoder",
        },
        "data": {"name": "live1", "pictures": 29},
        "threads": 2,
        "timed_quality": 20,
        "qualities": list(qualities),
        "networks": [
            network(OURS, 5.83, 23410),
            network(CONVERTED, 665.3, 665921),
            network(PLAIN, 665.3, 665921),
            network(TUNED, None, None),
        ],
        "quality": rows,
        "bd": [
            bd_row("gray", "psnr", OURS, -15.75),
            bd_row("gray", "psnr", TUNED, 0.5),
            bd_row("planes", "psnr", OURS, -17.25),
            bd_row("planes", "y_psnr", OURS, -14.5),
        ],
        "lanes": [
            lane(OURS, 50.0),
            lane(CONVERTED, 2500.0),
            lane(PLAIN, 2000.0),
            lane(TUNED, 1.25),
        ],
        "differs": 1,
        "deblock": {
            "own": "filter=strong",
            "tuned": {10: "filter=weak", 70: "off"},
            "tuned_on": "other photographs",
            "tried": 17,
        },
        "left_out": [],
        "notes": ["something else kept 1.0 of 2 processors busy during the run: close it"],
    }


def cells(text: str, section: str) -> dict[str, list[str]]:
    """Rows of a section's first table by their first cell."""
    part = text.partition(f"## {section}\n")[2].partition("\n## ")[0]
    rows = [line.strip("| ").split(" | ") for line in part.splitlines() if line.startswith("|")]
    return {row[0]: row[1:] for row in rows}


def in_one_line(text: str) -> str:
    """Text without its line breaks, for prose is wrapped."""
    return " ".join(text.split())


def test_the_figures_stand_in_their_rows(script: dict[str, ModuleType]) -> None:
    text = script["page"].page(figures())
    found = cells(text, "Measured")
    assert found["JPEG itself"][2:5] == [
        "20.10 / 20.20 / 20.40", "0.7100 / 0.7200 / 0.7400", "18.10 / 18.20 / 18.40"
    ]  # fmt: skip
    assert found[OURS] == [
        "5.8", "23,410", "21.35 / 21.45 / 21.65", "0.8100 / 0.8200 / 0.8400",
        "20.85 / 20.95 / 21.15", "-15.75 %", "50.0", "20.0", "40.0",
    ]  # fmt: skip
    # the faster of DnCNN-3's two rows counts: 2000 ms, not 2500
    assert found[CONVERTED][-3:] == ["2,500", "0.40", "0.80"]
    assert found[PLAIN] == ["665.3", "665,921", "–", "–", "–", "–", "2,000", "0.50", "1.00"]
    assert found[TUNED] == [
        "–", "–", "20.23 / 20.32 / 20.52", "0.8100 / 0.8200 / 0.8400", "19.73 / 19.82 / 20.02",
        "+0.50 %", "1.25", "800", "1,600",
    ]  # fmt: skip
    assert f"by the faster of its rows ({PLAIN})." in in_one_line(text)
    gains = cells(text, "Gain by quality")
    assert gains[TUNED] == ["+0.125 (-0.875)"] * 4
    assert PLAIN not in gains
    colour = cells(text, "BD-rate in colour")
    assert colour[OURS] == ["-17.25 %", "-14.50 %"]
    assert TUNED not in colour


def test_the_page_says_where_and_with_what(script: dict[str, ModuleType]) -> None:
    text = script["page"].page(figures())
    # tables cannot be wrapped
    assert all(len(line) <= 100 for line in text.splitlines() if not line.startswith("|"))
    assert cells(text, "What was run")["q70"] == ["`off`"]
    words = in_one_line(text)
    for told in (
        "Some CPU (avx2, fma), 2 processors.",
        "- JPEG: some decoder.",
        f"- {PLAIN}: runtime of {PLAIN}.",
        "the two results differ by 1 grey level at most.",
        f"- BD-rate of {TUNED} is without bikes, caps, whose curves cannot be compared.",
        f"- Times: 20 rounds; they differ by 10 % or more, so that the time is rough, of {OURS}.",
        "- Note: something else kept 1.0 of 2 processors busy during the run: close it.",
        # the made-up JPEG beside the published one, and DnCNN-3 beside its own row
        "It has 20.10 / 20.20 / 20.40 dB here and 27.77 / 30.07 / 32.35 dB there.",
        "21.60 / 21.70 / 21.90 dB, SSIM 0.8100 / 0.8200 / 0.8400 and PSNR-B "
        "21.10 / 21.20 / 21.40 dB here; 29.19 / 31.59 / 33.96 dB, 0.8123 / 0.8802 / 0.9247 and",
    ):
        assert told in words


def test_what_is_absent_is_left_out_and_named(script: dict[str, ModuleType]) -> None:
    absent = figures((10, 20, 40))
    absent["networks"] = absent["networks"][:1]
    absent["quality"] = [row for row in absent["quality"] if row["model"] == OURS]
    absent["lanes"], absent["bd"] = absent["lanes"][:1], []
    absent |= {"deblock": None, "differs": None, "left_out": ["this", "that"]}
    text = script["page"].page(absent)
    assert cells(text, "Measured")[OURS][-4:] == ["–", "50.0", "20.0", "–"]
    words = in_one_line(text)
    assert "BD-rate: left out, 4 qualities are the fewest that give one." in words
    assert "- Left out: this. - Left out: that." in words
    for word in ("## BD-rate in colour", "| quality |", "*Times DnCNN-3*", "DnCNN-3 shows how"):
        assert word not in words


def test_the_published_rows_name_their_paper(script: dict[str, ModuleType]) -> None:
    published = script["published"]
    text = script["page"].page(figures())
    section = text.partition("## As published, not measured here\n")[2].partition("\n## ")[0]
    # a header, a line of dashes, and the rows
    assert len(re.findall(r"^\|", section, re.M)) == 2 + len(published.PUBLISHED)
    assert {one.source for one in published.PUBLISHED} == set(published.PAPERS)
    for name, paper in published.PAPERS.items():
        assert f"- {name}: {paper}." in in_one_line(section)
    row = next(line for line in section.splitlines() if line.startswith("| ASQE-CNN |"))
    assert row == (
        "| ASQE-CNN | one a quality | 434 | 881,943 | 29.42 / 31.79 / 34.16 | – | – "
        "| -24.29 % | -26.59 % | ASQE-CNN |"
    )


def test_the_command_writes_the_page(
    script: dict[str, ModuleType], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked: list[Any] = []

    def measure_all(*given: Any) -> dict[str, Any]:
        asked.append(given)
        return figures()

    main = script["main"]
    monkeypatch.setattr(main, "measure_all", measure_all)
    out, data = tmp_path / "peers.md", packaged_file("chelsea.png").parent
    command = ["peers", "--data", str(data), "--out", str(out), "--quick"]
    monkeypatch.setattr(sys, "argv", command)
    assert main.main() == 0
    assert out.read_text(encoding="utf-8") == script["page"].page(figures())
    assert asked[0][1:3] == (None, (10, 20, 40))
    monkeypatch.setattr(sys, "argv", command[:-1])
    assert main.main() == 0
    assert asked[1][2] == (10, 20, 40, 70, 85, 90)


def test_a_wrong_use_writes_nothing(
    script: dict[str, ModuleType],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    main, out = script["main"], tmp_path / "peers.md"
    command = ["peers", "--data", str(tmp_path / "absent"), "--out", str(out)]
    monkeypatch.setattr(sys, "argv", command)
    assert main.main() == InputError.exit_code
    assert capsys.readouterr().err.startswith(f"peers: '{tmp_path / 'absent'}' is no folder")
    monkeypatch.setattr(sys, "argv", [*command[:-1], str(tmp_path / "no" / "peers.md")])
    with pytest.raises(SystemExit) as stopped:
        main.main()
    assert stopped.value.code == 2
    assert list(tmp_path.iterdir()) == []


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
    assert [(row["protocol"], row["quality"]) for row in found["quality"]] == [
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
        assert sorted(forms) == ["float32", "int8"]


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
    assert [(row.protocol, row.model, row.quality) for row in found] == [
        ("gray", "jpegqs -q 1", 20), ("gray", "jpegqs -q 3", 20)
    ]  # fmt: skip
    (plain,) = measure({"still": Still()}, pictures, CodingProtocol.GRAY, 20)
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
    (row,) = measure({"tuned": deblock.Deblock(steps)}, pictures, CodingProtocol.GRAY, 10)
    assert row.gain > 0.1
