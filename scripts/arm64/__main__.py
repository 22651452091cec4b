"""Runs the device package on emulated ARM processors and compares it with this machine.

Usage: ``python scripts/arm64 [--folder build/arm64] [--cpu NAME] [--side 64] [MODEL ...]``. Needs
an environment with both runtimes, Pillow, scikit-image and pip, beside what `root.TOOLS` lists.
Exit codes: 0 all agree, 1 they differ, 2 something is missing. See docs/arm64.md.
"""

from __future__ import annotations

import argparse
import io
import json
import shutil
import subprocess
import sys
from importlib import metadata, util
from pathlib import Path

import numpy as np
from comparison import Row, Side, as_table
from root import CPUS, Emulated, Missing, find_tools

REPOSITORY = Path(__file__).resolve().parents[2]
ENHANCE = Path(__file__).with_name("enhance.py")

#: What ships for a CPU, in both formats; of float32 the smallest, to see how far it differs.
MODELS = (
    "edgeqe-tiny:int8.tflite",
    "edgeqe-small:int8.tflite",
    "edgeqe-tiny:int8",
    "edgeqe-small:int8",
    "edgeqe-tiny:float32.tflite",
    "edgeqe-tiny:float32",
)

#: With instructions for sums of products of integers, and without.
DEFAULT_CPUS = ("cortex-a76", "cortex-a53")

#: Distributions that both sides have; the runtimes in the same version.
SAME = ("ai-edge-litert", "onnxruntime")
NEWEST = ("click", "numpy", "pillow")


def requirements() -> list[str]:
    """Name what the ARM side installs."""
    lacking = [name for name in ("PIL", "pip", "skimage") if util.find_spec(name) is None]
    pinned = []
    for name in SAME:
        try:
            pinned.append(f"{name}=={metadata.version(name)}")
        except metadata.PackageNotFoundError:
            lacking.append(name)
    if lacking:
        raise Missing(
            f"{sys.executable} lacks {', '.join(lacking)}: run this with the environment that "
            "'make test' makes, .venv/bin/python."
        )
    return [*pinned, *NEWEST]


def save_picture(path: Path, side: int) -> None:
    """Cut a square out of a photograph of scikit-image and damage it as JPEG does."""
    import skimage
    from PIL import Image

    photograph = Path(skimage.__file__).parent / "data" / "astronaut.png"
    coded = io.BytesIO()
    with Image.open(photograph) as picture:
        left, top = (picture.width - side) // 2, (picture.height - side) // 2
        cut = picture.convert("RGB").crop((left, top, left + side, top + side))
    cut.save(coded, "JPEG", quality=20)
    with Image.open(coded) as decoded:
        np.save(path, np.asarray(decoded))


def copy_package(destination: Path) -> None:
    """Copy the tree as it is installed: the linked packages inside of it."""
    if destination.exists():
        shutil.rmtree(destination)
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(REPOSITORY / "edgeqe", destination / "edgeqe", ignore=ignored)


def side_of(done: subprocess.CompletedProcess[str], out: Path) -> Side:
    """Read what one side wrote; a process that failed gives its last words."""
    if done.returncode != 0:
        words = [line for line in done.stderr.splitlines() if line.strip()] or ["no message"]
        return Side(error=f"exit {done.returncode}: {words[-1]}")
    facts = json.loads(done.stdout.splitlines()[-1])
    with np.load(out) as arrays:
        return Side(bits8=arrays["bits8"], bits16=arrays["bits16"], **facts)


def run_here(package: Path, picture: Path, model: str, out: Path) -> Side:
    """Run a model on this machine, from the same copy of the package."""
    command = [sys.executable, str(ENHANCE), str(picture), model, str(out)]
    environment = {"PYTHONPATH": str(package), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    return side_of(done, out)


def run_emulated(emulated: Emulated, model: str) -> Side:
    """Run a model on the emulated processor."""
    done = emulated.python("/enhance.py", "/picture.npy", model, "/enhanced.npz")
    return side_of(done, emulated.root / "enhanced.npz")


def compare(folder: Path, cpus: list[str], models: list[str], side: int, mirror: str) -> list[Row]:
    """Make what is not there yet, run every model on every processor, and on this one."""
    tools, wanted = find_tools(), requirements()
    emulated = Emulated(folder.resolve() / "root", tools)
    emulated.make(folder.resolve() / "packages", mirror)
    emulated.install(wanted)
    package, picture = emulated.root / "package", emulated.root / "picture.npy"
    copy_package(package)
    save_picture(picture, side)
    shutil.copy(ENHANCE, emulated.root)
    here = {name: run_here(package, picture, name, folder / "here.npz") for name in models}
    rows = []
    for cpu in cpus:
        emulated.pretend(cpu)
        rows += [Row(cpu, name, here[name], run_emulated(emulated, name)) for name in models]
    return rows


def main() -> int:
    """Compare, print the table, and say whether all agree."""
    parser = argparse.ArgumentParser(prog="arm64", description=__doc__.partition("\n")[0])
    parser.add_argument("--folder", type=Path, default=REPOSITORY / "build" / "arm64")
    parser.add_argument("--cpu", action="append", choices=sorted(CPUS), help="again for another")
    parser.add_argument("--side", type=int, default=64, help="of the picture, pixels, 8 to 512")
    parser.add_argument("--mirror", default="", help="Debian mirror; debootstrap's own if left out")
    parser.add_argument("models", nargs="*", metavar="MODEL", help="shipped models by full name")
    given = parser.parse_args()
    if not 8 <= given.side <= 512:
        parser.error(f"--side {given.side} is not from 8 to 512")
    cpus, models = given.cpu or list(DEFAULT_CPUS), given.models or list(MODELS)
    try:
        rows = compare(given.folder, cpus, models, given.side, given.mirror)
    except Missing as error:
        print(f"arm64: {error}", file=sys.stderr)
        return 2
    print("\n".join(as_table(rows)))
    return 0 if all(row.passed for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
