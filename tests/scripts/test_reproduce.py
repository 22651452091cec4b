"""The papers' trainings: what is done is left out, and the ledger says what was run and what not."""

from __future__ import annotations

import importlib.util
import json
import re
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from PIL import Image

from edgeqe.files.file_report import FileReport
from edgeqe.planned import Unchanged
from edgeqe.zoo.training.files import CHECKPOINT, LOG
from edgeqe.zoo.training.recipe import read_recipe, shipped_recipes

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "reproduce"


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> dict[str, ModuleType]:
    """Modules of the script, whose folder is no package: they find each other by bare names."""
    found = {}
    names = ("systems", "sections", "comparisons", "training", "tried", "trying", "ledger")
    for name in (*names, "qp_adaptive", "mvgl"):
        spec = importlib.util.spec_from_file_location(name, SCRIPT / f"{name}.py")
        assert spec is not None and spec.loader is not None
        found[name] = importlib.util.module_from_spec(spec)
        monkeypatch.setitem(sys.modules, name, found[name])
        spec.loader.exec_module(found[name])
    return found


def test_every_training_of_a_group_has_both_recipes(script: dict[str, ModuleType]) -> None:
    recipes, groups = shipped_recipes(), script["systems"].GROUPS
    named = [name for group in groups.values() for name in group]
    assert len(named) == len(set(named))
    for name in named:
        assert name in recipes and f"{name}-reduced" in recipes
    sections = script["sections"].SECTIONS
    assert [group for section in sections for group in section.groups] == list(groups)


def test_a_training_is_done_when_it_was_validated_at_its_end(
    script: dict[str, ModuleType], tmp_path: Path
) -> None:
    is_done, name = script["training"].is_done, "liu-37-reduced"
    assert not is_done(name, tmp_path)
    folder = tmp_path / name
    folder.mkdir()
    for step, validated, expected in ((4000, 4000, True), (4000, 0, False), (3999, 0, False)):
        np.savez(folder / "made.npz", step=step, seconds=60.0, precision="float32")
        (folder / "made.npz").rename(folder / CHECKPOINT)
        (folder / LOG).write_text(json.dumps({"step": validated, "minutes": 1.0}) + "\n")
        assert is_done(name, tmp_path) is expected


def test_the_ledger_has_what_was_kept_and_says_what_was_not_run(
    script: dict[str, ModuleType], tmp_path: Path
) -> None:
    results, page = tmp_path / "results", tmp_path / "page.md"
    results.mkdir()
    values: dict[str, Any] = {
        "command": "python scripts/reproduce measure liu --data PICTURES",
        "machine": "a processor, 2 cores",
        "pictures": "3 pictures of some",
        "rows": [{"what": "Y BD-rate, one", "published": "-0.97 %", "ours": "-1.23 %"}],
        "trainings": [
            {"name": f"liu-{kind}-reduced", "steps": 4000, "minutes": 30.0, "precision": "bfloat16",
             "batch": 16, "crop": 64, "data": "free/cid22"}
            for kind in ("global", "adaptive")
        ],
    }  # fmt: skip
    for qp in (22, 27, 32, 37):
        figures = {"one plain model for all QPs": 30.0, "one model per QP": 30.2}
        figures["one QP-adaptive model"] = 29.9 if qp == 27 else 30.15
        values["rows"] += [
            {"what": f"Y PSNR, QP {qp}, {name}", "published": "-", "ours": f"{psnr:.3f} dB (+1.0)"}
            for name, psnr in figures.items()
        ]
    (results / "liu.json").write_text(json.dumps(values))
    script["ledger"].write_ledger(results, page)
    text = page.read_text()
    assert "| QP-adaptive beats plain, QP 22 | +0.150 dB | yes |" in text
    assert "| QP-adaptive beats plain, QP 27 | -0.100 dB | no |" in text
    # by hand: (3 * 30.15 + 29.9) / 4 - 30.2 = -0.1125, which is more than 0.03 behind
    assert re.search(r"within 0.03 dB of a model per QP, mean \| -0.11[23] dB \| no \|", text)
    assert "| Y BD-rate, one | -0.97 % | -1.23 % |" in text
    assert "Printed by `python scripts/reproduce measure liu --data PICTURES`" in text
    assert "| liu-adaptive-reduced | free/cid22 | 4,000 | 16 x 64x64 | 30.0, bfloat16 |" in text
    assert "1.0 hours in all on a processor, 2 cores." in text
    sections = script["sections"].SECTIONS
    claims = {group: claims for section in sections for group, claims in section.groups.items()}
    for what, published in claims["asqe"] + claims["rrnet"] + claims["mvgl"]:
        assert f"| {what} | {published} | not run |" in text
    for section in sections:
        for what, published in section.not_run:
            assert f"| {what} | {published} | not run |" in text


