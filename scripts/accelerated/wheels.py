"""Packages that a machine with a GPU may lack: fetched when packing, unpacked when running.

Beside PyTorch or JAX such a machine usually has NumPy and what Keras is built on (absl-py, h5py,
ml-dtypes, packaging, rich). It seldom has Keras itself and optree, and its Pillow may be older than
11.3, the first that reads AVIF.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

from contents import WHEELS

from edgeqe.errors import InputError
from edgeqe.zoo.training.recipe import Recipe

PACKAGES = ("keras", "optree", "pillow")
#: Encoders of codecs that Pillow has not, and what the decoder of HEVC's prediction residual needs.
ENCODERS = {"h264": "av", "hevc": "av", "av1": "av", "vvc": "imageio-ffmpeg"}
DECODER = ("numba", "llvmlite")
#: Version of Python that is fetched for if none is named.
PYTHON = "3.12"
#: Systems whose wheels a Linux of 2018 or later on x86-64 takes; pip matches them exactly.
SYSTEMS = ("manylinux_2_28", "manylinux_2_27", "manylinux_2_17", "manylinux2014")


def packages_of(recipe: Recipe) -> tuple[str, ...]:
    """Packages that a training needs and a machine may lack."""
    encoders = dict.fromkeys(ENCODERS[codec] for codec in recipe.codecs if codec in ENCODERS)
    if "vvc" in recipe.codecs:  # PyAV decodes it
        encoders["av"] = None
    return (*PACKAGES, *encoders, *(() if recipe.loop_filters else DECODER))


def fetch(folder: Path, python: str, packages: Sequence[str] = PACKAGES) -> None:
    """Fetch wheels of the versions that are installed here.

    Parameters
    ----------
    folder : Path
    python : str
        Version of Python there, as ``3.12``.
    packages : sequence of str

    Raises
    ------
    InputError
        If pip does not find them.
    """
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
    command += ["--only-binary=:all:", "--implementation", "cp", "--python-version", python]
    for system in SYSTEMS:
        command += ["--platform", f"{system}_x86_64"]
    command += ["--dest", str(folder), *(f"{name}=={version(name)}" for name in packages)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        said = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
        raise InputError(
            f"no wheels for Python {python} ({(said or ['pip failed'])[0]}): name another version "
            "by --wheels, or pack without."
        )


@contextmanager
def unpacked(folder: Path) -> Iterator[None]:
    """A packed training's wheels in front of what is installed, also for processes started.

    Nothing is installed: the wheels are unpacked into a folder that goes away again.
    """
    wheels = sorted((folder / WHEELS).glob("*.whl"))
    if not wheels:
        yield
        return
    with tempfile.TemporaryDirectory(prefix="edgeqe-wheels-") as place:
        for wheel in wheels:
            with zipfile.ZipFile(wheel) as archive:
                archive.extractall(place)
        sys.path.insert(0, place)
        try:
            yield
        finally:
            sys.path.remove(place)
