"""Builds the wheel the long way, by the source archive, and checks what is in it.

Every module and data file of the tree must be there, and nothing else at the top.
Needs ``build`` and ``setuptools`` installed, and no network.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SHIPPED = {".css", ".html", ".json", ".onnx", ".png", ".py", ".tflite", ".toml", ".txt", ".typed"}


def expected_files() -> Iterator[str]:
    """Names of the files that the wheel must hold, as the tree has them by its links."""
    for folder, folders, files in os.walk(ROOT / "edgeqe", followlinks=True):
        folders[:] = [name for name in folders if name != "__pycache__"]
        for name in files:
            if Path(name).suffix in SHIPPED:
                yield (Path(folder) / name).relative_to(ROOT).as_posix()


def expected_version() -> str:
    """Give the version that the tree states."""
    text = (ROOT / "edgeqe" / "__init__.py").read_text(encoding="utf-8")
    match = re.search(r'^__version__ = "([^"]+)"', text, flags=re.MULTILINE)
    if match is None:
        raise SystemExit('edgeqe/__init__.py: no line of the form __version__ = "..."')
    return match[1]


def build_wheel(folder: Path) -> Path:
    """Build source archive and wheel into a folder; return the wheel."""
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"the wheel cannot be built:\n{done.stdout}{done.stderr}")
    (wheel,) = folder.glob("*.whl")
    return wheel


def problems(wheel: Path) -> list[str]:
    """List what is wrong with a wheel, one line each."""
    version = expected_version()
    info = f"edgeqe-{version}.dist-info"
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if not name.endswith("/")}
        empty = {item.filename for item in archive.infolist() if item.file_size == 0}
        entry_points = archive.read(f"{info}/entry_points.txt").decode()
    expected = set(expected_files())
    ours = {name for name in names if name.startswith("edgeqe/")}
    found = [f"missing: {name} (is its package in pyproject.toml?)" for name in expected - ours]
    found += [f"not in the tree: {name} (remove build/)" for name in ours - expected]
    found += [
        f"unwanted at the top: {top}"
        for top in {name.split("/")[0] for name in names} - {"edgeqe", info}
    ]
    found += [f"empty: {name}" for name in empty if Path(name).suffix not in {".py", ".typed"}]
    if f"{info}/licenses/LICENSE" not in names:
        found.append("missing: the LICENSE")
    if "edgeqe = edgeqe.cli:main" not in entry_points:
        found.append("missing: the edgeqe command")
    return sorted(found)


def main() -> None:
    """Build, check, and say what was found; exit 1 with a list of the problems."""
    with tempfile.TemporaryDirectory() as folder:
        wheel = build_wheel(Path(folder))
        found = problems(wheel)
        size = wheel.stat().st_size
    if found:
        raise SystemExit("\n".join(["the wheel is wrong:", *found]))
    print(f"the wheel is complete: {wheel.name}, {size / 1024:.0f} KiB")


if __name__ == "__main__":
    main()
