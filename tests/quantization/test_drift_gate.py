"""The gate on real files: what holds, and what a broken file does."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

import pytest

from edgeqe.errors import InputError, ModelError
from edgeqe.files.folders import list_pictures
from edgeqe.model.catalogue import find_model
from edgeqe.quantization.drift.gate import check
from edgeqe.quantization.drift.limits import DriftLimits
from edgeqe.quantization.drift.picture_sets import picture_sets
from edgeqe.quantization.drift.references import PROTOCOLS
from tests import small_models
from tests.clips import moving, studio_planes, write_y4m
from tests.drift_models import TINY, doubled, photographs, tiny_with


@pytest.fixture
def sets(tmp_path: Path) -> dict[str, tuple[Path, ...]]:
    return {"pictures": list_pictures(photographs(tmp_path / "pictures"))}


def test_a_file_does_not_drift_from_itself(sets: dict[str, tuple[Path, ...]]) -> None:
    report = check(TINY, find_model(TINY), sets, values=(10, 90), threads=1)
    assert report.failures() == []
    assert [(row.protocol, row.point.value, len(row.pictures)) for row in report.rows] == [
        ("gray", 10, 2), ("gray", 90, 2), ("rgb", 10, 1), ("rgb", 90, 1)
    ]  # fmt: skip
    for row in report.rows:
        # The same bytes on the same kernels give the same pixels.
        assert row.loss == row.worst_picture.loss == row.worst_tile.tile.drop == 0.0
        # The model's card measures 1 dB at quality 10 and 0.5 dB at 90; crops differ.
        assert row.reference_gain > (0.5 if row.point.value == 10 else 0.1)
    assert report.data == "pictures"
    content = find_model(TINY).read_bytes()
    for model in (report.reference, report.candidate):
        assert (model.name, model.runtime, model.threads) == ("edgeqe-tiny", "onnxruntime", 1)
        assert model.provider == "CPUExecutionProvider"
        assert model.sha256 == hashlib.sha256(content).hexdigest()
        assert model.file_bytes == len(content)
    assert (report.reference.given, report.candidate.given) == (
        TINY, str(find_model(TINY))
    )  # fmt: skip


def test_a_doubled_scale_drifts_everywhere(
    sets: dict[str, tuple[Path, ...]], tmp_path: Path
) -> None:
    broken = doubled(tmp_path / "broken.onnx")
    report = check(TINY, broken, sets, values=(10, 60))
    verdicts = report.verdicts()
    assert len(verdicts) == len(report.failures()) == 4
    for row, verdict in verdicts:
        assert verdict.gain and verdict.tile
        assert row.worst_picture.loss >= row.loss > 0.3
        assert row.worst_tile.tile.drop > 0.3


def test_a_tile_fails_where_the_mean_may_lose(
    sets: dict[str, tuple[Path, ...]], tmp_path: Path
) -> None:
    broken = doubled(tmp_path / "broken.onnx")
    report = check(
        TINY,
        broken,
        {"one": sets["pictures"][:1]},
        values=(10,),
        limits=DriftLimits(max_drop=9.0),
    )
    gray, colour = (verdict for _, verdict in report.verdicts())
    for verdict in (gray, colour):
        assert "loses" not in verdict.gain
        assert "of astronaut.png drops" in verdict.tile


def test_a_small_change_holds(sets: dict[str, tuple[Path, ...]], tmp_path: Path) -> None:
    close = tiny_with(tmp_path / "close.onnx", "hidden_1.kernel", 1.001)
    report = check(TINY, close, sets, values=(10, 60, 90))
    assert report.failures() == []
    # Pixels did change: the gate compared two networks.
    assert any(row.loss != 0.0 for row in report.rows)


def test_across_formats_and_runtimes(sets: dict[str, tuple[Path, ...]], tmp_path: Path) -> None:
    """Random weights lose against the JPEG on either runtime, by the same."""
    graph = small_models.strong_graph()
    for name in ("small.onnx", "small.tflite"):
        small_models.write(graph, tmp_path / name)
    report = check(tmp_path / "small.onnx", tmp_path / "small.tflite", sets, values=(40,))
    assert [m.runtime for m in (report.reference, report.candidate)] == ["onnxruntime", "litert"]
    for row, verdict in report.verdicts():
        # At most one pixel of 10,000 may round the other way, by one level: at the 25 dB and
        # less of this network that is below 0.001 dB.
        assert abs(row.worst_picture.loss) < 1e-3
        assert "below the JPEG itself" in verdict.gain


def test_notes_reach_the_report(sets: dict[str, tuple[Path, ...]]) -> None:
    report = check(TINY, TINY, {"gray": sets["pictures"][1:]}, values=(90,))
    assert [row.protocol for row in report.rows] == ["gray"]
    assert report.notes == ("gray: all pictures are gray: protocol rgb was left out",)


def test_jpeg_stands_in_for_other_codecs_and_a_note_says_so(
    sets: dict[str, tuple[Path, ...]], tmp_path: Path
) -> None:
    for name, codec in (("jpeg.onnx", "jpeg"), ("vvc.onnx", "vvc")):
        small_models.write(small_models.strong_graph(), tmp_path / name, codecs=(codec,))
    report = check(
        tmp_path / "jpeg.onnx",
        tmp_path / "vvc.onnx",
        {"one": sets["pictures"][:1]},
        values=(40,),
    )
    # the same network: what its card says of codecs changes no figure
    assert [row.loss for row in report.rows] == [0.0, 0.0]
    assert report.notes == (
        f"{tmp_path / 'vvc.onnx'} serves vvc: JPEG stands in, so the gains are not those on its "
        "own pictures",
    )


def test_the_gate_of_another_codec(sets: dict[str, tuple[Path, ...]], tmp_path: Path) -> None:
    """The same network in two formats, on pictures behind HEVC and JPEG 2000."""
    pytest.importorskip("av")
    paths = [tmp_path / "small.onnx", tmp_path / "small.tflite"]
    for path in paths:
        small_models.write(small_models.strong_graph(), path, codecs=("hevc", "jpeg2000"))
    one = {"one": sets["pictures"][:1]}
    for codec, value, protocols in (("hevc", 32, PROTOCOLS), ("jpeg2000", 1.5, ("gray",))):
        report = check(paths[0], paths[1], one, codec=codec, values=(value,), protocols=protocols)
        assert {(row.point.codec, row.point.value) for row in report.rows} == {(codec, value)}
        assert max(abs(row.loss) for row in report.rows) < 0.01  # runtimes round otherwise
        assert report.notes == () and report.to_dict()["encoder"]["encoder"] in report.to_text()
    with pytest.raises(InputError, match="serves jpeg and not hevc"):
        check("edgeqe-nano", "edgeqe-nano", one, codec="hevc", values=(32,))


def test_the_frames_of_a_clip_are_pictures(tmp_path: Path) -> None:
    pytest.importorskip("av")
    write_y4m(tmp_path / "film.y4m", [studio_planes(rgb) for rgb in moving()])
    with picture_sets([tmp_path / "film.y4m"]) as sets:
        report = check(TINY, TINY, sets, values=(40,), protocols=("gray",))
    (row,) = report.rows
    names = [picture.name for picture in row.pictures]
    assert (row.data, names) == ("film.y4m", [f"film.y4m:{number}" for number in range(3)])


def test_models_that_cannot_be_compared(sets: dict[str, tuple[Path, ...]], tmp_path: Path) -> None:
    small_models.write(
        small_models.strong_graph(inputs=("planes", "residual")), tmp_path / "residual.onnx"
    )
    with pytest.raises(InputError, match="takes the decoder's prediction residual"):
        check(TINY, tmp_path / "residual.onnx", sets)
    with pytest.raises(ModelError, match=r"no model 'none\.onnx'"):
        check(TINY, "none.onnx", sets)


def test_the_gate_needs_no_host_package(sets: dict[str, tuple[Path, ...]]) -> None:
    picture = str(sets["pictures"][0])
    code = (
        "import sys\nfrom pathlib import Path\nfrom edgeqe.quantization.drift.gate import check\n"
        f"check({TINY!r}, {TINY!r}, {{'a': [Path({picture!r})]}}, values=(90,))\n"
        "from edgeqe.quantization.drift.picture_sets import picture_sets\n"
        "with picture_sets(['drawn']) as sets: print(sum(map(len, sets.values())))\n"
        "heavy = {'tensorflow', 'keras', 'onnx', 'flatbuffers', 'skimage', 'matplotlib'}\n"
        "print(heavy & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout == "20\nset()\n"
