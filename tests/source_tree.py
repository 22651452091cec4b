"""Our source files, read by the tests of the house."""

from __future__ import annotations

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LINKED = ("bench", "converters", "quantization", "targets")


def modules(root: Path) -> dict[str, Path]:
    """Every module of the package by name, through the links."""
    found = {}
    for folder, folders, files in os.walk(root / "edgeqe", followlinks=True):
        folders[:] = [name for name in folders if name != "__pycache__"]
        for file in files:
            if file.endswith(".py"):
                parts = (Path(folder) / file).relative_to(root).with_suffix("").parts
                name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
                found[name] = Path(folder) / file
    return found


def within(module: str, names: set[str]) -> bool:
    """Whether a module is one of the names, or lies below one."""
    return any(module == name or module.startswith(f"{name}.") for name in names)
