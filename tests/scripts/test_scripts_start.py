"""Every script of the project starts: its imports are those of the packages as they are now."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"
NAMES = (
    "accelerated",
    "arm64",
    "fades",
    "first_hour",
    "intra_decoder",
    "model_pages",
    "no_harm",
    "peers",
    "reference_network",
    "reproduce",
    "same_outputs",
    "shapes",
    "ship",
    "unknown_strength",
    "verdicts",
)


@pytest.mark.parametrize("name", NAMES)
def test_a_script_says_what_it_takes(name: str) -> None:
    done = subprocess.run(
        [sys.executable, str(SCRIPTS / name), "--help"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout[:6]) == (0, "usage:"), done.stderr
