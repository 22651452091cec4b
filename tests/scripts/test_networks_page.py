"""The table and picture of every network, from made-up figures, and that docs/networks.md has the kept ones."""

from __future__ import annotations

import importlib.util
import io
import json
import sys
from pathlib import Path
from types import ModuleType

import pytest
from PIL import Image

from edgeqe.errors import InputError
from edgeqe.model.catalogue import find_model
from edgeqe.model.file import ModelFile

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "scripts" / "networks"
VALUES = {
    "pictures": "3 pictures of made-up",
    "machine": "a machine, 2 threads",
    "gains": {"edgeqe-nano": {"JPEG q20": 0.51}, "liu-adaptive-reduced": {"HEVC QP 32": 0.25}},
    "times": {"edgeqe-nano": {"float32": 12.0, "int8.tflite": 5.25}},
}


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> dict[str, ModuleType]:
    """Modules of the script, whose folder is no package: they find each other by bare names."""
    found = {}
    for name in ("figures", "page"):
        spec = importlib.util.spec_from_file_location(name, SCRIPT / f"{name}.py")
        assert spec is not None and spec.loader is not None
        found[name] = importlib.util.module_from_spec(spec)
        monkeypatch.setitem(sys.modules, name, found[name])
        spec.loader.exec_module(found[name])
    return found


def test_each_figure_stands_under_its_head(script: dict[str, ModuleType]) -> None:
    names = ("edgeqe-nano", "liu-adaptive-reduced")
    cards = {name: ModelFile(find_model(name)).card for name in names}
    sentence, _, heads, _, *rows = script["page"].table_lines(cards, VALUES)
    assert "3 pictures of made-up" in sentence and "a machine, 2 threads" in sentence
    columns = [cell.strip() for cell in heads.strip("|").split("|")]
    table = {}
    for row in rows:
        cells = [cell.strip() for cell in row.strip("|").split("|")]
        table[cells[0]] = dict(zip(columns, cells, strict=True))
    # by hand: 6 channels to 16, twice 16 to 16, 16 to 6, 3x3 each, at half the resolution
    assert table["edgeqe-nano"]["kMAC/px"] == f"{9 * (6 * 16 + 2 * 16 * 16 + 16 * 6) / 4000:.1f}"
    assert table["edgeqe-nano"]["JPEG q20, dB"] == "+0.510"
    assert table["edgeqe-nano"]["HEVC QP 32, dB"] == ""
    assert table["edgeqe-nano"]["INT8 TFLite, ms"] == "5.2"
    assert table["liu-adaptive-reduced"]["HEVC QP 32, dB"] == "+0.250"
    assert table["liu-adaptive-reduced"]["float32, ms"] == ""
    drawn = Image.open(io.BytesIO(script["page"].picture(cards, VALUES)))
    assert drawn.format == "PNG" and drawn.size[0] > 2 * drawn.size[1]


def test_a_page_without_marks_is_left_alone(
    script: dict[str, ModuleType], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    results, page = tmp_path / "results.json", tmp_path / "page.md"
    monkeypatch.setattr(script["figures"], "RESULTS", results)
    monkeypatch.setattr(script["page"], "PAGE", page)
    page.write_text("no marks")
    with pytest.raises(InputError, match="nothing is measured"):
        script["page"].write_page()
    results.write_text(json.dumps(VALUES))
    with pytest.raises(InputError, match="has no marks"):
        script["page"].write_page()
    assert page.read_text() == "no marks"


def test_the_page_has_what_was_measured(script: dict[str, ModuleType]) -> None:
    figures, page = script["figures"], script["page"]
    lines = page.table_lines(figures.networks(), figures.kept())
    assert "\n".join(lines) in page.PAGE.read_text(encoding="utf-8"), "run scripts/networks page"