def test_the_first_steps_of_a_training_are_kept_for_the_ledger(
    script: dict[str, ModuleType],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pytest.importorskip("av")
    pictures, results = tmp_path / "pictures", tmp_path / "results"
    pictures.mkdir()
    results.mkdir()
    rng = np.random.default_rng(0)
    for name in "ab":
        coarse = Image.fromarray(rng.integers(40, 200, (8, 8, 3), np.uint8))
        coarse.resize((160, 160), Image.Resampling.BICUBIC).save(pictures / f"{name}.png")
    monkeypatch.setattr(script["trying"], "SLOTS", 2)
    script["trying"].try_out(["liu-37"], pictures, 2, batch=1, results=results / "tried.json")
    (row,) = script["tried"].tried(results / "tried.json").values()
    published = read_recipe("liu-37")
    assert (row["steps"], row["batch"], row["published_batch"]) == (2, 1, published.batch)
    assert 0.0 < row["loss"] < 1.0
    crops = f"1 of {published.batch} x {published.crop}x{published.crop}"
    assert f"liu-37: 2 steps of {crops}, " in capsys.readouterr().out

    script["ledger"].write_ledger(results, tmp_path / "page.md")
    text = (tmp_path / "page.md").read_text()
    assert f"| liu-37 | {crops} | 2 steps, " in text
    assert "| hgrdn-cascade |  | not run |" in text


def test_what_was_not_measured_is_not_judged(script: dict[str, ModuleType]) -> None:
    verdicts = script["comparisons"].verdicts
    frozen = "Y PSNR, q20, full, attention frozen, no blocks"
    ours = {
        "Y PSNR, q20, full, one pass of blocks": "31.000 dB (+0.9), 129,735 parameters",
        "Y PSNR, q20, full, second pass shifted by 16": "31.040 dB (+1.0), 61.8 kMAC/px",
        frozen: "31.015 dB (+1.0), 61.8 kMAC/px",
    }
    second_pass = ("the shifted second pass gains", "+0.040 dB", "yes")
    claim = "frozen channel attention, whose tiles equal the whole, loses nothing"
    assert verdicts("asqe", ours) == [second_pass, (claim, "-0.025 dB", "no")]
    del ours[frozen]
    assert verdicts("asqe", ours) == [second_pass]


def test_a_picture_goes_to_the_model_of_the_nearest_qp(script: dict[str, ModuleType]) -> None:
    class Named:
        def __init__(self, qp: int) -> None:
            self.qp = qp

        def enhance(self, image: Any, *, step: float, codec: str) -> int:
            return self.qp

    per_qp = script["qp_adaptive"].PerQp({qp: Named(qp) for qp in (22, 27, 32, 37)})
    for qp, expected in ((22, 22), (27, 27), (32, 32), (37, 37), (40, 37), (28, 27)):
        step = 2 ** ((qp - 4) / 6)
        assert per_qp.enhance(np.zeros((2, 2)), step=step, codec="hevc") == expected


class Brighter(Unchanged):
    """Makes every picture a level brighter, in the time that it is told."""

    def __init__(self, levels: int, seconds: float) -> None:
        self.levels, self.seconds = levels, seconds

    def enhance_planes(self, y: Any, u: Any, v: Any, **_: Any) -> tuple[Any, Any, Any]:
        """Luma with the levels added."""
        return y + np.uint8(self.levels), u, v

    def enhance_file(self, source: Any, destination: Any, **options: Any) -> FileReport:
        """As written; the time is made up."""
        report = super().enhance_file(source, destination, **options)
        return replace(report, enhance_seconds=self.seconds)


def test_the_mix_stays_inside_the_share_of_the_time(
    script: dict[str, ModuleType], tmp_path: Path
) -> None:
    pytest.importorskip("av")
    rng = np.random.default_rng(0)
    for name in "ab":
        coarse = Image.fromarray(rng.integers(40, 200, (4, 4, 3), np.uint8))
        coarse.resize((64, 48), Image.Resampling.BICUBIC).save(tmp_path / f"{name}.png")
    # A and B change nothing for the better; C does nothing, and alone fits for both pictures
    networks = {"mvgl-a": Brighter(9, 1.0), "mvgl-b": Brighter(9, 0.5), "mvgl-c": Brighter(0, 0.25)}
    rows = script["mvgl"].mix_rows(networks, tmp_path)
    assert [published for _, published, _ in rows] == ["not given", "+0.443 dB", "not given"]
    figures = [float(ours.split()[0]) for _, _, ours in rows]
    assert figures[2] >= figures[1] >= figures[0] - 1e-3  # nothing gains, so the QPs alone decide
    assert all(ours.endswith("(+0.000)") for _, _, ours in rows)
    assert all("44% of A's time" in what for what, _, _ in rows)


def test_perceptual_claims_compare_the_figure_where_less_is_better(
    script: dict[str, ModuleType],
) -> None:
    figures = {
        "type 1, noise reduction": "30.100 dB, NIQE 13.000, features 3.8000",
        "type 2, texture restoration": "29.000 dB, NIQE 12.000, features 3.6000",
        "type 3, one behind the other": "29.500 dB, NIQE 11.500, features 3.5000",
        "type 4, trained as a cascade": "30.200 dB, NIQE 13.250, features 3.4000",
    }
    ours = {f"RGB, QP 37, {name}": row for name, row in figures.items()}
    found = {claim: rest for claim, *rest in script["comparisons"].verdicts("hgrdn", ours)}
    # differences by hand
    assert found["type 1 beats type 2 in PSNR"] == ["+1.100 dB", "yes"]
    assert found["type 1 beats type 4 in PSNR"] == ["-0.100 dB", "no"]
    assert found["type 3 beats type 1 in NIQE"] == ["-1.500 NIQE", "yes"]
    assert found["type 4 beats type 1 in NIQE"] == ["+0.250 NIQE", "no"]
    assert found["type 4 beats type 3 in features"] == ["-0.100 features", "yes"]
