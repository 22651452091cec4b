"""An empty virtual environment with the wheel, and an empty folder with a user's own files."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

#: Makes what a page calls the reader's own: pictures, photographs to calibrate on, a clip.
_YOURS = """
from pathlib import Path
from PIL import Image, ImageFilter
for folder in ("photos", "pictures"):
    Path(folder).mkdir(exist_ok=True)
plain = Image.linear_gradient("L").convert("RGB")
plain.save("in.jpg", quality=20)
plain.rotate(90).save("photos/a.jpg", quality=30)
for index in range(8):
    noise = Image.effect_noise((256, 192), 60 + index).filter(ImageFilter.GaussianBlur(1))
    noise.convert("RGB").save(f"pictures/{index}.png")
"""
_CLIP = """
import av, numpy as np
with av.open("in.mp4", "w") as clip:
    stream = clip.add_stream("libx264", rate=25)
    stream.width, stream.height, stream.pix_fmt = 128, 96, "yuv420p"
    for value in range(3):
        picture = np.full((96, 128, 3), 40 * value, np.uint8)
        clip.mux(stream.encode(av.VideoFrame.from_ndarray(picture)))
    clip.mux(stream.encode())
"""


def make(folder: Path, wheel: Path, extras: str) -> Path:
    """Make a virtual environment of nothing but the wheel with its extras.

    Parameters
    ----------
    folder : Path
        Of the environment; it must not exist.
    wheel : Path
    extras : str
        Such as ``ort,files``.

    Returns
    -------
    Path
        Its folder of programs.

    Raises
    ------
    SystemExit
        If it cannot be made.
    """
    programs = folder / "bin"
    pip = [str(programs / "python"), "-m", "pip", "install", "--quiet"]
    steps = (
        [sys.executable, "-m", "venv", str(folder)],
        [*pip, "--disable-pip-version-check", f"{wheel}[{extras}]"],
    )
    for step in steps:  # a PYTHONPATH with this checkout would pass for an installation
        done = subprocess.run(
            step, check=False, capture_output=True, text=True, env=variables(programs)
        )
        if done.returncode:
            raise SystemExit(f"the environment of [{extras}] cannot be made:\n{done.stderr}")
    return programs


def variables(programs: Path) -> dict[str, str]:
    """Environment variables of a shell in which the environment is active, and nothing else is."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    own["PATH"] = f"{programs}{os.pathsep}{own['PATH']}"
    return {**own, "VIRTUAL_ENV": str(programs.parent), "EDGEQE_TRUST": ""}


def fill(folder: Path, programs: Path) -> None:
    """Put a user's own files into an empty folder: in.jpg, photos/, pictures/, in.mp4, source.mkv.

    The clip is made with PyAV where this interpreter has it; else it is a file that is none, which is
    enough where the environment has no PyAV either.
    """
    subprocess.run([str(programs / "python"), "-c", _YOURS], cwd=folder, check=True)
    made = subprocess.run(
        [sys.executable, "-c", _CLIP], cwd=folder, check=False, capture_output=True
    )
    if made.returncode:
        (folder / "in.mp4").write_bytes(b"\0\0\0\x18ftypisom\0\0\0\0isommp42")
    (folder / "source.mkv").write_bytes((folder / "in.mp4").read_bytes())
