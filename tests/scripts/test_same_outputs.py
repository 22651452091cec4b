"""The comparison of two checkouts, on made-up ones whose models add a constant to a picture."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
from PIL import Image

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "same_outputs"
#: A package edgeqe whose models are files with the number that they add.
PACKAGE = """
from pathlib import Path

class Enhancer:
    def __init__(self, form, *, target):
        assert target == "cpu"
        name = form.replace(":", ".")
        name += "" if name.endswith(".tflite") else ".onnx"
        self.added = int((Path(__file__).parent / "models" / name).read_text())
    def __enter__(self):
        return self
    def __exit__(self, *_):
        pass
    def enhance(self, image, *, quality):
        return image + type(image.flat[0])(self.added)
"""


def checkout(folder: Path, **models: str) -> Path:
    """A checkout with these models; two underscores of a name stand for a point."""
    package = folder / "edgeqe"
    (package / "models").mkdir(parents=True)
    (package / "__init__.py").write_text(PACKAGE, encoding="utf-8")
    for name, added in models.items():
        file = name.replace("__", ".")
        (package / "models" / file).write_text(added, encoding="utf-8")
    return folder


def pictures(folder: Path) -> Path:
    folder.mkdir()
    rng = np.random.default_rng(3)
    for name in ("a.png", "b.bmp"):
        Image.fromarray(rng.integers(0, 256, (16, 24, 3), np.uint8)).save(folder / name)
    (folder / "notes.txt").write_text("no picture", encoding="utf-8")
    return folder


def run(*words: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(SCRIPT), *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_equal_checkouts_have_a_line_for_each_form(tmp_path: Path) -> None:
    models = {"net__float32__onnx": "1", "net__int8__tflite": "2", "net__int8-trt__onnx": "3"}
    old, new = (checkout(tmp_path / name, **models) for name in ("old", "new"))
    done = run(old, new, pictures(tmp_path / "in"))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        "net:float32: the same 2 pictures",
        "net:int8.tflite: the same 2 pictures",
    ]


def test_what_differs_is_named_and_fails(tmp_path: Path) -> None:
    old = checkout(
        tmp_path / "old",
        net__float16__onnx="1", net__float32__onnx="1", net__int8__onnx="0", net__int8__tflite="5",
    )  # fmt: skip
    new = checkout(
        tmp_path / "new", net__float16__onnx="1", net__float32__onnx="2", net__int8__onnx="broken"
    )
    done = run(old, new, pictures(tmp_path / "in"))
    assert done.returncode == 1
    lines = done.stdout.splitlines()
    assert lines[0] == "net:float16: the same 2 pictures"
    assert lines[1] == "net:float32: 2 of 2 differ, a.png first"
    assert lines[2].startswith("net:int8: the new checkout failed: ValueError")
    assert lines[3] == "net:int8.tflite: shipped by the old checkout alone"


def test_a_wrong_use_is_one_line(tmp_path: Path) -> None:
    right = checkout(tmp_path / "right")
    for words, told in (
        ((right, tmp_path, tmp_path), "is no checkout of edgeqe"),
        ((right, right, tmp_path / "none"), "is no folder of pictures"),
    ):
        done = run(*words)
        assert done.returncode == 2 and told in done.stderr.splitlines()[-1]
