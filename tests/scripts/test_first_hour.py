"""What a new user types is found on the pages, run, and judged.

The script itself, ``scripts/first_hour``, makes environments from a package index and takes minutes.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

from tests.source_tree import ROOT

SCRIPT = ROOT / "scripts" / "first_hour"
ASKS = "edgeqe: clips need PyAV: pip install 'edgeqe[codecs]'\n"


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> dict[str, ModuleType]:
    """Modules of the script, whose folder is no package: they find each other by bare names."""
    found = {}
    for file in ("pages", "rules", "environment", "__main__"):
        name = file.strip("_")
        spec = importlib.util.spec_from_file_location(name, SCRIPT / f"{file}.py")
        assert spec is not None and spec.loader is not None
        found[name] = importlib.util.module_from_spec(spec)
        monkeypatch.setitem(sys.modules, name, found[name])
        spec.loader.exec_module(found[name])
    return found


def test_commands_and_programs_of_a_page(script: dict[str, ModuleType], tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "# A page\n\n```sh\nedgeqe demo    # a remark\n\nedgeqe enhance a \\\n    -o b\n```\n"
        "```toml\nx = 1\n```\n```python\nprint(1)  # kept\n```\n",
        encoding="utf-8",
    )
    steps = script["pages"].steps_of(tmp_path, page)
    assert [(step.line, step.language, step.text) for step in steps] == [
        (4, "sh", "edgeqe demo"), (6, "sh", "edgeqe enhance a -o b"), (13, "python", "print(1)  # kept\n"),
    ]  # fmt: skip


def test_the_pages_hold_what_is_run(script: dict[str, ModuleType]) -> None:
    pages, rules = script["pages"], script["rules"]
    steps = [step for page in pages.pages_of(ROOT) for step in pages.steps_of(ROOT, page)]
    run = {step.text for step in steps if not rules.reason_not_to_run(step, ())}
    assert {"edgeqe demo", "edgeqe enhance photos/ -o enhanced/ --memory-limit 64MiB"} <= run
    assert {step.page for step in pages.example_steps(ROOT)} == {
        path.relative_to(ROOT).as_posix() for path in (ROOT / "examples").glob("*.py")
    }


@pytest.mark.parametrize(
    ("text", "language", "status", "error", "verdict"),
    [
        ("edgeqe demo", "sh", 0, "", "ran"),
        ("edgeqe demo", "sh", 2, "edgeqe: no such file\n", "FAILED"),
        ("edgeqe demo", "sh", 1, "", "FAILED"),
        ("edgeqe enhance in.mp4 -o b.mkv", "sh", 2, ASKS, "asks"),
        ("edgeqe enhance in.mp4 -o - | edgeqe enhance - -o b.mkv", "sh", 2, ASKS * 2, "asks"),
        ("edgeqe enhance in.mp4 -o b.mkv", "sh", 2, f"{ASKS}and more\n", "FAILED"),
        ("edgeqe enhance in.jpg -o b.png", "sh", 2, ASKS, "FAILED"),  # must run with these extras
        ("edgeqe demo", "sh", 0, "Traceback (most recent call last):\n", "FAILED"),
        ("frames('in.mp4')", "python", 1, f"Traceback:\n{ASKS}", "asks"),
        ("frames('in.mp4')", "python", 1, "Traceback:\nKeyError: 1\n", "FAILED"),
    ],
)
def test_a_step_is_judged(
    text: str, language: str, status: int, error: str, verdict: str, script: dict[str, ModuleType]
) -> None:
    step = script["pages"].Step("page.md", 1, text, language)
    assert script["rules"].judged(step, status, "", error).verdict == verdict


def test_what_a_line_above_did_not_make_is_not_asked_for(script: dict[str, ModuleType]) -> None:
    step = script["pages"].Step("page.md", 1, "edgeqe verify ours.onnx", "sh")
    reason = script["rules"].reason_not_to_run
    assert reason(step, ()) == "" and "ours.onnx" in reason(step, {"ours.onnx"})
    again = script["pages"].Step("page.md", 1, "edgeqe enhance a.jpg -o ours.png", "sh")
    assert reason(again, {"ours.png"}) == ""


def test_all_of_a_page_is_run_and_counted(
    script: dict[str, ModuleType], tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    main = script["main"]
    root = tmp_path / "checkout"
    (root / "docs").mkdir(parents=True)
    (root / "examples").mkdir()
    (root / "README.md").write_text(
        "```sh\nmkdir made\ntest -d made\nmake demo\nfalse\n```\n", encoding="utf-8"
    )
    monkeypatch.setattr(main, "ROOT", root)
    failed = main.run_all(tmp_path, Path(sys.executable).parent, (), 60)
    lines = capsys.readouterr().out.splitlines()
    assert failed == 1 and lines[-1] == "2 ran, 1 not run, 1 FAILED"
    assert [line.split()[0] for line in lines if line.startswith("README")] == [
        f"README.md:{line}" for line in (2, 3, 4, 5)
    ]
