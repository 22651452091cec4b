"""The pages of models: of the shipped files, with links and pictures that are there, and small."""

from __future__ import annotations

import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from edgeqe.model.catalogue import find_model, shipped_models
from edgeqe.model.file import ModelFile
from tests.source_tree import ROOT

FOLDER = ROOT / "docs" / "models"
PAGES = sorted(FOLDER.glob("edgeqe-*.md"))


def test_the_folder_is_small() -> None:
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) < 1_500_000
    assert {path.name for path in FOLDER.glob("*.webp")} == {f"{page.stem}.webp" for page in PAGES}


@pytest.mark.parametrize("page", [*PAGES, FOLDER / "README.md"], ids=lambda page: page.stem)
def test_links_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8"))
    assert targets
    for target in targets:
        name, _, anchor = target.partition("#")
        assert (FOLDER / name).exists(), target
        if anchor:
            text = (FOLDER / name).read_text(encoding="utf-8")
            heads = [
                re.sub(r"\W+", "-", h.lower()).strip("-")
                for h in re.findall(r"^#+ (.+)$", text, re.M)
            ]
            assert anchor in heads, target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_is_of_the_shipped_weights(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    card = ModelFile(find_model(f"{page.stem}:int8")).card
    assert f"`{card.weights_sha256[:16]}`" in text, "run: python scripts/model_pages"
    assert f"Weights: {card.licence}." in text and f"{card.kmac_per_pixel:g} kMAC" in text
    rows = re.findall(r"^\| (photograph|face|text|line art|dark) \|(.*)\|$", text, re.M)
    assert len(rows) == 5
    for _, cells in rows:
        for cell in cells.split("|"):
            before, after, gain = map(float, re.findall(r"[-+]?\d+\.\d+", cell))
            assert after - before == pytest.approx(gain, abs=0.011)  # three rounded figures
    with Image.open(FOLDER / f"{page.stem}.webp") as sheet:
        assert sheet.width > 1000 and sheet.height > 500


def test_the_overview_has_every_model() -> None:
    text = (FOLDER / "README.md").read_text(encoding="utf-8")
    for name in shipped_models():
        assert name in text
        assert (f"]({name}.md)" in text) == (FOLDER / f"{name}.md").is_file()


def test_published_figures_are_read_from_the_readme(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "scripts" / "model_pages"))
    published = runpy.run_path(str(ROOT / "scripts" / "model_pages" / "text.py"))["published"]
    row = published(ROOT, "edgeqe-nano")
    assert f"| {row['INT8, ms']} |" in (ROOT / "README.md").read_text(encoding="utf-8")
    assert row["BD-rate colour"].endswith("%") and published(ROOT, "edgeqe-none") == {}


def test_an_unknown_model_is_named(tmp_path: Path) -> None:
    command = [
        sys.executable,
        str(ROOT / "scripts" / "model_pages"),
        "edgeqe-nanu",
        "--out",
        str(tmp_path),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 2 and "edgeqe-nanu" in done.stderr and "Traceback" not in done.stderr
