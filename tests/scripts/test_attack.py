"""A bounded share of scripts/attack: mutants of model files read and run in child processes."""

from __future__ import annotations

import importlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "attack"


def test_mutants_end_in_an_error_or_a_residual() -> None:
    done = subprocess.run(
        [sys.executable, str(SCRIPT), "--seed", "20", "--seconds", "20"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    counts = re.search(r"(\d+) mutants of (\d+) files: 0 failures", done.stdout)
    assert counts and int(counts[1]) > 0 and int(counts[2]) == 4


def test_a_child_that_ends_is_a_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The attack sees what it is there for: a process that a mutant ended, and which one it was."""
    monkeypatch.syspath_prepend(str(SCRIPT))
    parent = importlib.import_module("parent")

    child = tmp_path / "__main__.py"
    child.write_text(
        "import os, sys\n"
        "first, last = int(sys.argv[5]), int(sys.argv[6])\n"
        "for index in range(first, last):\n"
        "    print(index, flush=True)\n"
        "    if index == 3: os.abort()\n"
        "print(f'refused={last - first}')\n"
    )
    monkeypatch.setattr(parent, "HERE", tmp_path)
    found = parent.attack(Path("m.onnx"), "bytes", 1, 10, parent.time.monotonic() + 60)
    assert (found["crashed"], found["mutants"], found["refused"]) == (1, 10, 6)
