"""A bounded share of scripts/attack, in child processes, and that it sees what it is there for."""

from __future__ import annotations

import functools
import importlib
import json
import os
import random
import re
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "attack"


MODELS = ("bytes", "card", "structure")
REST = ("pictures", "kills", "signals", "fulldisk", "forks", "interrupts", "frames", "sizes")


@pytest.mark.parametrize(("parts", "seconds"), [(MODELS, 15), (REST, 40)])
def test_a_share_of_every_attack_finds_nothing(parts: tuple[str, ...], seconds: int) -> None:
    options = [word for part in parts for word in ("--part", part)]
    done = subprocess.run(
        [sys.executable, str(SCRIPT), *options, "--seed", "20", "--seconds", str(seconds)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    counts = re.search(r"(\d+) attacks on 4 model files and the rest: 0 failures", done.stdout)
    assert counts and int(counts[1]) > 0
    assert [line.partition(":")[0] for line in done.stdout.splitlines()[:-1]] == list(parts)


CHILD = """
import os, sys
first, last = int(sys.argv[5]), int(sys.argv[6])
for index in range(first, last):
    print(index, flush=True)
    if index == 3: os.abort()
    print(index, "wrong" if index == 7 else "refused", flush=True)
    print("grown", 100 - index, flush=True)
"""


def test_a_child_that_ends_is_a_failure_and_the_attack_goes_on_behind_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(SCRIPT))
    parent = importlib.import_module("parent")
    progress = importlib.import_module("progress")
    (tmp_path / "__main__.py").write_text(CHILD)
    monkeypatch.setattr(parent, "HERE", tmp_path)
    until = parent.time.monotonic() + 60
    found, following = parent.attack("bytes", "m.onnx", 1, 2, 10, until)
    assert (found["crashed"], found["wrong"], found["refused"], found["tried"]) == (1, 1, 6, 8)
    assert (following, found["KiB grown at most"]) == (10, 98)

    kept = tmp_path / "kept.json"
    first = progress.Progress(kept, 1, full=True)
    first.add("bytes", "m.onnx", found, following)
    again = progress.Progress(kept, 1, full=True)
    assert (again.next("bytes", "m.onnx"), again.total("tried")) == (10, 8)
    assert "8 of 9: 98 KiB grown at most, 1 crashed, 6 refused, 1 wrong" in again.line("bytes", 9)
    with pytest.raises(SystemExit, match="another run"):
        progress.Progress(kept, 2, full=True)


def test_an_attack_that_is_stopped_goes_on_where_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(SCRIPT))
    parent = importlib.import_module("parent")
    slow = CHILD.replace("if index == 3: os.abort()", "if index == 5: sys.stdin.read()")
    (tmp_path / "__main__.py").write_text(slow)
    monkeypatch.setattr(parent, "HERE", tmp_path)
    monkeypatch.setattr(parent, "LEAST", 3.0)
    reading, writing = os.pipe()
    monkeypatch.setattr(
        parent.subprocess, "run", functools.partial(subprocess.run, stdin=reading)
    )  # which never ends, so the child waits
    found, following = parent.attack("bytes", "m.onnx", 1, 0, 9, parent.time.monotonic() + 3)
    assert (following, found["refused"], found["crashed"], found["hung"]) == (5, 5, 0, 0)
    os.close(writing)
    os.close(reading)


def test_changed_cards_stay_json_however_often_they_are_changed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.syspath_prepend(str(SCRIPT))
    mutants = importlib.import_module("mutants")
    for seed in range(300):
        card = {"name": "n", "planes": ["y"], "shape": [1, 6], "codecs": {"jpeg": [1.0, 2.0]}}
        draw = random.Random(seed)
        for _ in range(6):  # more than a mutant has, so that changes meet each other's values
            mutants._change(card, draw)
        json.dumps(card)
