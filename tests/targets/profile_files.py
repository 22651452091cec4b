"""Profiles of targets as TOML, and the one line about a wrong one."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from edgeqe.errors import InputError
from edgeqe.targets.reading import read_profile

if sys.version_info >= (3, 11):
    pass
else:
    pass


WAY = """
[[runtime]]
runtime = "onnxruntime"
provider = "CPUExecutionProvider"
precisions = ["int8", "float32"]
"""
PEAK = """
[[peak]]
gigamacs = { float32 = 83 }
gigabytes = 40
source = "a data sheet"
"""


def write(folder: Path, text: str, name: str = "board") -> str:
    path = folder / f"{name}.toml"
    path.write_text(text, encoding="utf-8")
    return str(path)


def error(name: str) -> str:
    """Message about a profile, which is one line."""
    with pytest.raises(InputError) as caught:
        read_profile(name)
    message = str(caught.value)
    assert "\n" not in message and message.endswith(".") and not message.endswith("..")
    return message
